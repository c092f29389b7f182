"""Whether a network is right as often as it says: calibration.

Source:
    Guo et al., "On Calibration of Modern Neural Networks", arXiv:1706.04599, whose
    expected calibration error has 15 bins of equal width.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15


@dataclass(frozen=True, eq=False)
class Calibration:
    """Images by how sure the network was: bin i goes from i / n to (i + 1) / n.

    Attributes:
        counts: int64 (n,), images in each bin; one on a border is in the lower bin.
        confidence: float64 (n,), mean probability of the predicted class; NaN where
            there are no images.
        accuracy: float64 (n,), fraction classified rightly; NaN likewise.
    """

    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    @property
    def error(self) -> float:
        """The expected calibration error, 0 to 1: the mean gap over all images."""
        filled = self.counts > 0
        gaps = np.abs(self.accuracy - self.confidence)[filled]
        return float((self.counts[filled] * gaps).sum() / self.counts.sum())

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; `None` where there are no images."""
        return {
            "error": self.error,
            "counts": self.counts.tolist(),
            "confidence": _json(self.confidence),
            "accuracy": _json(self.accuracy),
        }


def calibration(
    probabilities: NDArray[np.float32], correct: NDArray[np.bool_], bins: int = BINS
) -> Calibration:
    """Sort images into bins by the probability of the predicted class.

    Args:
        probabilities: float32 (n, classes), n at least 1.
        correct: bool (n,), whether each image was classified rightly.
        bins: How many bins of equal width.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    places = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    counts = np.bincount(places, minlength=bins)
    with np.errstate(invalid="ignore"):
        return Calibration(
            counts=counts,
            confidence=np.bincount(places, confidence, bins) / counts,
            accuracy=np.bincount(places, correct, bins) / counts,
        )


def _json(values: NDArray[np.float64]) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]
