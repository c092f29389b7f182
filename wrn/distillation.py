"""Knowledge distillation: besides the labels, a network learns another one's answers.

The other one, the teacher, is trained already and stays as it is. It sees every batch
just as the student does, and the student's loss is in part the distance between their
probabilities, both softened by a temperature: these tell, too, which of the wrong
classes an image resembles.

Source:
    Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network",
    arXiv:1503.02531, section 2. The temperature of 4 is that of the wide residual
    networks' authors (cifar.py of szagoruyko/attention-transfer).
"""

import hashlib
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from wrn import weights
from wrn.config import FULL_SIZE, RunConfig
from wrn.errors import ConfigError, WeightsError
from wrn.model import build_model
from wrn.preprocessing import KINDS, Preprocessing, read_preprocessing

#: What a teacher's file tells of itself, for the files of its students.
_TOLD = ("model", "train", "data", "result", "commit", "initial", "teacher")


@dataclass(frozen=True)
class TeacherFile:
    """A teacher, as read from its file.

    Attributes:
        recognized: Network and weights.
        preprocessing: What is done to its images first.
        origin: The `file`'s name and `sha256`, and what it tells of itself: `model`,
            `train`, `data`, `result`, `commit`, and `initial` and `teacher` in turn.
    """

    recognized: weights.Recognized
    preprocessing: Preprocessing
    origin: dict[str, Any]


def keep_teacher(config: RunConfig, kept: Path) -> None:
    """Copy the teacher's file to a run, which needs it again when it resumes.

    Args:
        config: All settings of the training; it may have no teacher.
        kept: Where to. A file that is there stays.

    Raises:
        WeightsError: If the file cannot be read or holds no Wide ResNet.
    """
    path = config.train.teacher
    if not path or kept.exists():
        return
    # First what it is: another program's file may have any size.
    weights.read_named("teacher", path)
    copy = kept.with_name(f".{uuid.uuid4().hex}")
    shutil.copyfile(path, copy)
    copy.replace(kept)


def read_teacher(config: RunConfig, kept: Path) -> TeacherFile | None:
    """Read the teacher of a training.

    Args:
        config: All settings of the training.
        kept: Where the run keeps the file; copied to it at the training's beginning.

    Returns:
        The teacher; `None` if the training has none.

    Raises:
        ConfigError: If the teacher knows another number of classes, or its images
            were preprocessed in another way or cannot be shrunk.
        WeightsError: If the file cannot be read, or lacks its preprocessing.
    """
    path = config.train.teacher
    if not path:
        return None
    keep_teacher(config, kept)
    file, found = weights.read_named("teacher", str(kept))
    if found.config.classes != config.model.classes:
        raise ConfigError(
            f"teacher must know {config.model.classes} classes. Received: {path}, "
            f"which knows {found.config.classes}"
        )
    if found.wiring.head != "global" and config.train.first_size != FULL_SIZE:
        raise ConfigError(
            f"first_size must be {FULL_SIZE} with the teacher {path}, whose dense "
            f"layer takes every pixel. Received: {config.train.first_size}"
        )
    preprocessing = _preprocessing(file, config)
    with kept.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    origin = {"file": Path(path).name, "sha256": digest}
    origin |= {key: file.metadata[key] for key in _TOLD if key in file.metadata}
    return TeacherFile(found, preprocessing, origin)


def _preprocessing(file: weights.WeightFile, config: RunConfig) -> Preprocessing:
    """Return the teacher's preprocessing, which the student's images have, too."""
    path = config.train.teacher
    stored = file.metadata.get("preprocessing")
    if stored is None:
        raise WeightsError(
            "teacher must be a file that tells how its images were preprocessed, as "
            f"those do that this project has trained. Received: {path}, which does not"
        )
    try:
        preprocessing = read_preprocessing(stored, file.preprocessing)
    except WeightsError as error:
        raise WeightsError(f"teacher {path}: {error}") from error
    if preprocessing.kind not in KINDS:
        raise ConfigError(
            f"teacher must have been trained with preprocessing {', '.join(KINDS)}. "
            f"Received: {path}, trained with {preprocessing.kind}"
        )
    if preprocessing.kind != config.data.preprocessing:
        raise ConfigError(
            "preprocessing must be the teacher's, which sees the same images: "
            f"{preprocessing.kind} for {path}. Received: {config.data.preprocessing}"
        )
    return preprocessing


class Teacher:
    """A trained network that tells what it takes images for."""

    def __init__(self, file: TeacherFile, policy: str) -> None:
        """Build it, within the strategy of the training.

        Args:
            file: Network and weights.
            policy: Keras dtype policy of its layers.
        """
        recognized = file.recognized
        self._model = build_model(recognized.config, recognized.wiring, policy=policy)
        weights.fill(self._model, recognized)

    def logits(self, batch: Any) -> Any:
        """Return what the network says of images.

        Args:
            batch: Preprocessed, float32 (n, size, size, 3).

        Returns:
            float32 (n, classes), through which no gradient flows.
        """
        return tf.stop_gradient(tf.cast(self._model(batch, training=False), tf.float32))


def distances(logits: Any, taught: Any, temperature: float) -> Any:
    """Return how far each image's probabilities are from the teacher's.

    Args:
        logits: The student's, float32 (n, classes).
        taught: The teacher's, of the same shape.
        temperature: What both are divided by, above 0.

    Returns:
        float32 (n,), the Kullback-Leibler divergence from the teacher's softened
        probabilities to the student's in nats, times the temperature squared: so
        softened, gradients are smaller by that.
    """
    wanted = tf.nn.log_softmax(taught / temperature)
    found = tf.nn.log_softmax(logits / temperature)
    divergence = tf.reduce_sum(tf.exp(wanted) * (wanted - found), axis=1)
    return temperature**2 * divergence
