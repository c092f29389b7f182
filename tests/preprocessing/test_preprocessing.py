"""Each kind of preprocessing against loops and closed forms in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from wrn.config import DataConfig, options
from wrn.errors import WeightsError
from wrn.preprocessing import (
    KINDS,
    GcnZca,
    KerasZca,
    MeanStd,
    PerPixel,
    fit_preprocessing,
    read_preprocessing,
)
from wrn.preprocessing.zca import (
    GCN_ZCA_REGULARIZER,
    KERAS_ZCA_REGULARIZER,
    normalize_contrast,
)


def smooth_images(random, count):
    """Draw images whose neighbouring values are alike, as in photographs."""
    coarse = random.integers(0, 230, (count, 2, 2, 3))
    images = coarse.repeat(2, axis=1).repeat(2, axis=2)
    return (images + random.integers(0, 25, images.shape)).astype(np.uint8)


def as_rows(images):
    return np.asarray(images, np.float64).reshape(len(images), -1)


def inverse_root(matrix):
    """Return matrix^(-1/2) by the singular value decomposition."""
    u, s, _ = np.linalg.svd(matrix)
    return u @ np.diag(1 / np.sqrt(s)) @ u.T


def identity_like(random, kind):
    """Return a kind for 32x32 images with made-up figures that change an image."""
    noise = random.normal(0, 1e-3, (3072, 3072)).astype(np.float32)
    matrix = np.eye(3072, dtype=np.float32) * 0.5 + noise + noise.T
    if kind is GcnZca:
        return GcnZca(mean=random.normal(0, 0.3, 3072), matrix=matrix)
    channels = MeanStd(mean=(120.0, 125.0, 130.0), std=(60.0, 61.0, 62.0))
    return KerasZca(channels=channels, matrix=matrix)


def test_the_form_offers_the_kinds_that_exist():
    (option,) = (o for o in options(DataConfig) if o.name == "preprocessing")
    assert option.choices == tuple(KINDS)
    assert [KINDS[name].before_augmentation for name in option.choices] == [
        False,  # where the channels are scaled does not matter
        True,  # the authors augment whitened images
        False,  # Keras's generator augments first
    ]


# mean-std


def test_fit_equals_numpys_mean_and_deviation(random):
    images = random.integers(0, 256, (5000, 32, 32, 3)).astype(np.uint8)
    images[..., 1] //= 3
    fitted = fit_preprocessing("mean-std", images)
    np.testing.assert_allclose(fitted.mean, images.mean((0, 1, 2)), rtol=1e-9)
    np.testing.assert_allclose(fitted.std, images.std((0, 1, 2)), rtol=1e-9)


def test_applied_to_its_own_images_gives_zero_mean_and_unit_deviation(random):
    images = random.integers(0, 200, (100, 32, 32, 3)).astype(np.uint8)
    applied = fit_preprocessing("mean-std", images).apply(images.astype(np.float64))
    np.testing.assert_allclose(applied.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(applied.std((0, 1, 2)), 1, atol=1e-5)


def test_constant_channel_does_not_divide_by_zero():
    images = np.full((4, 32, 32, 3), 7, np.uint8)
    fitted = fit_preprocessing("mean-std", images)
    assert np.isfinite(fitted.apply(images.astype(np.float32))).all()


# gcn-zca


def test_contrast_normalization_equals_a_loop(random):
    images = random.integers(0, 256, (50, 8, 8, 3)).astype(np.float32)
    images[3] = 77  # blank
    found = np.asarray(normalize_contrast(images.reshape(50, -1)))
    for image, row in zip(images.astype(np.float64), found, strict=True):
        centred = image - image.mean()
        norm = np.sqrt((centred**2).sum())
        expected = 55 * centred / norm if norm else centred
        np.testing.assert_allclose(row, expected.ravel(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.mean(axis=1), 0, atol=1e-5)
    norms = np.linalg.norm(found, axis=1)
    np.testing.assert_allclose(norms[np.arange(50) != 3], 55, rtol=1e-6)


def contrast(images):
    """Global contrast normalization in NumPy and float64."""
    rows = as_rows(images)
    rows -= rows.mean(axis=1, keepdims=True)
    return 55 * rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_gcn_zca_has_the_covariance_of_the_closed_form(random):
    images = smooth_images(random, 500)
    fitted = fit_preprocessing("gcn-zca", images)
    whitened = as_rows(fitted.apply(images.astype(np.float32)))
    np.testing.assert_allclose(whitened.mean(axis=0), 0, atol=1e-3)
    covariance = np.cov(contrast(images).T, bias=True)
    expected = covariance @ np.linalg.inv(covariance + 0.1 * np.eye(48))
    np.testing.assert_allclose(np.cov(whitened.T, bias=True), expected, atol=1e-3)
    # Near the identity where the variances are large beside the regularizer; the
    # direction that contrast normalization takes out of every image stays empty.
    variances = np.linalg.eigvalsh(expected)
    assert abs(variances[0]) < 1e-9
    assert variances[1] > 0.8
    assert np.median(variances) > 0.88


def test_gcn_zca_of_new_images_uses_the_training_images_figures(random):
    images, others = smooth_images(random, 300), smooth_images(random, 20)
    rows = contrast(images)
    root = inverse_root(np.cov(rows.T, bias=True) + 0.1 * np.eye(48))
    fitted = fit_preprocessing("gcn-zca", images)
    expected = (contrast(others) - rows.mean(axis=0)) @ root
    found = as_rows(fitted.apply(others.astype(np.float32)))
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_the_inverse_of_gcn_zca_restores_the_image(random):
    images = smooth_images(random, 300)
    fitted = fit_preprocessing("gcn-zca", images)
    whitened = as_rows(fitted.apply(images.astype(np.float32)))
    arrays = fitted.arrays()
    inverse = np.linalg.inv(arrays["matrix"].astype(np.float64))
    normalized = whitened @ inverse + arrays["mean"]
    originals = as_rows(images)
    means = originals.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(originals - means, axis=1, keepdims=True)
    np.testing.assert_allclose(normalized * norms / 55 + means, originals, atol=0.05)


# keras-zca


def test_keras_zca_equals_its_formula_on_images_and_mirror_images(random):
    images = smooth_images(random, 300)
    both = np.concatenate([images, images[:, :, ::-1]]).astype(np.float64)
    scaled = (both - both.mean((0, 1, 2))) / both.std((0, 1, 2))
    rows = as_rows(scaled)
    root = inverse_root(rows.T @ rows / len(rows) + 1e-6 * np.eye(48))
    fitted = fit_preprocessing("keras-zca", images)
    found = as_rows(fitted.apply(images.astype(np.float32)))
    np.testing.assert_allclose(found, rows[:300] @ root, atol=2e-3)
    # The regularizer is small, so the second moment is near the identity.
    mirrored = as_rows(fitted.apply(images[:, :, ::-1].astype(np.float32)))
    whitened = np.concatenate([found, mirrored])
    np.testing.assert_allclose(whitened.T @ whitened / 600, np.eye(48), atol=2e-3)


# All kinds


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_images_give_the_same_figures(kind, random):
    images = smooth_images(random, 200)
    first, second = (fit_preprocessing(kind, images) for _ in range(2))
    assert first.to_dict() == second.to_dict()
    assert first.arrays().keys() == second.arrays().keys()
    for name, array in first.arrays().items():
        np.testing.assert_array_equal(array, second.arrays()[name])


@pytest.mark.parametrize("kind", KINDS)
def test_all_at_once_equals_a_compiled_batch(kind, random, monkeypatch):
    monkeypatch.setattr("wrn.preprocessing.base.CHUNK_IMAGES", 64)
    images = smooth_images(random, 150)
    fitted = fit_preprocessing(kind, images)
    batch = tf.function(fitted.apply)(tf.constant(images, tf.float32))
    assert batch.shape == images.shape
    np.testing.assert_allclose(fitted.apply_to_all(images), batch, atol=1e-4)


def test_mean_std_round_trips_through_json_types():
    fitted = MeanStd(mean=(1.5, 2, 3), std=(4, 5, 6.25))
    assert read_preprocessing(fitted.to_dict(), {}) == fitted


@pytest.mark.parametrize("kind", [GcnZca, KerasZca])
def test_whitening_round_trips(kind, random):
    fitted = identity_like(random, kind)
    again = read_preprocessing(fitted.to_dict(), fitted.arrays())
    images = random.integers(0, 256, (3, 32, 32, 3)).astype(np.float32)
    np.testing.assert_array_equal(fitted.apply(images), again.apply(images))


@pytest.mark.parametrize(
    "stored",
    [
        None,
        {},
        {"kind": "zca", "mean": [1, 2, 3], "std": [1, 1, 1]},
        {"kind": ["gcn-zca"]},
        {"kind": "mean-std", "mean": [1, 2], "std": [1, 1, 1]},
        {"kind": "mean-std", "mean": [1, 2, 3], "std": [1, 0, 1]},
        {"kind": "mean-std", "mean": [1, float("nan"), 3], "std": [1, 1, 1]},
        {"kind": "mean-std", "mean": "abc", "std": [1, 1, 1]},
        {"kind": "mean-std", "mean": [10**400, 1, 1], "std": [1, 1, 1]},
        {"kind": "keras-zca", "mean": [1, 2, 3]},
    ],
)
def test_tampered_statistics_are_refused(stored):
    with pytest.raises(WeightsError, match="preprocessing"):
        read_preprocessing(stored, {})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"matrix": None}, "gcn-zca needs its matrix of 3072x3072.*Received: none"),
        ({"mean": None}, "gcn-zca needs its mean of 3072.*Received: none"),
        ({"mean": np.zeros(3, np.float32)}, "Received: 3$"),
        ({"matrix": np.zeros((3, 3), np.float32)}, "3072x3072.*Received: 3x3"),
        ({"matrix": np.tri(3072, dtype=np.float32)}, "must be symmetric"),
        ({"matrix": 3e38 * np.eye(3072, dtype=np.float32)}, r"entries up to 3\.162"),
        ({"matrix": -3e38 * np.eye(3072, dtype=np.float32)}, r"entries up to 3\.162"),
    ],
)
def test_missing_or_impossible_arrays_are_refused(changes, message, random):
    arrays = identity_like(random, GcnZca).arrays() | changes
    arrays = {name: array for name, array in arrays.items() if array is not None}
    with pytest.raises(WeightsError, match=message):
        read_preprocessing({"kind": "gcn-zca"}, arrays)


def test_regularizers_are_the_sources():
    """Pylearn2's in the authors' version 1 of the paper, and ImageDataGenerator's."""
    assert (GCN_ZCA_REGULARIZER, KERAS_ZCA_REGULARIZER) == (0.1, 1e-6)


def test_a_strong_whitening_of_ones_own_is_read_again():
    """Entries go up to one by the root of the regularizer: 1,000 for Keras's."""
    channels = MeanStd(mean=(120.0, 125.0, 130.0), std=(60.0, 61.0, 62.0))
    matrix = 900 * np.eye(3072, dtype=np.float32)
    strong = KerasZca(channels=channels, matrix=matrix)
    again = read_preprocessing(strong.to_dict(), strong.arrays())
    np.testing.assert_array_equal(again.matrix, matrix)


def test_pixels_that_hardly_differ():
    images = np.full((50, 32, 32, 3), 7, np.uint8)
    images[0] = 8
    found = PerPixel.fit(images)
    np.testing.assert_allclose(found.std, images.std(axis=0), rtol=1e-5)
    ones = np.ones((32, 32, 3), np.float32)
    nothing = ones.copy()
    nothing[3, 4, 2] = 0
    with pytest.raises(WeightsError, match="above 0"):
        read_preprocessing({"kind": "per-pixel"}, {"mean": ones, "std": nothing})
