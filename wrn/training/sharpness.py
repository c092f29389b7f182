"""Sharpness-aware minimization (SAM): the gradient at the worst weights nearby.

A step looks for the weights, within a radius, where the loss of its images is highest
to first order, and takes the gradient there to update the weights where they are.
Minima that are flat as far as the radius are preferred so. It takes two passes.

Source:
    Foret, Kleiner, Mobahi, Neyshabur, "Sharpness-Aware Minimization for Efficiently
    Improving Generalization", arXiv:2010.01412, equation 2 with p = 2.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from wrn.own_keras import keras


def worst_nearby(weights: list[Any], gradients: list[Any], radius: float) -> list[Any]:
    """Return the weights at a distance where a linear loss would be highest.

    Args:
        weights: float32 tensors or variables.
        gradients: The loss's gradient by each, of the same shapes. Their scale is of
            no matter.
        radius: Euclidean distance of all weights together.

    Returns:
        w + radius * g / |g| as tensors, with the norm over all gradients; the weights
        themselves where all gradients are 0.
    """
    scale = tf.math.divide_no_nan(radius, tf.linalg.global_norm(gradients))
    return [w + scale * g for w, g in zip(weights, gradients, strict=True)]


@contextmanager
def with_weights(model: keras.Model, weights: list[Any]) -> Iterator[None]:
    """Let a model compute with other trainable weights while it is called inside.

    Nothing of the model changes: batch normalization keeps no moving statistics of
    what it sees inside.

    Args:
        model: The model.
        weights: A tensor for each of its trainable variables, in their order.
    """
    mapping = list(zip(model.trainable_variables, weights, strict=True))
    with keras.StatelessScope(state_mapping=mapping):
        yield
