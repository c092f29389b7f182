"""A moving average of a network's weights, measured and kept in their place.

The average over the last few hundred steps lies nearer the middle of what SGD
wanders about in, which spares a short training part of its slow end.

Source:
    Polyak & Juditsky 1992; every 5 steps, as in the DAWNBench and airbench entries.
    Izmailov et al., arXiv:1803.05407 (stochastic weight averaging), for one that
    begins late and counts all weights alike.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from wrn.own_keras import keras
from wrn.tracing import traced
from wrn.training.collective import means

#: Steps between two updates of the average.
EVERY_STEPS = 5


def decay_at(decay: float, updates: int, *, alike: bool = False) -> float:
    """Return the share of itself that the average keeps at an update.

    Args:
        decay: The share in the long run.
        updates: Updates done before.
        alike: Whether all weights count alike until the long run is reached.

    Returns:
        Less at first, so that the random weights of the start are soon forgotten:
        min(decay, (1 + n) / (10 + n)), as in TensorFlow's moving average; alike,
        min(decay, n / (1 + n)), which makes it a plain mean.
    """
    if alike:
        return min(decay, updates / (1 + updates))
    return min(decay, (1 + updates) / (10 + updates))


class WeightAverage:
    """Averages of the weights of a model, batch-norm statistics included.

    The statistics are averaged like the weights, or, for an average over many epochs,
    measured anew: `wrn.training.batch_statistics` tells why.

    Attributes:
        variables: The averages, in the order of `model.weights`, which has no states
            of random numbers.
    """

    def __init__(
        self,
        model: Any,
        decay: float,
        strategy: Any,
        statistics_of: Callable[[Sequence[Any]], Sequence[Any]] | None = None,
        start: int = 0,
    ) -> None:
        """Start at the model's weights. Call it inside the strategy's scope.

        Args:
            model: The model in training.
            decay: The share of itself that the average keeps in the long run.
            strategy: The `tf.distribute` strategy.
            statistics_of: Returns the batch-norm statistics that go with the trained
                weights it is given, in the order of `non_trainable_weights`; `None`
                averages those of the training.
            start: Steps before the average begins; until then it is the weights
                themselves. 0 averages from the first step on.
        """
        self.decay = decay
        self.strategy = strategy
        self.start = start
        self._model = model
        self._statistics_of = statistics_of
        #: Whether the averages have changed since their statistics were measured.
        self._moved = False
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
        self._update_all = traced(self._update)

    def after_step(self, steps: int) -> None:
        """Update the averages if it is time to.

        Args:
            steps: Steps done, from the start of the training.
        """
        if steps < EVERY_STEPS or steps <= self.start:
            # Nobody wants a mean with the random weights of the start.
            decay = 0.0
        elif steps % EVERY_STEPS:
            return
        elif self.start:
            # Those of the start are the first that count.
            updates = steps // EVERY_STEPS - self.start // EVERY_STEPS
            decay = decay_at(self.decay, updates, alike=True)
        else:
            decay = decay_at(self.decay, steps // EVERY_STEPS - 1)
        self._update_all(tf.constant(decay, tf.float32))
        # The weights themselves have the training's own statistics.
        self._moved = decay > 0

    def _update(self, decay: Any) -> None:
        # Each replica has batch-norm statistics of its own.
        values = means(self.strategy, self._model.weights)
        for average, value in zip(self.variables, values, strict=True):
            average.assign(average.value * decay + value * (1.0 - decay))

    def _where(self, *, trainable: bool) -> list[Any]:
        """Return the averages of the weights that are trained, or of the others."""
        return [
            average
            for average, own in zip(self.variables, self._model.weights, strict=True)
            if own.trainable is trainable
        ]

    def _measure_statistics(self) -> None:
        if self._moved and self._statistics_of:
            _assign(
                self._where(trainable=False),
                self._statistics_of(self._where(trainable=True)),
            )
            self._moved = False

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the averages in the place of the weights for a while."""
        self._measure_statistics()
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
        self._moved = False


def _assign(variables: Any, values: Any) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(np.asarray(value))
