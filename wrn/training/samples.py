"""The first images of a training as the network will see them, for people's eyes."""

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from wrn.config import DataConfig, TrainConfig
from wrn.config.schedule import image_size
from wrn.data import Dataset, Images, select
from wrn.training.augmentation import augment
from wrn.training.randomness import AUGMENTATION, image_order, step_seed

#: Images whose mean color fills blanked squares. The training takes the mean of all;
#: to the eye it is the same.
_MEAN_IMAGES = 2000


def first_samples(
    dataset: Dataset, data: DataConfig, train: TrainConfig, count: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the first images that a training will be shown, augmented.

    They are those of its first steps, with the same random numbers, as they are
    before normalization.

    Args:
        dataset: The loaded source.
        data: Which images, and which augmentations.
        train: Batch size, seed and image size.
        count: Number of images, at least 1.

    Returns:
        Images, uint8 (count, size, size, 3), RGB, and their labels, int64 (count,).

    Raises:
        ConfigError: If the settings leave no images to train on.
    """
    images = select(dataset, data).train
    batch_size = min(train.batch_size, len(images))
    steps = len(images) // batch_size
    size = image_size(train, 0)
    mean = _mean_color(images)
    shown: list[NDArray[np.float32]] = []
    labels: list[NDArray[np.int64]] = []
    for number in range(-(-count // batch_size)):
        epoch, step = divmod(number, steps)
        order = image_order(train.seed, epoch, len(images), steps * batch_size)
        batch = images.take(order[step * batch_size :][:batch_size].astype(np.int64))
        augmented = augment(
            batch.images,
            tf.range(batch_size),
            tf.constant(step_seed(train.seed, AUGMENTATION, number), tf.int32),
            data,
            # The mean becomes 0, with which squares are blanked, as it does in the
            # training; what it is divided by there would not show.
            normalize=lambda pixels: pixels - mean,
            share=slice(0, count - number * batch_size),
            size=size,
        )
        shown.append(augmented.numpy() + mean)
        labels.append(batch.labels[: len(shown[-1])])
    pixels = np.concatenate(shown).round().clip(0, 255).astype(np.uint8)
    return pixels, np.concatenate(labels)


def _mean_color(images: Images) -> NDArray[np.float32]:
    """Return the mean red, green and blue of a training set, about."""
    some = images.images[:: max(1, len(images) // _MEAN_IMAGES)]
    return np.asarray(some.mean(axis=(0, 1, 2)), np.float32)
