"""Trials: what a weight file could mean, run on the same few images."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from wrn import weights
from wrn.architecture import IMAGE_SHAPE
from wrn.architecture.wiring import Wiring
from wrn.config.schedule import BATCH_IMAGES
from wrn.data import Images
from wrn.devices import choose
from wrn.evaluation.moments import misfit
from wrn.model import build_model
from wrn.preprocessing import Preprocessing
from wrn.tracing import traced
from wrn.weights import Recognized

#: Where strided convolutions pad, in a word or two for the table.
_PADDINGS = {"symmetric": "all sides", "tensorflow": "bottom, right"}


@dataclass(frozen=True, eq=False)
class Combination:
    """One way to understand a file.

    Attributes:
        found: What the file holds, read so.
        preprocessing: What is done to the images: its name in the table.
        bgr: Whether the network was trained on blue, green, red.
    """

    found: Recognized
    preprocessing: str
    bgr: bool

    @property
    def words(self) -> dict[str, str]:
        """How the file is understood, a word for each thing that can differ."""
        reading = self.found.reading
        rows = "channels first" if reading.flattened_channels_first else "channels last"
        flattened = self.found.wiring.head != "global"
        return {
            "kernels": "rotated" if reading.theano else "as they are",
            "statistics": "deviations" if reading.deviations else "variances",
            **({"dense rows": rows} if flattened else {}),
            "wiring": self.found.wiring.name,
            "padding": _PADDINGS[self.found.wiring.padding]
            if self.found.wiring.downsampling == "stride"
            else "no stride",
            "preprocessing": self.preprocessing,
            "colours": "BGR" if self.bgr else "RGB",
        }


@dataclass(frozen=True, eq=False)
class Trial:
    """How a combination did.

    Attributes:
        combination: The combination.
        correct: bool (n,), whether each image was classified rightly.
        misfit: Of the best, how far the inputs of batch normalization are from the
            statistics in the file: `wrn.evaluation.moments.misfit`.
    """

    combination: Combination
    correct: NDArray[np.bool_]
    misfit: float | None = None

    @property
    def accuracy(self) -> float:
        """Fraction of the images classified rightly, 0 to 1."""
        return float(self.correct.mean())

    def to_dict(self) -> dict[str, Any]:
        """Return a row of the table as plain JSON types."""
        return {
            **self.combination.words,
            "images": len(self.correct),
            "accuracy": self.accuracy,
            "misfit": self.misfit,
        }


def for_rgb(combination: Combination) -> Recognized:
    """Return the network for red, green, blue.

    One that was trained on blue, green, red is the same as one whose first kernel has
    its channels the other way round; all preprocessing treats the channels alike.
    """
    found = combination.found
    if not combination.bgr:
        return found
    kernel = found.arrays["conv1"]["kernel"][:, :, ::-1]
    conv1 = found.arrays["conv1"] | {"kernel": np.ascontiguousarray(kernel)}
    return dataclasses.replace(found, arrays=found.arrays | {"conv1": conv1})


class Bench:
    """Runs combinations on the same images, and keeps what several of them need."""

    def __init__(
        self, images: Images, precision: str, report: Callable[[int, int], None]
    ) -> None:
        """Take the images, the arithmetic, and what is called after each trial."""
        self._images, self._labels = images.images, images.labels
        self._policy = choose(precision).policy
        self._report = report
        self._inputs: dict[str, NDArray[np.float32]] = {}
        self._networks: dict[Wiring, tuple[Any, Any]] = {}
        self._filled: Any = None

    def add(self, kinds: Mapping[str, Preprocessing]) -> None:
        """Preprocess the images in some more ways."""
        for name, kind in kinds.items():
            self._inputs[name] = kind.apply_to_all(self._images)

    def round(self, combinations: Sequence[Combination], count: int) -> list[Trial]:
        """Try combinations on the first images, and rank them."""
        trials = []
        for done, combination in enumerate(combinations, start=1):
            trials.append(Trial(combination, self._correct(combination, count)))
            self._report(done, len(combinations))
        return ranked(trials)

    def fitted(self, trial: Trial) -> Trial:
        """Measure how well a combination fits the statistics in the file."""
        self._network(trial.combination)
        model, _ = self._networks[trial.combination.found.wiring]
        images = self._inputs[trial.combination.preprocessing][:BATCH_IMAGES]
        return dataclasses.replace(trial, misfit=misfit(model, images))

    def _correct(self, combination: Combination, count: int) -> NDArray[np.bool_]:
        forward = self._network(combination)
        inputs = self._inputs[combination.preprocessing][:count]
        predicted = [
            forward(inputs[start : start + BATCH_IMAGES]).numpy()
            for start in range(0, len(inputs), BATCH_IMAGES)
        ]
        return np.asarray(np.concatenate(predicted) == self._labels[: len(inputs)])

    def _network(self, combination: Combination) -> Any:
        """Return the compiled network of a combination, its weights in place."""
        found = combination.found
        if found.wiring not in self._networks:
            self._networks[found.wiring] = _compiled(found, self._policy)
        model, forward = self._networks[found.wiring]
        key = (model, found, combination.bgr)
        if self._filled != key:
            weights.fill(model, for_rgb(combination))
            self._filled = key
        return forward


def _compiled(found: Recognized, policy: str) -> tuple[Any, Any]:
    """Build a network, and what predicts a class from preprocessed images with it."""
    model = build_model(found.config, found.wiring, policy=policy)
    signature = [tf.TensorSpec((None, *IMAGE_SHAPE), tf.float32)]
    forward = traced(
        lambda images: tf.argmax(model(images, training=False), axis=1),
        input_signature=signature,
    )
    return model, forward


def ranked(trials: Iterable[Trial]) -> list[Trial]:
    """Rank trials by accuracy; of equals the first tried, which is the likeliest."""
    return sorted(trials, key=lambda trial: -trial.accuracy)
