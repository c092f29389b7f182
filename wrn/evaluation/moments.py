"""Whether a network sees what it saw in training, told without any label.

Batch normalization keeps the mean and the variance of its input in training. If a
weight file was read as it was meant, connected as it was trained, and its images
preprocessed as then, the inputs on any few hundred images have about the same; if
not, they drift apart from the first wrong layer on. Rotated kernels show little, as
images are much the same upside down, and swapped colours hardly at all.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wrn.config.schedule import BATCH_IMAGES
from wrn.own_keras import keras


def misfit(model: keras.Model, images: NDArray[np.float32]) -> float:
    """Compare the inputs of all batch normalizations with their moving statistics.

    Args:
        model: A network with its weights.
        images: float32 (n, height, width, 3), n at least 1, preprocessed. A few
            hundred suffice to tell wirings apart.

    Returns:
        0 for a perfect fit, else above: the divergence of the normal distribution of
        the inputs from the stored one, in nats; the median of a layer's channels,
        since dead ones may be far off, and the mean of the layers.

    Source:
        Kullback and Leibler, "On information and sufficiency", Annals of Mathematical
        Statistics 22 (1951): (r + d² - 1 - log r) / 2, with r the quotient of the
        variances and d the difference of the means in stored deviations.
    """
    norms = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    inputs = keras.Model(model.input, [layer.input for layer in norms])
    sums: list[Any] = [0.0] * len(norms)
    squares: list[Any] = [0.0] * len(norms)
    for start in range(0, len(images), BATCH_IMAGES):
        batch = images[start : start + BATCH_IMAGES]
        for i, tensor in enumerate(keras.tree.flatten(inputs(batch, training=False))):
            values = np.asarray(tensor, np.float64)
            share = len(batch) / len(images)
            sums[i] += share * values.mean(axis=(0, 1, 2))
            squares[i] += share * (values**2).mean(axis=(0, 1, 2))
    divergences = []
    for layer, mean, square in zip(norms, sums, squares, strict=True):
        moving_mean, moving_variance = (
            np.asarray(weight, np.float64)
            for weight in (layer.moving_mean, layer.moving_variance)
        )
        # As the layer does, so that a channel without variance does no harm.
        stored = moving_variance + layer.epsilon
        # Of weights too large to compute with nothing comes out, without a word.
        with np.errstate(all="ignore"):
            ratio = (np.maximum(square - mean**2, 0.0) + layer.epsilon) / stored
            distance = (mean - moving_mean) ** 2 / stored
            each = (ratio + distance - 1.0 - np.log(ratio)) / 2.0
        divergences.append(float(np.median(each)))
    return float(np.mean(divergences))
