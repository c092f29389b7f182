"""Preprocessing by means and deviations: of channels, of pixels, of each image."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from wrn.config import FULL_SIZE
from wrn.errors import WeightsError
from wrn.preprocessing.base import CHUNK_IMAGES, Preprocessing, chunks, read_array


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
        for start in range(0, len(images), CHUNK_IMAGES):
            chunk = images[start : start + CHUNK_IMAGES].reshape(-1, 3)
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
            # As they are computed with.
            with np.errstate(over="ignore", under="ignore"):
                figures = np.array([mean, std]).astype(np.float32)
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
        total = sum(chunk.sum(axis=0) for chunk in chunks(images))
        squares = sum((chunk**2).sum(axis=0) for chunk in chunks(images))
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
        mean, std = (read_array(cls.kind, arrays, n, shape) for n in ("mean", "std"))
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
