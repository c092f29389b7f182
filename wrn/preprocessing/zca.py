"""Preprocessing by ZCA whitening: the paper's first version, and Keras's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from wrn.config import FULL_SIZE
from wrn.errors import WeightsError
from wrn.preprocessing.base import Preprocessing, chunks, read_array
from wrn.preprocessing.statistics import MeanStd
from wrn.preprocessing.whitening import moments, zca_matrix

#: Numbers that an image consists of.
_VALUES = FULL_SIZE * FULL_SIZE * 3

#: What the norm of each image is made to be, and what is added to the variances:
#: pylearn2's CIFAR10(gcn=55.0) and the default filter_bias of its ZCA.
GCN_NORM = 55.0
GCN_ZCA_REGULARIZER = 0.1

#: Any image but a blank one has a larger norm about its mean, since its values are
#: whole numbers that are not all the same.
_BLANK_NORM = 0.5

#: The default `zca_epsilon` of Keras's ImageDataGenerator.
KERAS_ZCA_REGULARIZER = 1e-6


@dataclass(frozen=True, kw_only=True, eq=False)
class GcnZca(Preprocessing):
    """Global contrast normalization, then ZCA whitening with regularizer 0.1.

        y = 55 * (image - mean of its values) / norm of the difference
        z = (y - mean) @ matrix

    The authors trained on a file of whitened images, so whitening comes before flips
    and crops.

    Attributes:
        mean: float32 (values,), the mean of y over the training images.
        matrix: float32 (values, values), `zca_matrix` of the covariance of y.

    Source:
        arXiv:1605.07146 version 1; pylearn2's CIFAR10(gcn=55.0) and ZCA(), whose
        filter_bias is 0.1.
    """

    kind: ClassVar[str] = "gcn-zca"
    before_augmentation: ClassVar[bool] = True

    mean: Any
    matrix: Any

    def __post_init__(self) -> None:
        _to_tensors(self, "mean", "matrix")

    @classmethod
    def fit(cls, images: NDArray[np.uint8]) -> Self:
        """Fit mean and matrix on training images, uint8 (n, height, width, 3)."""
        mean, second = moments(
            np.asarray(normalize_contrast(_flat(chunk))) for chunk in chunks(images)
        )
        covariance = second - np.outer(mean, mean)
        return cls(mean=mean, matrix=zca_matrix(covariance, GCN_ZCA_REGULARIZER))

    @classmethod
    def read(cls, stored: dict[str, Any], arrays: Mapping[str, Any]) -> Self:
        """Take up the mean and the matrix of 32x32 images."""
        return cls(
            mean=read_array(cls.kind, arrays, "mean", (_VALUES,)),
            matrix=_read_matrix(cls.kind, arrays, GCN_ZCA_REGULARIZER),
        )

    def apply(self, images: Any) -> Any:
        """Whiten float32 images; the result is a tensor."""
        flat = normalize_contrast(_flat(images)) - self.mean
        return tf.reshape(flat @ self.matrix, (-1, *images.shape[1:]))

    def to_dict(self) -> dict[str, Any]:
        """Return the kind; the figures are arrays."""
        return {"kind": self.kind}

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return mean and matrix."""
        return {"mean": np.asarray(self.mean), "matrix": np.asarray(self.matrix)}


@dataclass(frozen=True, kw_only=True, eq=False)
class KerasZca(Preprocessing):
    """Channel means and deviations, then Keras's ZCA whitening.

        y = (image - mean) / std, channel by channel
        z = y @ matrix,  matrix = U diag(1 / sqrt(S + 1e-6)) U^T

    with U and S from the singular value decomposition of Y^T Y / n. No mean image is
    subtracted. Keras adds 1e-7 to the deviations too, which float32 cannot tell.

    Keras flips first and whitens then. The superseded script fitted its training
    images on two rounds of random flips, which is drawn; here every image counts once
    as it is and once mirrored, what such rounds tend to. It whitened its test images
    with another matrix, fitted without flips; here there is one.

    Attributes:
        channels: The channel means and deviations.
        matrix: float32 (values, values).

    Source:
        `fit` and `standardize` of Keras 2's preprocessing/image.py with
        featurewise_center, featurewise_std_normalization and zca_whitening.
    """

    kind: ClassVar[str] = "keras-zca"

    channels: MeanStd
    matrix: Any

    def __post_init__(self) -> None:
        _to_tensors(self, "matrix")

    @classmethod
    def fit(cls, images: NDArray[np.uint8]) -> Self:
        """Fit the figures on training images, uint8 (n, height, width, 3)."""
        channels = MeanStd.fit(images)
        mean, std = (np.asarray(each) for each in (channels.mean, channels.std))
        _, second = moments(_flat((chunk - mean) / std) for chunk in chunks(images))
        places = np.arange(len(second)).reshape(images.shape[1:])
        mirrored = places[:, ::-1].ravel()
        second = (second + second[np.ix_(mirrored, mirrored)]) / 2.0
        return cls(channels=channels, matrix=zca_matrix(second, KERAS_ZCA_REGULARIZER))

    @classmethod
    def read(cls, stored: dict[str, Any], arrays: Mapping[str, Any]) -> Self:
        """Take up the channel statistics and the matrix of 32x32 images."""
        return cls(
            channels=MeanStd.read(stored, arrays),
            matrix=_read_matrix(cls.kind, arrays, KERAS_ZCA_REGULARIZER),
        )

    def apply(self, images: Any) -> Any:
        """Whiten float32 images; the result is a tensor."""
        flat = _flat(self.channels.apply(images))
        return tf.reshape(flat @ self.matrix, (-1, *images.shape[1:]))

    def to_dict(self) -> dict[str, Any]:
        """Return the kind and the channel statistics as plain JSON types."""
        return self.channels.to_dict() | {"kind": self.kind}

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return the matrix."""
        return {"matrix": np.asarray(self.matrix)}


def normalize_contrast(flat: Any) -> Any:
    """Give every image a mean of 0 and a norm of 55; a blank one becomes 0.

    Args:
        flat: float (n, values), whole numbers from 0 to 255.

    Returns:
        A tensor of the same shape and data type.
    """
    centred = flat - tf.reduce_mean(flat, axis=1, keepdims=True)
    norms = tf.norm(centred, axis=1, keepdims=True)
    return centred * tf.where(
        norms < _BLANK_NORM, tf.zeros_like(norms), GCN_NORM / norms
    )


def _flat(images: Any) -> Any:
    """Write each image as a row: height, then width, then channel."""
    shape = (-1, int(np.prod(images.shape[1:])))
    if isinstance(images, np.ndarray):
        return images.reshape(shape)
    return tf.reshape(images, shape)


def _to_tensors(kind: Preprocessing, *names: str) -> None:
    """Put figures into the device's memory once, and not into every compiled step."""
    for name in names:
        tensor = tf.constant(np.asarray(getattr(kind, name), np.float32))
        object.__setattr__(kind, name, tensor)


def _read_matrix(kind: str, arrays: Mapping[str, Any], regularizer: float) -> Any:
    matrix = read_array(kind, arrays, "matrix", (_VALUES, _VALUES))
    # No eigenvalue, and so no entry, of an honest one is above 1 / sqrt(regularizer).
    most = 1.0 / np.sqrt(regularizer)
    if not np.array_equal(matrix, matrix.T) or np.abs(matrix).max() > 1.01 * most:
        raise WeightsError(
            f"The matrix of the preprocessing {kind} must be symmetric, its entries up "
            f"to {most:.4g}. Received: one that is not; the file is damaged or was "
            "changed"
        )
    return matrix
