"""A moving average of a network's weights, measured and kept in their place.

The average over the last few hundred steps lies nearer the middle of what SGD
wanders about in, which spares a short training part of its slow end.

Source:
    Polyak & Juditsky 1992; every 5 steps, as in the DAWNBench and airbench entries.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from wrn.collective import means

#: Steps between two updates of the average.
EVERY_STEPS = 5


def decay_at(decay: float, updates: int) -> float:
    """Return the share of itself that the average keeps at an update.

    Args:
        decay: The share in the long run.
        updates: Updates done before.

    Returns:
        Less at first, so that the random weights of the start are soon forgotten:
        min(decay, (1 + n) / (10 + n)), as in TensorFlow's moving average.
    """
    return min(decay, (1 + updates) / (10 + updates))


class WeightAverage:
    """Averages of all weights of a model, batch-norm statistics included.

    Attributes:
        variables: The averages, in the order of `model.weights`, which has no states
            of random numbers.
    """

    def __init__(self, model: Any, decay: float, strategy: Any) -> None:
        """Start at the model's weights. Call it inside the strategy's scope."""
        self.decay = decay
        self.strategy = strategy
        self._model = model
        self.variables = [
            # An array: of a variable, keras.Variable would become another name.
            keras.Variable(
                np.asarray(variable),
                dtype="float32",
                trainable=False,
                aggregation="mean",
            )
            for variable in model.weights
        ]
        self._update_all = tf.function(self._update)

    def after_step(self, steps: int) -> None:
        """Update the averages if it is time to.

        Args:
            steps: Steps done, from the start of the training.
        """
        if steps < EVERY_STEPS:
            # Nobody wants a mean with the random weights of the start.
            self._update_all(tf.constant(0.0, tf.float32))
        elif steps % EVERY_STEPS == 0:
            decay = decay_at(self.decay, steps // EVERY_STEPS - 1)
            self._update_all(tf.constant(decay, tf.float32))

    def _update(self, decay: Any) -> None:
        # Each replica has batch-norm statistics of its own.
        values = means(self.strategy, self._model.weights)
        for average, value in zip(self.variables, values, strict=True):
            average.assign(average.value * decay + value * (1.0 - decay))

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the averages in the place of the weights for a while."""
        own = [np.asarray(variable) for variable in self._model.weights]
        try:
            _assign(self._model.weights, self.variables)
            yield
        finally:
            _assign(self._model.weights, own)

    def take(self, weights: Sequence[Any]) -> None:
        """Take up a checkpoint whose averages have been put into the model.

        Args:
            weights: The model's own weights, in the order of `model.weights`.
        """
        _assign(self.variables, self._model.weights)
        _assign(self._model.weights, weights)


def _assign(variables: Any, values: Any) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(np.asarray(value))
