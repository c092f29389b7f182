"""What is done to every image, in training and in evaluation alike.

    mean-std    channel means and deviations: version 2 of the paper and later
    gcn-zca     global contrast normalization and ZCA whitening: version 1
    keras-zca   what Keras's ImageDataGenerator calls featurewise centring, standard
                deviation and ZCA whitening

Two more are known, to evaluate what other programs trained:

    per-pixel   mean and deviation of every pixel over the training images
    per-image   mean and deviation of the image itself

The figures are fitted on the training images and travel with the weights, so that
nobody evaluates with other statistics than the training's by accident.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from wrn.config import FULL_SIZE
from wrn.errors import WeightsError
from wrn.whitening import moments, zca_matrix

#: Images that are worked on at once, to bound memory.
_CHUNK_IMAGES = 2048

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


class Preprocessing(ABC):
    """One kind of preprocessing with its fitted figures.

    Attributes:
        kind: Its name in `DataConfig.preprocessing`.
        before_augmentation: Whether training images are preprocessed before they
            are flipped and cropped, once for all; else after, batch by batch.
    """

    kind: ClassVar[str]
    before_augmentation: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def fit(cls, images: NDArray[np.uint8]) -> Self:
        """Fit the figures on training images, uint8 (n, height, width, 3), n > 0."""

    @classmethod
    @abstractmethod
    def read(cls, stored: dict[str, Any], arrays: Mapping[str, Any]) -> Self:
        """Take up what `to_dict` and `arrays` gave. See `read_preprocessing`."""

    @abstractmethod
    def apply(self, images: Any) -> Any:
        """Preprocess images.

        Args:
            images: float32 (n, height, width, 3), 0 to 255. An array or a tensor.

        Returns:
            The same shape and data type.
        """

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return the kind and its small figures as plain JSON types."""

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return the figures that are too large for JSON, by name."""
        return {}

    def apply_to_all(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Preprocess a whole data set, with little more memory than the result takes.

        Args:
            images: uint8 (n, height, width, 3).

        Returns:
            float32 of the same shape.
        """
        applied = np.empty(images.shape, np.float32)
        for start in range(0, len(images), _CHUNK_IMAGES):
            chunk = images[start : start + _CHUNK_IMAGES]
            applied[start : start + len(chunk)] = self.apply(chunk.astype(np.float32))
        return applied


@dataclass(frozen=True, kw_only=True)
class MeanStd(Preprocessing):
    """Per-channel normalization: (image - mean) / std.

    Attributes:
        mean: Mean of red, green and blue, in 0 to 255.
        std: Standard deviation of red, green and blue, in 0 to 255; above 0.
    """

    kind: ClassVar[str] = "mean-std"

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @classmethod
    def fit(cls, images: NDArray[np.uint8]) -> Self:
        """Fit the statistics over all pixels of all images, channel by channel.

        Args:
            images: uint8, (n, height, width, 3), at least one.

        Returns:
            The statistics. The deviation of a constant channel is taken as 1.
        """
        # Whole numbers, so that the sums are exact whatever the order.
        total = np.zeros(3, np.int64)
        squares = np.zeros(3, np.int64)
        for start in range(0, len(images), _CHUNK_IMAGES):
            chunk = images[start : start + _CHUNK_IMAGES].reshape(-1, 3)
            counts = [np.bincount(chunk[:, c], minlength=256) for c in range(3)]
            values = np.arange(256)
            total += [int(count @ values) for count in counts]
            squares += [int(count @ values**2) for count in counts]
        pixels = images.size // 3
        mean = total / pixels
        std = np.sqrt(np.maximum(squares / pixels - mean**2, 0.0))
        std[std == 0.0] = 1.0
        return cls(mean=tuple(mean.tolist()), std=tuple(std.tolist()))

    @classmethod
    def read(cls, stored: dict[str, Any], arrays: Mapping[str, Any]) -> Self:
        """Take up three finite means and three positive deviations."""
        try:
            mean, std = (
                tuple(float(value) for value in stored[key]) for key in ("mean", "std")
            )
            figures = np.array([mean, std])
            good = (
                figures.shape == (2, 3)
                and np.isfinite(figures).all()
                and (figures[1] > 0).all()
            )
        except (TypeError, ValueError, KeyError, OverflowError):
            good = False
        if not good:
            raise WeightsError(
                "The preprocessing stored with the weights must have three means and "
                f"three positive deviations. Received: {stored!r:.200}"
            )
        return cls(mean=mean, std=std)  # type: ignore[arg-type]

    def apply(self, images: Any) -> Any:
        """Normalize images to about zero mean and unit variance."""
        mean = np.asarray(self.mean, np.float32)
        std = np.asarray(self.std, np.float32)
        return (images - mean) / std

    def to_dict(self) -> dict[str, Any]:
        """Return the statistics as plain JSON types."""
        return {"kind": self.kind, "mean": list(self.mean), "std": list(self.std)}


