"""The network as data, without TensorFlow: its layers, and what is known of others.

description   every layer of a Wide Residual Network
wiring        how it is connected: the authors' way, and other programs' ways
published     published test errors, to compare with
comparison    two networks side by side
"""

from wrn.architecture.description import (
    BASE_CHANNELS,
    IMAGE_SHAPE,
    Architecture,
    Kind,
    Layer,
    describe,
    group_channels,
)

__all__ = [
    "BASE_CHANNELS",
    "IMAGE_SHAPE",
    "Architecture",
    "Kind",
    "Layer",
    "describe",
    "group_channels",
]
