"""How good a network is: accuracy and what goes with it."""

import csv
import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wrn import weights
from wrn.calibration import Calibration, calibration
from wrn.config import ModelConfig
from wrn.data import CLASS_NAMES, Dataset
from wrn.devices import choose
from wrn.errors import ConfigError
from wrn.inference import Classifier, cross_entropy
from wrn.model import build_model
from wrn.preprocessing import MeanStd, Preprocessing, read_preprocessing
from wrn.published import published

#: Quantile of the normal distribution for a two-sided 95% interval.
_Z95 = 1.959963984540054

#: CIFAR-10's channel statistics as in the authors' code (train.lua, byte data).
#: Used for weights that do not say what they were trained with.
AUTHORS_STATISTICS = MeanStd(mean=(125.3, 123.0, 113.9), std=(63.0, 62.1, 66.7))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a network did on labelled images.

    Attributes:
        probabilities: float32 (n, classes), each row sums to 1.
        labels: int64 (n,), the true classes.
        loss: Mean cross-entropy in nats.
    """

    probabilities: NDArray[np.float32]
    labels: NDArray[np.int64]
    loss: float

    @property
    def images(self) -> int:
        """Number of images."""
        return len(self.labels)

    @property
    def predictions(self) -> NDArray[np.int64]:
        """The most probable class of each image, int64 (n,)."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each image was classified rightly, bool (n,)."""
        return np.asarray(self.predictions == self.labels)

    @property
    def accuracy(self) -> float:
        """Fraction of the images classified rightly, 0 to 1."""
        return float(self.correct.mean())

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% Wilson interval of the accuracy."""
        return wilson_interval(int(self.correct.sum()), self.images)

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Counts, int64 (classes, classes): row the true class, column predicted."""
        classes = self.probabilities.shape[1]
        flat = self.labels * classes + self.predictions
        return np.bincount(flat, minlength=classes**2).reshape(classes, classes)

    @property
    def per_class_accuracy(self) -> list[float | None]:
        """Accuracy of each true class; `None` for a class with no image."""
        totals = self.confusion.sum(axis=1)
        hits = self.confusion.diagonal()
        return [
            int(hit) / int(total) if total else None
            for hit, total in zip(hits, totals, strict=True)
        ]

    @property
    def calibration(self) -> Calibration:
        """How sure the network was, and how often it was right."""
        return calibration(self.probabilities, self.correct)

    def most_confident(self, *, correct: bool) -> NDArray[np.int64]:
        """Rank images by the probability of the predicted class.

        Args:
            correct: Whether to rank the images classified rightly, or the others.

        Returns:
            Their indices, int64, the most confident first.
        """
        chosen = np.flatnonzero(self.correct == correct)
        confidence = self.probabilities.max(axis=1)[chosen]
        return np.asarray(chosen[np.argsort(-confidence, kind="stable")])

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain JSON types, without the probabilities."""
        return {
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "loss": self.loss,
            "images": self.images,
            "per_class_accuracy": self.per_class_accuracy,
            "confusion": self.confusion.tolist(),
            "calibration": self.calibration.to_dict(),
        }

    def to_csv(self, class_names: Sequence[str]) -> str:
        """Return a table of the images: what each is and what it was taken for.

        Args:
            class_names: A name a class.

        Returns:
            CSV text: the image's number from 0, its true and its predicted class, and
            the probability of every class.
        """
        text = io.StringIO()
        table = csv.writer(text)
        table.writerow(["image", "true", "predicted", *class_names])
        for number, (true, predicted, row) in enumerate(
            zip(self.labels, self.predictions, self.probabilities, strict=True)
        ):
            names = class_names[true], class_names[predicted]
            table.writerow([number, *names, *(f"{value:.6g}" for value in row)])
        return text.getvalue()


@dataclass(frozen=True, eq=False)
class LoadedWeights:
    """A network restored from a file, ready to classify.

    Attributes:
        config: The network.
        classifier: The network with its preprocessing.
        class_names: The names of its classes, where they are known.
        notes: What a person should know about how the file was read.
        metadata: What the file says about itself; empty for other programs' files.
        precision: Arithmetic of the layers.
    """

    config: ModelConfig
    classifier: Classifier
    class_names: tuple[str, ...]
    notes: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    precision: str = "float32"


def load_weights(path: str | Path, precision: str = "auto") -> LoadedWeights:
    """Restore a network from a weight file, whoever wrote it.

    Args:
        path: The file. It is read as arrays; nothing in it is executed.
        precision: Arithmetic of the layers, or `auto`.

    Returns:
        The network with the preprocessing of its training, where the file says
        which, else with the authors' statistics, and a note that says so.

    Raises:
        WeightsError: If the file holds no Wide ResNet that this project can run, or
            lacks the figures of its preprocessing.
    """
    file = weights.read(path)
    return restore(file, weights.recognize(file), precision)


def restore(
    file: weights.WeightFile,
    recognized: weights.Recognized,
    precision: str = "auto",
    inferred: Preprocessing | None = None,
) -> LoadedWeights:
    """Restore a network from what was read of a file. See `load_weights`.

    Args:
        file: What the file holds.
        recognized: How it is understood.
        precision: Arithmetic of the layers, or `auto`.
        inferred: What its images are to be preprocessed by, if that was found out.

    Raises:
        WeightsError: If the file lacks the figures of its preprocessing.
    """
    devices = choose(precision)
    with devices.strategy.scope():
        model = build_model(recognized.config, recognized.wiring, policy=devices.policy)
    weights.fill(model, recognized)
    notes = recognized.notes
    stored = file.metadata.get("preprocessing")
    if inferred is not None:
        preprocessing = inferred
    elif stored is None:
        preprocessing = AUTHORS_STATISTICS
        notes = (
            *notes,
            "The file does not say how its images were preprocessed; CIFAR-10's "
            "channel means and deviations are assumed.",
        )
    else:
        preprocessing = read_preprocessing(stored, file.preprocessing)
    return LoadedWeights(
        config=recognized.config,
        classifier=Classifier(model, preprocessing),
        class_names=_class_names(file.metadata, recognized.config.classes),
        notes=notes,
        metadata=file.metadata,
        precision=devices.precision,
    )


def _class_names(metadata: dict[str, Any], classes: int) -> tuple[str, ...]:
    """Return the names stored with the weights, else CIFAR-10's, else numbers."""
    data = metadata.get("data")
    names = data.get("class_names") if isinstance(data, dict) else None
    if isinstance(names, list) and len(names) == classes:
        return tuple(str(name)[:40] for name in names)
    if classes == len(CLASS_NAMES):
        return CLASS_NAMES
    return tuple(f"class {number}" for number in range(classes))


