"""Batch-norm statistics of weights that the training itself never ran with.

An average of weights has smaller activations than those it is the average of: what
the noise of SGD adds to them is gone. The moving statistics of the training do not
fit it, so they are taken from training images again.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from wrn.architecture.wiring import wiring_of
from wrn.config import RunConfig
from wrn.config.schedule import STATISTICS_BATCHES
from wrn.model import build_model
from wrn.preprocessing import Preprocessing
from wrn.tracing import traced
from wrn.training.augmentation import augment


class BatchStatistics:
    """Measures the batch-norm statistics that go with given weights.

    Source:
        Izmailov et al., arXiv:1803.05407, section 3.2: another pass over training
        images, augmented as in the training.
    """

    def __init__(
        self,
        config: RunConfig,
        images: NDArray[np.uint8],
        preprocessing: Preprocessing,
        *,
        policy: str,
        batch_size: int,
    ) -> None:
        """Build the network a second time, to be fed with other weights.

        Args:
            config: All settings.
            images: uint8 (n, 32, 32, 3), the training images; n at least batch_size.
            preprocessing: Fitted on them.
            policy: Keras dtype policy of the layers.
            batch_size: Images of which one batch's mean and variance are taken.
        """
        # Without momentum the moving statistics are those of the last batch.
        wiring = replace(wiring_of(config), momentum=0.0)
        # Nothing is dropped when images are classified.
        network = config.model.replace(dropout=0.0)
        self._model = build_model(network, wiring, policy=policy)
        self._seed = config.train.seed
        self._batch_size = batch_size
        self._batches = min(STATISTICS_BATCHES, len(images) // batch_size)
        # A source may be sorted by class, and a batch of one class has other means.
        order = np.random.default_rng(0).permutation(len(images))
        used = images[order[: self._batches * batch_size]]
        used = tf.constant(preprocessing.before(used))

        @traced
        def forward(indices: Any, seed: Any) -> None:
            batch = augment(
                used,
                indices,
                seed,
                config.data,
                normalize=preprocessing.after,
            )
            self._model(batch, training=True)

        self._forward = forward

    def of(self, trained: Sequence[Any]) -> list[NDArray[np.float32]]:
        """Return the statistics, in the order of `model.non_trainable_weights`.

        Args:
            trained: The weights, in the order of `model.trainable_variables`.

        Returns:
            The means over batches of each batch's mean and variance.
        """
        for variable, value in zip(
            self._model.trainable_variables, trained, strict=True
        ):
            variable.assign(np.asarray(value))
        statistics = self._model.non_trainable_weights
        sums = [np.zeros(variable.shape, np.float64) for variable in statistics]
        for index in range(self._batches):
            first = index * self._batch_size
            self._forward(
                tf.range(first, first + self._batch_size),
                tf.constant([self._seed, index]),
            )
            for total, variable in zip(sums, statistics, strict=True):
                total += np.asarray(variable)
        return [(total / self._batches).astype(np.float32) for total in sums]
