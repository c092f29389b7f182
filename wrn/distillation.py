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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from wrn import weights
from wrn.config import FULL_SIZE, RunConfig
from wrn.errors import ConfigError, WeightsError
from wrn.model import build_model
from wrn.preprocessing import Preprocessing, read_preprocessing

#: What a teacher's file tells of its training, for the files of its students.
_TOLD = ("train", "result", "commit")


@dataclass(frozen=True)
class TeacherFile:
    """A teacher, as read of its file.

    Attributes:
        recognized: Network and weights.
        preprocessing: What is done to its images first.
        origin: The `file`'s name and `sha256`, and what it tells of its own training:
            `train`, `result`, `commit`.
    """

    recognized: weights.Recognized
    preprocessing: Preprocessing
    origin: dict[str, Any]


def read_teacher(config: RunConfig) -> TeacherFile | None:
    """Read the teacher of a training, if it has one.

    Args:
        config: All settings of the training.

    Raises:
        ConfigError: If the teacher knows another number of classes, or its images
            were preprocessed in another way or cannot be shrunk.
        WeightsError: If the file cannot be read, or lacks its preprocessing.
    """
    path = config.train.teacher
    if not path:
        return None
    file = weights.read(path)
    found = weights.recognize(file)
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
    stored = file.metadata.get("preprocessing")
    if stored is None:
        raise WeightsError(
            "A teacher's file must tell how its images were preprocessed, as those do "
            f"that this project has trained. Received: {path}, which does not"
        )
    preprocessing = read_preprocessing(stored, file.preprocessing)
    if preprocessing.kind != config.data.preprocessing:
        raise ConfigError(
            "preprocessing must be the teacher's, which sees the same images: "
            f"{preprocessing.kind} for {path}. Received: {config.data.preprocessing}"
        )
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    origin = {"file": Path(path).name, "sha256": digest}
    origin |= {key: file.metadata[key] for key in _TOLD if key in file.metadata}
    return TeacherFile(found, preprocessing, origin)


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
        """Return float32 (n, classes) for preprocessed images."""
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
