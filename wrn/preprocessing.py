"""What is done to every image, in training and in evaluation alike.

The figures are fitted on the training images and travel with the weights, so that
nobody evaluates with other statistics than the training's by accident.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from wrn.errors import WeightsError

#: Images whose statistics are summed at once, to bound memory.
_CHUNK_IMAGES = 4096


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """Per-channel normalization: (image - mean) / std.

    Attributes:
        kind: `mean-std`, the only kind so far.
        mean: Mean of red, green and blue, in 0 to 255.
        std: Standard deviation of red, green and blue, in 0 to 255; above 0.
    """

    kind: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @classmethod
    def fit(cls, kind: str, images: NDArray[np.uint8]) -> Self:
        """Fit the statistics on training images.

        Args:
            kind: `mean-std`.
            images: uint8, (n, 32, 32, 3), at least one.

        Returns:
            The statistics over all pixels of all images, channel by channel. The
            standard deviation of a constant channel is taken as 1.
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
        return cls(kind=kind, mean=tuple(mean.tolist()), std=tuple(std.tolist()))

    def apply(self, images: Any) -> Any:
        """Normalize images.

        Args:
            images: NumPy array or tensor with channels last, already float32.

        Returns:
            The same shape and type, about zero mean and unit variance.
        """
        mean = np.asarray(self.mean, np.float32)
        std = np.asarray(self.std, np.float32)
        return (images - mean) / std

    def to_dict(self) -> dict[str, Any]:
        """Return the statistics as plain JSON types."""
        return {"kind": self.kind, "mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_dict(cls, stored: Any) -> Self:
        """Read what `to_dict` wrote, from a file that may have been tampered with.

        Raises:
            WeightsError: If it is not three finite means and three positive
                standard deviations of kind `mean-std`.
        """
        try:
            mean, std = (
                tuple(float(value) for value in stored[key]) for key in ("mean", "std")
            )
            figures = np.array([mean, std])
            good = (
                stored["kind"] == "mean-std"
                and figures.shape == (2, 3)
                and np.isfinite(figures).all()
                and (figures[1] > 0).all()
            )
        except (TypeError, ValueError, KeyError):
            good = False
        if not good:
            raise WeightsError(
                "The preprocessing stored with the weights must be kind mean-std with "
                f"three means and three positive deviations. Received: {stored!r:.200}"
            )
        return cls(kind="mean-std", mean=mean, std=std)  # type: ignore[arg-type]
