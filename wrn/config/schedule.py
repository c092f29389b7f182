"""What changes as a training goes on, without TensorFlow: learning rate, image size."""

import math

from wrn.config import FULL_SIZE, TrainConfig

#: Pixels by which the images grow: both groups that halve them divide it.
_SIZE_STEP = 4

#: Images that are classified at once. Large enough to fill the device, small enough
#: that a stop or a progress bar need not wait.
BATCH_IMAGES = 250

#: Batches of training images from which the weights of a late average get their
#: batch-norm statistics after an epoch: with 128 images each, a quarter of CIFAR-10.
STATISTICS_BATCHES = 100


def learning_rate(train: TrainConfig, step: int, steps_per_epoch: int) -> float:
    """Return the learning rate of one step.

    Args:
        train: The training's settings.
        step: Steps done before this one, from the start of the training.
        steps_per_epoch: Steps an epoch.

    Returns:
        The learning rate. With the schedule `steps` it changes between epochs
        only, as in the authors' code.
    """
    if train.schedule == "steps":
        epoch = step // steps_per_epoch + 1
        drops = sum(epoch >= first for first in drop_epochs(train))
        return train.learning_rate * train.drop_factor**drops
    if train.schedule == "one-cycle":
        total = train.epochs * steps_per_epoch
        peak = max(1.0, train.warmup * total)
        rising = (step + 1) / peak
        falling = (total - step) / max(1.0, total - peak + 1)
        return train.learning_rate * max(0.0, min(1.0, rising, falling))
    return train.learning_rate


def drop_epochs(train: TrainConfig) -> list[int]:
    """Return the epochs, counted from 1, that begin with a lower learning rate.

    None, unless the schedule is `steps`.

    For 200 epochs these are 60, 120 and 160: the authors' code compares the number
    of the epoch that begins, so 59 epochs run at the first rate. The first epoch
    always runs at the full rate, however short the training.
    """
    # Rounded first: 0.3 * 200 is 60.00000000000001 in some orders of arithmetic.
    if train.schedule != "steps":
        return []
    return [
        max(2, math.ceil(round(fraction * train.epochs, 6)))
        for fraction in train.milestones
    ]


def image_size(train: TrainConfig, epoch: int) -> int:
    """Return the side of the training images in an epoch.

    Every size has the same share of the epochs before `full_size_from`.

    Args:
        train: The training's settings.
        epoch: Epochs done before, from 0.

    Returns:
        Pixels, a multiple of 4, at most 32.

    Source:
        Progressive resizing, as in fast.ai's DAWNBench entries.
    """
    sizes = range(train.first_size, FULL_SIZE, _SIZE_STEP)
    # Rounded for the same reason as in `drop_epochs`.
    growing = round(train.full_size_from * train.epochs, 6)
    if not sizes or epoch >= growing:
        return FULL_SIZE
    # The last size where rounding up would leave the list.
    return sizes[min(int(round(epoch * len(sizes) / growing, 6)), len(sizes) - 1)]


def mixes(train: TrainConfig, step: int, steps_per_epoch: int) -> bool:
    """Return whether a step trains on blends of images.

    Args:
        train: The training's settings.
        step: Steps done before this one, from the start of the training.
        steps_per_epoch: Steps an epoch.
    """
    # Rounded for the same reason as in `drop_epochs`.
    last = round(train.mixup_until * train.epochs * steps_per_epoch, 6)
    return train.mixup > 0 and step < last


def averaging_start(train: TrainConfig, steps_per_epoch: int) -> int:
    """Return the steps done before a late average of the weights begins; 0 for none.

    Args:
        train: The training's settings.
        steps_per_epoch: Steps an epoch.
    """
    if not (train.averaging and train.averaging_from):
        return 0
    # Rounded for the same reason as in `drop_epochs`. A late average stays one, however
    # short the training.
    start = round(train.averaging_from * train.epochs * steps_per_epoch, 6)
    return max(1, int(start))


def image_growth(train: TrainConfig) -> list[tuple[int, int]]:
    """List the epochs, counted from 1, that begin with another image size.

    Args:
        train: The training's settings.

    Returns:
        Epoch and side in pixels, the first epoch's included.
    """
    growth: list[tuple[int, int]] = []
    for epoch in range(train.epochs):
        size = image_size(train, epoch)
        if not growth or growth[-1][1] != size:
            growth.append((epoch + 1, size))
    return growth
