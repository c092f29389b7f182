"""Restores networks from weight files, ready to classify."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wrn import weights
from wrn.config import ModelConfig
from wrn.data import CLASS_NAMES
from wrn.devices import choose
from wrn.inference import Classifier
from wrn.model import build_model
from wrn.preprocessing import MeanStd, Preprocessing, read_preprocessing
from wrn.weights.origins import known_classes

#: CIFAR-10's channel statistics as in the authors' code (train.lua, byte data).
#: Used for weights that do not say what they were trained with.
AUTHORS_STATISTICS = MeanStd(mean=(125.3, 123.0, 113.9), std=(63.0, 62.1, 66.7))


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
    names = known_classes(metadata)
    if len(names) == classes:
        return names
    if classes == len(CLASS_NAMES):
        return CLASS_NAMES
    return tuple(f"class {number}" for number in range(classes))
