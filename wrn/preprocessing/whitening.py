"""ZCA whitening: a linear map that makes the values of images uncorrelated.

Of all such maps it is the one that changes the images least, so that whitened images
still look like images. With a regularizer it leaves weak directions, which are mostly
noise, weak.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def moments(
    batches: Iterable[NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the first and the second moment of rows, summed batch by batch.

    Args:
        batches: (any number, values) each, at least one row in all.

    Returns:
        The mean of the rows, (values,), and X^T X / n over all n rows X,
        (values, values), exactly symmetric. About the mean, not about zero, it is
        the covariance plus the mean's outer product with itself.
    """
    rows, total, products = 0, None, None
    for batch in batches:
        # NumPy sees the transposed factor and computes one triangle only.
        product = batch.T @ batch
        rows += len(batch)
        if total is None or products is None:
            total, products = batch.sum(axis=0), product
        else:
            total += batch.sum(axis=0)
            products += product
    if total is None or products is None:
        raise ValueError("moments must be of at least one row. Received: none")
    return total / rows, products / rows


def zca_matrix(
    covariance: NDArray[np.float64], regularizer: float
) -> NDArray[np.float32]:
    """Return the matrix that whitens rows of this covariance.

    With the eigenvectors U and eigenvalues S of the covariance it is

        U diag(1 / sqrt(S + regularizer)) U^T

    and whitened rows have the covariance U diag(S / (S + regularizer)) U^T.

    Args:
        covariance: (values, values), symmetric.
        regularizer: Above 0, so that directions without variance do no harm.

    Returns:
        float32 (values, values), exactly symmetric.
    """
    variances, directions = np.linalg.eigh(covariance)
    # Rounding can push a variance of zero below it.
    scales = 1.0 / np.sqrt(np.maximum(variances, 0.0) + regularizer)
    matrix = (directions * scales) @ directions.T
    return np.asarray((matrix + matrix.T) / 2.0, np.float32)
