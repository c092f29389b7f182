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

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wrn.errors import WeightsError
from wrn.preprocessing.base import Preprocessing
from wrn.preprocessing.statistics import MeanStd, PerImage, PerPixel
from wrn.preprocessing.zca import GcnZca, KerasZca

__all__ = [
    "KINDS",
    "GcnZca",
    "KerasZca",
    "MeanStd",
    "PerImage",
    "PerPixel",
    "Preprocessing",
    "fit_preprocessing",
    "read_preprocessing",
]

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

    Raises:
        KeyError: If the kind is unknown.
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