def evaluate(
    classifier: Classifier,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    *,
    flip: bool = False,
) -> Evaluation | None:
    """Classify labelled images and count.

    Args:
        classifier: A network with its preprocessing.
        images: uint8 (n, 32, 32, 3), n at least 1.
        labels: int64 (n,), from 0 to the network's classes - 1.
        on_progress: Called after each batch with the images done and the total.
        should_stop: Asked before each batch.
        flip: Whether to average each image's logits with its mirror image's.

    Returns:
        The evaluation, or `None` if `should_stop` said so.

    Raises:
        ConfigError: If there are no images, or a label that the network lacks.
    """
    _check_labels(classifier, images, labels)
    logits = classifier.logits(images, on_progress, should_stop, flip=flip)
    return None if logits is None else _evaluated(logits, labels)


def evaluate_growing(
    classifier: Classifier,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    *,
    flip: bool = False,
) -> Iterator[Evaluation]:
    """Evaluate batch by batch. See `evaluate`.

    Yields:
        The evaluation of the images done so far; the last one is of all.

    Raises:
        ConfigError: If there are no images, or a label that the network lacks.
    """
    _check_labels(classifier, images, labels)
    logits = np.empty((0, classifier.model.output_shape[-1]), np.float32)
    for batch in classifier.batches(images, flip=flip):
        logits = np.concatenate([logits, batch])
        yield _evaluated(logits, labels[: len(logits)])


def _evaluated(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> Evaluation:
    return Evaluation(
        probabilities=softmax(logits),
        labels=labels,
        loss=float(cross_entropy(logits, labels).mean()),
    )


def _check_labels(
    classifier: Classifier, images: NDArray[np.uint8], labels: NDArray[np.int64]
) -> None:
    classes = classifier.model.output_shape[-1]
    if not len(images) or labels.max() >= classes:
        received = f"labels up to {labels.max()}" if len(images) else "no images"
        raise ConfigError(
            f"An evaluation needs images with labels below {classes}, the number of "
            f"the network's classes. Received: {received}"
        )


def check_classes(classes: int, dataset: Dataset) -> None:
    """Refuse images of other classes than the network's.

    Raises:
        ConfigError: If the network has not as many classes as the dataset.
    """
    if classes != len(dataset.class_names):
        raise ConfigError(
            f"The weights must be of a network with {len(dataset.class_names)} "
            f"classes, as in {dataset.name}. Received: {classes} classes"
        )


def report(
    loaded: LoadedWeights, dataset: Dataset, evaluation: Evaluation, weights: str
) -> dict[str, Any]:
    """Put a result and all that it depends on into plain JSON types.

    Args:
        loaded: The network.
        dataset: Where the images came from.
        evaluation: What the network did on them.
        weights: What to call the weights.
    """
    notes = [*loaded.notes, dataset.note, _origin_note(loaded.metadata, dataset)]
    return {
        "name": loaded.config.name,
        **evaluation.to_dict(),
        "data": dataset.name,
        "synthetic": dataset.synthetic,
        "class_names": list(dataset.class_names),
        "weights": weights,
        "precision": loaded.precision,
        "published": [row.to_dict() for row in published(loaded.config)],
        "notes": [note for note in notes if note],
    }


def _origin_note(metadata: dict[str, Any], dataset: Dataset) -> str:
    """Say if the weights were trained on real images and measured on drawn ones."""
    data = metadata.get("data")
    trained = data.get("synthetic") if isinstance(data, dict) else None
    if not isinstance(trained, bool) or trained == dataset.synthetic:
        return ""
    kinds = {True: "synthetic", False: "real"}
    return (
        f"The weights were trained on {kinds[trained]} images and measured on "
        f"{kinds[dataset.synthetic]} ones, so a low accuracy is no surprise."
    )


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn logits (n, classes) into probabilities of the same shape."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def wilson_interval(hits: int, trials: int) -> tuple[float, float]:
    """Return the 95% Wilson score interval of a fraction.

    Args:
        hits: Number of successes, 0 to `trials`.
        trials: Number of trials, at least 1.

    Returns:
        Lower and upper bound, within 0 to 1.

    Source:
        E. B. Wilson, "Probable inference, the law of succession, and statistical
        inference", JASA 22 (1927). Unlike the normal interval it holds near 0
        and 1.
    """
    fraction, z2 = hits / trials, _Z95**2
    centre = fraction + z2 / (2 * trials)
    spread = _Z95 * math.sqrt(fraction * (1 - fraction) / trials + z2 / (4 * trials**2))
    scale = 1 + z2 / trials
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)
