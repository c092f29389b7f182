"""Refuses, before anything is built, what no training could carry out."""

from wrn.architecture import describe
from wrn.architecture.wiring import wiring_of
from wrn.config import FULL_SIZE, RunConfig
from wrn.data import Dataset
from wrn.errors import ConfigError
from wrn.weights.child import MAX_WEIGHT_BYTES


def check(config: RunConfig, dataset: Dataset) -> None:
    """Refuse settings that do not fit each other, the images or the weight files.

    Args:
        config: All settings.
        dataset: The images.

    Raises:
        ConfigError: If the classes are not those of the images, the network's dense
            layer wants images of full size, or its weights would not be read again.
    """
    _check_classes(config, dataset)
    check_settings(config)


def check_settings(config: RunConfig) -> None:
    """Refuse settings that do not fit each other or the weight files, without images.

    Args:
        config: All settings.

    Raises:
        ConfigError: As `check`, but for the classes.
    """
    _check_size(config)
    _check_weights(config)


def images_a_step(batch_size: int, images: int, replicas: int) -> int:
    """Return how many images a step trains on: a batch, or as many as there are.

    Args:
        batch_size: As it is set.
        images: Training images, at least 1.
        replicas: Number of devices, over all workers.

    Returns:
        A multiple of `replicas`, at least 1.

    Raises:
        ConfigError: If one device would have fewer images than another, or none.
    """
    if batch_size % replicas:
        raise ConfigError(
            f"batch_size must be a multiple of {replicas}, the number of devices. "
            f"Received: {batch_size}"
        )
    if images < replicas:
        raise ConfigError(
            f"devices must be at most as many as the training images. Received: "
            f"{replicas} for {images} images"
        )
    return min(batch_size, images - images % replicas)


def _check_classes(config: RunConfig, dataset: Dataset) -> None:
    if config.model.classes != len(dataset.class_names):
        raise ConfigError(
            f"classes must be {len(dataset.class_names)}, as in {dataset.name}. "
            f"Received: {config.model.classes}"
        )


def _check_size(config: RunConfig) -> None:
    flattened = wiring_of(config).head != "global"
    if flattened and config.train.first_size != FULL_SIZE:
        raise ConfigError(
            f"first_size must be {FULL_SIZE} with the wiring {config.train.wiring}, "
            "whose dense layer takes every pixel. "
            f"Received: {config.train.first_size}"
        )


def _check_weights(config: RunConfig) -> None:
    """Refuse a network whose weight files would not be read again."""
    size = describe(config.model, wiring_of(config)).weight_bytes
    if size > MAX_WEIGHT_BYTES:
        raise ConfigError(
            "depth and widen_factor must be of a network with at most "
            f"{MAX_WEIGHT_BYTES // 2**20:,} MiB of weights. "
            f"Received: {config.model.name}, which has {size // 2**20:,} MiB"
        )
