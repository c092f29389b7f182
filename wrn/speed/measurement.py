"""Measures how fast this device trains, in a few seconds, without any data set."""

import itertools
import time

import numpy as np

from wrn.architecture import describe
from wrn.config import DataConfig, RunConfig, TrainConfig
from wrn.data import CLASS_NAMES, Dataset, Images
from wrn.devices import choose
from wrn.speed import MEASURED, TRAINING_PASSES, Speed
from wrn.training.pace import Pace
from wrn.training.randomness import image_order
from wrn.training.session import Session

_BATCH_SIZE = 128

#: Seconds after which the measurement ends, and steps that it takes at least.
_SECONDS = 4.0
_LEAST_STEPS = 3


def measure(precision: str = "auto", devices: str = "auto") -> Speed:
    """Train on noise for some seconds.

    Args:
        precision: Arithmetic of the layers, or `auto`.
        devices: Where to compute, as `TrainConfig.devices`.

    Returns:
        The speed of the whole training step, augmentation included.

    Raises:
        ConfigError: If the devices cannot be set up.
    """
    chosen = choose(precision, devices)
    batch_size = _batch_size(chosen.strategy.num_replicas_in_sync)
    config = RunConfig(
        model=MEASURED,
        data=DataConfig(source="synthetic"),
        train=TrainConfig(batch_size=batch_size, precision=precision),
    )
    session = Session(config, _noise(), chosen)
    batch = image_order(0, 0, len(session.split.train), batch_size)
    pace = Pace()
    began = time.monotonic()
    for number in itertools.count():
        if number >= _LEAST_STEPS and time.monotonic() - began > _SECONDS:
            break
        with pace.measure(batch_size):
            session.step(number, batch, 0.01)
        if number == 0:
            began = time.monotonic()  # The first step builds the computation.
    rate = pace.images_per_second or 0.0
    return Speed(
        multiply_adds_per_second=rate
        * TRAINING_PASSES
        * describe(MEASURED).multiply_adds,
        device=chosen.description,
        updated=time.time(),
    )


def _batch_size(replicas: int) -> int:
    """Return the images of a step, which all replicas share alike."""
    return max(1, _BATCH_SIZE // replicas) * replicas


def _noise() -> Dataset:
    """Return images that have no meaning: speed does not depend on what they show."""
    generator = np.random.default_rng(0)

    def images(count: int) -> Images:
        return Images(
            generator.integers(0, 256, (count, 32, 32, 3), np.uint8),
            generator.integers(0, len(CLASS_NAMES), count),
        )

    return Dataset(
        train=images(_BATCH_SIZE),
        test=images(1),
        class_names=CLASS_NAMES,
        source="synthetic",
        name="Noise",
        synthetic=True,
    )
