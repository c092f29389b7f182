"""How good a network is: accuracy and what goes with it."""

import csv
import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wrn.architecture.published import published
from wrn.data import Dataset
from wrn.errors import ConfigError
from wrn.evaluation.calibration import Calibration, calibration
from wrn.inference import Classifier, check_finite, cross_entropy, softmax
from wrn.restoring import LoadedWeights
from wrn.runs import Run
from wrn.weights.origins import epochs_trained, other_classes, trained_on

#: Quantile of the normal distribution for a two-sided 95% interval.
Z95 = 1.959963984540054


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


def evaluate(
    classifier: Classifier,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    on_progress: Callable[[int, int], None] | None = None,
    *,
    flip: bool = False,
) -> Evaluation:
    """Classify labelled images and count.

    Args:
        classifier: A network with its preprocessing.
        images: uint8 (n, 32, 32, 3), n at least 1.
        labels: int64 (n,), from 0 to the network's classes - 1.
        on_progress: Called after each batch with the images done and the total.
        flip: Whether to average each image's logits with its mirror image's.

    Raises:
        ConfigError: If there are no images, not one label each, or a label that the
            network lacks.
        DataError: If the images are no uint8 (n, 32, 32, 3).
        WeightsError: If the network's answers are no finite numbers.
    """
    _check_labels(classifier, images, labels)
    return _evaluated(classifier.logits(images, on_progress, flip=flip), labels)


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
        ConfigError, DataError, WeightsError: As `evaluate`.
    """
    _check_labels(classifier, images, labels)
    logits = np.empty((0, classifier.model.output_shape[-1]), np.float32)
    for batch in classifier.batches(images, flip=flip):
        logits = np.concatenate([logits, batch])
        yield _evaluated(logits, labels[: len(logits)])


def _evaluated(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> Evaluation:
    check_finite(logits)
    return Evaluation(
        probabilities=softmax(logits),
        labels=labels,
        loss=float(cross_entropy(logits, labels).mean()),
    )


def _check_labels(
    classifier: Classifier, images: NDArray[np.uint8], labels: NDArray[np.int64]
) -> None:
    classes = classifier.model.output_shape[-1]
    received = ""
    if not len(images) or labels.shape != (len(images),):
        received = f"{len(images):,} images and labels of shape {labels.shape}"
    elif labels.dtype.kind not in "iu":
        received = f"labels of {labels.dtype}"
    elif labels.min() < 0 or labels.max() >= classes:
        received = f"labels {labels.min()} to {labels.max()}"
    if received:
        raise ConfigError(
            f"An evaluation needs images with one label each, 0 to {classes - 1}: the "
            f"network has {classes} classes. Received: {received}"
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
    notes = [
        *loaded.notes,
        dataset.note,
        origin_note(loaded.metadata, dataset),
        missing_note(evaluation, dataset),
    ]
    return {
        "name": loaded.config.name,
        **evaluation.to_dict(),
        "data": dataset.name,
        "synthetic": dataset.synthetic,
        "class_names": list(dataset.class_names),
        "weights": weights,
        "epochs": epochs_trained(loaded.metadata),
        "precision": loaded.precision,
        "published": [
            row.to_dict() for row in published(loaded.config) if dataset.is_cifar10
        ],
        "notes": [note for note in notes if note],
    }


def keep(run: Run, found: dict[str, Any]) -> None:
    """Store a report with the run whose weights it is of.

    Args:
        run: The run.
        found: What `report` returned; if it cannot be stored, a note of it says so.
    """
    try:
        run.write_evaluation(found)
    except OSError as error:
        found["notes"].append(
            f"The result could not be stored with the run: {error.strerror}."
        )


def origin_note(metadata: dict[str, Any], dataset: Dataset) -> str:
    """Say if weights were trained on other images or classes than they are measured on.

    Args:
        metadata: What their file says about itself.
        dataset: What they are measured on.

    Returns:
        A sentence; empty if the images are the same, or the file does not tell.
    """
    data = metadata.get("data")
    synthetic = data.get("synthetic") if isinstance(data, dict) else None
    if isinstance(synthetic, bool) and synthetic != dataset.synthetic:
        kinds = {True: "synthetic", False: "real"}
        return (
            f"The weights were trained on {kinds[synthetic]} images and measured on "
            f"{kinds[dataset.synthetic]} ones, so a low accuracy is no surprise."
        )
    if words := other_classes(metadata, dataset):
        return f"The weights were taught the classes {words}."
    if (name := trained_on(metadata)) in ("", dataset.name):
        return ""
    return f"The weights were trained on {name} and measured on {dataset.name}."


def missing_note(evaluation: Evaluation, dataset: Dataset) -> str:
    """Say if some of the images were measured, and classes are missing among them.

    Args:
        evaluation: What a network did on images of the dataset.
        dataset: All its images; they may be sorted by class.

    Returns:
        A sentence; empty if every class was measured, or has no image at all.
    """
    measured = len(np.unique(evaluation.labels))
    classes = len(np.unique(dataset.test.labels))
    if evaluation.images >= len(dataset.test) or measured >= classes:
        return ""
    return (
        f"The {evaluation.images:,} images measured are of {measured} of the {classes} "
        "classes, so the accuracy says nothing about the others. Measure all images."
    )


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
    fraction, z2 = hits / trials, Z95**2
    centre = fraction + z2 / (2 * trials)
    spread = Z95 * math.sqrt(fraction * (1 - fraction) / trials + z2 / (4 * trials**2))
    scale = 1 + z2 / trials
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)
