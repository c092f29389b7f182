"""Knowledge distillation: besides the labels, a network learns another one's answers.

The other one, the teacher, is trained already and stays as it is. It sees every batch
just as the student does, and the student's loss is in part the distance between their
probabilities, both softened by a temperature: these tell, too, which of the wrong
classes an image resembles. Several teachers answer together.

Source:
    Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network",
    arXiv:1503.02531, sections 1 and 2. The temperature of 4 is that of the wide
    residual networks' authors (cifar.py of szagoruyko/attention-transfer).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import tensorflow as tf

from wrn import weights
from wrn.model import build_model
from wrn.own_keras import keras
from wrn.training.attention import attention, with_groups
from wrn.training.teacher_files import TeacherFile


class Answers(NamedTuple):
    """What networks say of images.

    Attributes:
        logits: float32 (n, classes).
        attention: The attention maps, float32 (n, height x width) of each group; empty
            if they are not asked for.
    """

    logits: Any
    attention: list[Any]


def answers(model: keras.Model, batch: Any, *, training: bool) -> Answers:
    """Ask a network about images.

    Args:
        model: A network, or `wrn.training.attention.with_groups` of one.
        batch: Preprocessed, float32 (n, size, size, 3).
        training: As of a Keras layer.
    """
    logits, *groups = tf.nest.flatten(model(batch, training=training))
    return Answers(tf.cast(logits, tf.float32), [attention(each) for each in groups])


class Teachers:
    """Trained networks that tell together what they take images for."""

    def __init__(
        self, files: Sequence[TeacherFile], policy: str, *, look: bool = False
    ) -> None:
        """Build them, within the strategy of the training.

        Args:
            files: Networks and weights, at least one.
            policy: Keras dtype policy of their layers.
            look: Whether they tell their attention, too.
        """
        self._models = []
        for file in files:
            found = file.recognized
            model = build_model(found.config, found.wiring, policy=policy)
            weights.fill(model, found)
            self._models.append(with_groups(model) if look else model)

    def answers(self, batch: Any) -> Answers:
        """Return what the networks say of images.

        Args:
            batch: Preprocessed, float32 (n, size, size, 3).

        Returns:
            The means over the networks, through which no gradient flows; of logits,
            that is the geometric mean of the probabilities.
        """
        told = [answers(model, batch, training=False) for model in self._models]
        means = tf.nest.map_structure(
            lambda *each: tf.stop_gradient(tf.add_n(each) / len(each)), *told
        )
        return cast(Answers, means)


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
