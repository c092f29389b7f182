"""How fast this device is, and what a training will take on it.

history       what its past tells: runs, or a measurement on demand
measurement   that measurement
estimate      time per epoch and peak memory, before a training starts
benchmark     training, inference and the device's ceiling, as ratios
"""

from wrn.speed.history import (
    MEASURED,
    TRAINING_PASSES,
    Speed,
    image_cost,
    known,
    measurement_key,
    training_passes,
)

__all__ = [
    "MEASURED",
    "TRAINING_PASSES",
    "Speed",
    "image_cost",
    "known",
    "measurement_key",
    "training_passes",
]
