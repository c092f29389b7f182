"""ZCA whitening against its closed form."""

import numpy as np
import pytest

from wrn.preprocessing.whitening import moments, zca_matrix


def correlated(random, rows=400, values=20):
    """Return rows whose covariance is far from the identity."""
    mixing = random.normal(0, 1, (values, values)) * np.logspace(-1, 1, values)
    return random.normal(0, 1, (rows, values)) @ mixing + random.normal(0, 3, values)


def test_moments_equal_numpys_whatever_the_batches(random):
    rows = correlated(random)
    mean, second = moments([rows[:1], rows[1:150], rows[150:]])
    np.testing.assert_allclose(mean, rows.mean(0), rtol=1e-12)
    np.testing.assert_allclose(
        second - np.outer(mean, mean), np.cov(rows.T, bias=True), rtol=1e-9, atol=1e-9
    )
    np.testing.assert_array_equal(second, second.T)


def test_moments_of_nothing_are_refused():
    with pytest.raises(ValueError, match="at least one row"):
        moments([])


def test_whitened_rows_have_nearly_the_identity_as_covariance(random):
    rows = correlated(random)
    covariance = np.cov(rows.T, bias=True)
    whitened = (rows - rows.mean(0)) @ zca_matrix(covariance, 1e-6).astype(np.float64)
    np.testing.assert_allclose(np.cov(whitened.T, bias=True), np.eye(20), atol=2e-3)


@pytest.mark.parametrize("rows", [400, 8])
@pytest.mark.parametrize("regularizer", [0.1, 3.0])
def test_covariance_with_a_regularizer_is_the_closed_form(random, rows, regularizer):
    """Fewer rows than values, too: then the covariance is singular."""
    rows = correlated(random, rows)
    covariance = np.cov(rows.T, bias=True)
    matrix = zca_matrix(covariance, regularizer).astype(np.float64)
    whitened = (rows - rows.mean(0)) @ matrix
    # U diag(S / (S + r)) U^T without eigenvectors: C (C + r I)^-1.
    expected = covariance @ np.linalg.inv(covariance + regularizer * np.eye(20))
    np.testing.assert_allclose(np.cov(whitened.T, bias=True), expected, atol=1e-4)


def test_matrix_is_the_symmetric_positive_inverse_root(random):
    covariance = np.cov(correlated(random).T, bias=True)
    matrix = zca_matrix(covariance, 0.1)
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, matrix.T)
    matrix = matrix.astype(np.float64)
    assert np.linalg.eigvalsh(matrix).min() > 0
    regular = covariance + 0.1 * np.eye(20)
    np.testing.assert_allclose(matrix @ regular @ matrix, np.eye(20), atol=1e-4)


def test_it_stays_as_close_to_the_data_as_whitening_can(random):
    """What makes it ZCA: any further rotation moves the rows away."""
    rows = correlated(random)
    rows -= rows.mean(0)
    matrix = zca_matrix(np.cov(rows.T, bias=True), 1e-6).astype(np.float64)
    distance = np.linalg.norm(rows - rows @ matrix)
    for _ in range(5):
        rotation, _ = np.linalg.qr(random.normal(0, 1, (20, 20)))
        assert np.linalg.norm(rows - rows @ matrix @ rotation) > distance
