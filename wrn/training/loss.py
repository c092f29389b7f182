"""The loss of a training image: of its label, and of what a teacher says."""

from typing import Any

import tensorflow as tf

from wrn.config import RunConfig, TrainConfig
from wrn.training.attention import attention_distances
from wrn.training.distillation import Answers, distances


def image_losses(
    config: RunConfig,
    targets: Any,
    told: Answers,
    *,
    mixed: Any = None,
    taught: Answers | None = None,
) -> Any:
    """Return the loss of each image of a batch.

    Args:
        config: All settings of the training.
        targets: int32 (n,), the labels.
        told: What the network says.
        mixed: float32, the share that each image keeps of itself in a blend with the
            one as far from the batch's end as it is from the beginning; `None` if it
            is whole.
        taught: What the teachers say; `None` without any.

    Returns:
        float32 (n,).
    """
    losses = _of_labels(config, targets, told.logits)
    if mixed is not None:
        # Linear in the targets, so this is the loss of blended targets.
        others = _of_labels(config, targets[::-1], told.logits)
        losses = mixed * losses + (1.0 - mixed) * others
    if taught is not None:
        losses = _with_teachers(config.train, losses, told, taught)
    return losses


def _of_labels(config: RunConfig, targets: Any, logits: Any) -> Any:
    """Return each image's cross-entropy, with smoothed targets if asked for."""
    smoothing = config.train.label_smoothing
    if not smoothing:
        return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
    classes = config.model.classes
    smooth = tf.one_hot(targets, classes) * (1.0 - smoothing) + smoothing / classes
    return tf.nn.softmax_cross_entropy_with_logits(smooth, logits)


def _with_teachers(
    train: TrainConfig, losses: Any, told: Answers, taught: Answers
) -> Any:
    """Return each image's loss, given that of its label."""
    far = distances(told.logits, taught.logits, train.temperature)
    losses = (1.0 - train.teacher_share) * losses + train.teacher_share * far
    if taught.attention:
        elsewhere = attention_distances(told.attention, taught.attention)
        losses += train.attention_weight * elsewhere
    return losses
