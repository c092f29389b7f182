"""What a network sees in one image: its answers, where it looks, its layers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from wrn.errors import ConfigError
from wrn.inference import Classifier, check_finite, check_images, softmax
from wrn.model import WindowAverage
from wrn.own_keras import keras

#: Classes that are told.
TOP = 5


def classify(classifier: Classifier, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the probability of each class of each image.

    Args:
        classifier: A network with its preprocessing.
        images: uint8 (n, 32, 32, 3), n at least 1.

    Returns:
        float32 (n, classes), each row sums to 1.

    Raises:
        DataError: If the images are of another type or shape.
        WeightsError: If the network's answers are no finite numbers.
    """
    logits = classifier.logits(images)
    check_finite(logits)
    return softmax(logits)


def top_classes(
    probabilities: NDArray[np.float32], class_names: Sequence[str], count: int = TOP
) -> list[tuple[str, float]]:
    """Return the most probable classes of one image with their probabilities.

    Args:
        probabilities: float32 (classes,).
        class_names: A name a class.
        count: How many, at most all.
    """
    order = np.argsort(-probabilities, kind="stable")[:count]
    return [(class_names[index], float(probabilities[index])) for index in order]


def grad_cam(
    classifier: Classifier, image: NDArray[np.uint8], number: int
) -> NDArray[np.float32]:
    """Return where in an image a class was found: Grad-CAM over the last group.

    Args:
        classifier: A network with its preprocessing.
        image: uint8 (32, 32, 3).
        number: The class, from 0.

    Returns:
        float32 (8, 8), 0 to 1: the most telling place has 1; all 0 if no place speaks
        for the class.

    Raises:
        ConfigError: If the network knows no such class.
        DataError: If the image is of another type or shape.

    Source:
        Selvaraju et al., arXiv:1610.02391, equations 1 and 2.
    """
    model = classifier.model
    classes = model.output.shape[-1]
    if not 0 <= number < classes:
        raise ConfigError(
            f"number must be a class, 0 to {classes - 1}. Received: {number}"
        )
    features = keras.Model(model.input, _last_map(model).output)
    maps = features(_preprocessed(classifier, image), training=False)
    with tf.GradientTape() as tape:
        tape.watch(maps)
        score = _head(model, maps)[0, number]
    gradient = tape.gradient(score, maps)
    weights = tf.reduce_mean(tf.cast(gradient, tf.float32), axis=(1, 2))
    weighted = tf.einsum("bhwc,bc->hw", tf.cast(maps, tf.float32), weights)
    positive = np.maximum(weighted.numpy(), 0.0)
    top = positive.max()
    return np.asarray(positive / top if top > 0 else positive, np.float32)


def first_filters(model: keras.Model) -> NDArray[np.float32]:
    """Return the kernels of the first convolution as pictures.

    Returns:
        float32 (filters, 3, 3, 3), each stretched to 0 to 1.
    """
    first = next(
        layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)
    )
    return stretched(np.moveaxis(np.asarray(first.kernel, np.float32), -1, 0))


def stretched(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Stretch each of several pictures (n, ...) from its lowest value to its highest.

    Returns:
        float32 of the same shape, 0 to 1; all 0 where a picture has but one value.
    """
    each = tuple(range(1, pictures.ndim))
    low = pictures.min(axis=each, keepdims=True)
    high = pictures.max(axis=each, keepdims=True)
    return np.asarray((pictures - low) / np.where(high > low, high - low, 1.0))


def layers_with_maps(model: keras.Model) -> list[str]:
    """Return the names of the layers whose output is a map for each channel."""
    return [layer.name for layer in model.layers[1:] if len(layer.output.shape) == 4]


def feature_maps(
    classifier: Classifier, image: NDArray[np.uint8], layer: str
) -> NDArray[np.float32]:
    """Return what a layer makes of an image.

    Args:
        classifier: A network with its preprocessing.
        image: uint8 (32, 32, 3).
        layer: One of `layers_with_maps`.

    Returns:
        float32 (height, width, channels).

    Raises:
        ConfigError: If the network has no such layer.
        DataError: If the image is of another type or shape.
    """
    model = classifier.model
    if layer not in layers_with_maps(model):
        raise ConfigError(
            f"The layer must be one of the network's with maps. Received: {layer:.80}"
        )
    maps = keras.Model(model.input, model.get_layer(layer).output)
    batch = _preprocessed(classifier, image)
    output = tf.cast(maps(batch, training=False), tf.float32)
    return np.asarray(output[0])


def _preprocessed(classifier: Classifier, image: NDArray[np.uint8]) -> Any:
    images = image[np.newaxis]
    check_images(images)
    batch = tf.cast(images, tf.float32)
    return classifier.preprocessing.apply(batch)


def _last_map(model: keras.Model) -> Any:
    """Return the layer before the head: the last with maps that pools nothing."""
    return [
        layer
        for layer in model.layers
        if len(layer.output.shape) == 4 and not isinstance(layer, WindowAverage)
    ][-1]


def _head(model: keras.Model, maps: Any) -> Any:
    """Compute the logits from the last maps."""
    after = model.layers[model.layers.index(_last_map(model)) + 1 :]
    for layer in after:
        maps = layer(maps)
    return tf.cast(maps, tf.float32)