@dataclass(frozen=True, kw_only=True, eq=False)
class PerPixel(Preprocessing):
    """Normalization of every value by its place: (image - mean) / std.

    Attributes:
        mean: float32 (32, 32, 3), in 0 to 255.
        std: float32 (32, 32, 3), in 0 to 255; above 0.

    Source:
        titu1994/Wide-Residual-Networks, which gives the test images statistics of
        their own; here there is one set, the training images'.
    """

    kind: ClassVar[str] = "per-pixel"

    mean: Any
    std: Any

    @classmethod
    def fit(cls, images: NDArray[np.uint8]) -> Self:
        """Fit the statistics. The deviation of a constant value is taken as 1."""
        total = sum(chunk.sum(axis=0) for chunk in _chunks(images))
        squares = sum((chunk**2).sum(axis=0) for chunk in _chunks(images))
        mean = np.asarray(total) / len(images)
        variance = np.asarray(squares) / len(images) - mean**2
        # A variance of whole numbers is 0 or at least (n - 1) / n².
        constant = variance < 0.5 / len(images)
        std = np.sqrt(np.where(constant, 1.0, variance))
        return cls(mean=mean.astype(np.float32), std=std.astype(np.float32))

    @classmethod
    def read(cls, stored: dict[str, Any], arrays: Mapping[str, Any]) -> Self:
        """Take up the statistics of 32x32 images."""
        shape = (FULL_SIZE, FULL_SIZE, 3)
        mean, std = (_read_array(cls.kind, arrays, n, shape) for n in ("mean", "std"))
        if std.min() <= 0:
            raise WeightsError(
                f"The deviations of the preprocessing {cls.kind} must be above 0. "
                f"Received: {std.min():g}"
            )
        return cls(mean=mean, std=std)

    def apply(self, images: Any) -> Any:
        """Normalize images to zero mean and unit variance at every place."""
        return (images - self.mean) / self.std

    def to_dict(self) -> dict[str, Any]:
        """Return the kind; the figures are arrays."""
        return {"kind": self.kind}

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return mean and deviation."""
        return {"mean": self.mean, "std": self.std}


@dataclass(frozen=True, kw_only=True)
class PerImage(Preprocessing):
    """Normalization of every image by its own mean and deviation.

    Source:
        TensorFlow's tf.image.per_image_standardization, which takes the deviation
        as at least 1 / sqrt(number of values).
    """

    kind: ClassVar[str] = "per-image"

    @classmethod
    def fit(cls, images: NDArray[np.uint8]) -> Self:
        """Return the one way there is."""
        return cls()

    @classmethod
    def read(cls, stored: dict[str, Any], arrays: Mapping[str, Any]) -> Self:
        """Return the one way there is."""
        return cls()

    def apply(self, images: Any) -> Any:
        """Normalize images to zero mean and unit variance each; gives a tensor."""
        return tf.image.per_image_standardization(images)

    def to_dict(self) -> dict[str, Any]:
        """Return the kind."""
        return {"kind": self.kind}


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
            np.asarray(normalize_contrast(_flat(chunk))) for chunk in _chunks(images)
        )
        covariance = second - np.outer(mean, mean)
        return cls(mean=mean, matrix=zca_matrix(covariance, GCN_ZCA_REGULARIZER))

    @classmethod
    def read(cls, stored: dict[str, Any], arrays: Mapping[str, Any]) -> Self:
        """Take up the mean and the matrix of 32x32 images."""
        return cls(
            mean=_read_array(cls.kind, arrays, "mean", (_VALUES,)),
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
        _, second = moments(_flat((chunk - mean) / std) for chunk in _chunks(images))
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


#: What a network can be trained with here.
KINDS: dict[str, type[Preprocessing]] = {
    kind.kind: kind for kind in (MeanStd, GcnZca, KerasZca)
}

#: What can be stored with weights.
_STORED_KINDS = KINDS | {kind.kind: kind for kind in (PerPixel, PerImage)}


def fit_preprocessing(kind: str, images: NDArray[np.uint8]) -> Preprocessing:
    """Fit a kind of preprocessing on training images.

    The whitening kinds take a minute or two on two cores, and 0.5 GB for 32x32 images
    however many there are. The same images give the same figures on one machine.

    Args:
        kind: One of `KINDS`.
        images: uint8 (n, height, width, 3), at least one.
    """
    return KINDS[kind].fit(images)


def read_preprocessing(stored: Any, arrays: Mapping[str, Any]) -> Preprocessing:
    """Read what was saved with weights, from a file that may have been tampered with.

    Args:
        stored: What `Preprocessing.to_dict` gave.
        arrays: What `Preprocessing.arrays` gave; float32, finite.

    Raises:
        WeightsError: If the kind is unknown, or a figure is missing or impossible.
    """
    received = stored.get("kind") if isinstance(stored, dict) else stored
    for name, kind in _STORED_KINDS.items():
        if received == name:
            return kind.read(stored, arrays)
    raise WeightsError(
        "The preprocessing stored with the weights must be of the kind "
        f"{', '.join(_STORED_KINDS)}. Received: {received!r:.200}"
    )


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


def _chunks(images: NDArray[np.uint8]) -> Iterator[NDArray[np.float64]]:
    for start in range(0, len(images), _CHUNK_IMAGES):
        yield images[start : start + _CHUNK_IMAGES].astype(np.float64)


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


def _read_array(
    kind: str, arrays: Mapping[str, Any], name: str, shape: tuple[int, ...]
) -> Any:
    """Return an array of a weight file, if it is there and of the right shape."""
    array = arrays.get(name)
    if array is None or array.shape != shape:
        received = "none" if array is None else _by(array.shape)
        raise WeightsError(
            f"The preprocessing {kind} needs its {name} of {_by(shape)} numbers, as "
            f"fitted in training and saved with the weights. Received: {received}"
        )
    return array


def _read_matrix(kind: str, arrays: Mapping[str, Any], regularizer: float) -> Any:
    matrix = _read_array(kind, arrays, "matrix", (_VALUES, _VALUES))
    # No eigenvalue, and so no entry, of an honest one is above 1 / sqrt(regularizer).
    most = 1.0 / np.sqrt(regularizer)
    if not np.array_equal(matrix, matrix.T) or np.abs(matrix).max() > 1.01 * most:
        raise WeightsError(
            f"The matrix of the preprocessing {kind} must be symmetric, its entries up "
            f"to {most:.4g}. Received: one that is not; the file is damaged or was "
            "changed"
        )
    return matrix


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
