"""Attention transfer: a network learns where its teacher looks.

The attention of a group is a map of the image: how strongly its output answers at every
place. Student and teacher may differ in width and depth, their maps have the same size.

Source:
    Zagoruyko & Komodakis, "Paying More Attention to Attention", arXiv:1612.03928: maps
    as in section 3.1 with p = 2, the distance as `at_loss` in utils.py of the authors'
    code, szagoruyko/attention-transfer.
"""

from typing import Any

import tensorflow as tf

from wrn.own_keras import keras


def with_groups(model: keras.Model) -> keras.Model:
    """Return a model of the same layers that answers what its groups put out, too.

    Args:
        model: A Wide ResNet, as `wrn.model.build_model` builds it.

    Returns:
        A model whose outputs are the logits and, in their order, what the last block
        of each group adds up, (n, height, width, channels).
    """
    last = {
        layer.name.split("_")[0]: layer.output
        for layer in model.layers
        if isinstance(layer, keras.layers.Add)
    }
    return keras.Model(model.input, [model.output, *last.values()])


def attention(features: Any) -> Any:
    """Return the attention map of every image.

    Args:
        features: What a group puts out, (n, height, width, channels).

    Returns:
        float32 (n, height x width), the mean of the squared channels, divided by the
        map's Euclidean norm.
    """
    strength = tf.reduce_mean(tf.square(tf.cast(features, tf.float32)), axis=-1)
    return tf.math.l2_normalize(tf.reshape(strength, (tf.shape(strength)[0], -1)), 1)


def attention_distances(found: list[Any], wanted: list[Any]) -> Any:
    """Return how far each image's attention is from the teacher's.

    Args:
        found: The student's maps, float32 (n, height x width) of each group.
        wanted: The teacher's, of the same shapes.

    Returns:
        float32 (n,), the mean squared differences of the maps, summed over the groups.
    """
    pairs = zip(found, wanted, strict=True)
    return tf.add_n([tf.reduce_mean(tf.square(a - b), axis=1) for a, b in pairs])
