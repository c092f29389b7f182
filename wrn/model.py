"""The Keras model: block -> group -> network, as in the paper.

The layers are built from `wrn.architecture`, so names, shapes and wiring have one
source. The classes here keep the names of Keras's own layers, and with them the
layout of a weight file; they change what Keras leaves slow or inexact:

- `BatchNormalization` runs the fused kernel. Keras 3 computes the moments and the
  normalization as separate element-wise operations, which takes four to five times
  as long (docs/performance.md).
- `Conv2D` pads by one on both sides at stride 2, as Torch does. TensorFlow's
  "same" pads bottom and right only, which shifts every kernel by one pixel; networks
  of programs that pad so are padded so here.
- `Dropout` can take its randomness from (seed, step, layer), so that a resumed
  training continues exactly.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from wrn.architecture import IMAGE_SHAPE, Architecture, Layer, describe
from wrn.architecture.wiring import AUTHORS, Wiring
from wrn.config import ModelConfig
from wrn.own_keras import keras

#: A file of a whole model names these classes as this project's own. Else Keras would
#: take its own of the same names, which compute something else.
_own = keras.saving.register_keras_serializable("wrn")


@_own
class Conv2D(keras.layers.Conv2D):
    """A convolution, padded by (kernel - 1) / 2 on every side."""

    #: Whether it pads so at a stride, too, where TensorFlow's "same" does not.
    symmetric = True

    def call(self, inputs: Any) -> Any:
        """Convolve a (batch, height, width, channels) tensor."""
        outputs = self._convolve(inputs)
        return tf.nn.bias_add(outputs, self.bias) if self.use_bias else outputs

    def _convolve(self, inputs: Any) -> Any:
        same = self.strides == (1, 1) or self.kernel_size == (1, 1)
        if same or not self.symmetric:
            return tf.nn.conv2d(inputs, self.kernel, self.strides, padding="SAME")
        # TensorFlow's explicit padding has no fast gradient on the CPU.
        pad = (self.kernel_size[0] - 1) // 2
        padded = tf.pad(inputs, [[0, 0], [pad, pad], [pad, pad], [0, 0]])
        return tf.nn.conv2d(padded, self.kernel, self.strides, padding="VALID")


@_own
class AsymmetricConv2D(Conv2D):
    """A convolution padded as TensorFlow's "same" is."""

    symmetric = False


@_own
class WindowAverage(keras.layers.Layer):
    """The average over an 8x8 window around every pixel, as far as it is inside."""

    def __init__(self, first: int, **kwargs: Any) -> None:
        """Take the window's first row and column, relative to the pixel."""
        super().__init__(**kwargs)
        self.first = first

    def call(self, inputs: Any) -> Any:
        """Average a (batch, height, width, channels) tensor."""
        rows, columns = (self._shares(length) for length in inputs.shape[1:3])
        return tf.einsum(
            "ia,jb,nabc->nijc",
            tf.constant(rows, inputs.dtype),
            tf.constant(columns, inputs.dtype),
            inputs,
        )

    def _shares(self, length: int) -> NDArray[np.float64]:
        """Return the share of each pixel (column) in each average (row)."""
        distance = np.arange(length) - np.arange(length)[:, None]
        inside = (distance >= self.first) & (distance < self.first + 8)
        return np.asarray(inside / inside.sum(axis=1, keepdims=True))

    def get_config(self) -> dict[str, Any]:
        """Return the settings, the window's place included."""
        return {**super().get_config(), "first": self.first}


#: Where the 8x8 windows of 'same' pooling begin, relative to the pixel: TensorFlow
#: pads 3 before and 4 after, Keras's Theano backend 7 before.
_FIRST_OF_WINDOW = {"flattened, tensorflow": -3, "flattened, theano": -7}


@_own
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalization over (batch, height, width) by the fused kernel.

    Like Torch, the kernel gives the moving variance the unbiased batch variance.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalize a (batch, height, width, channels) tensor."""
        # The kernel wants float32 scale and statistics beside 16-bit inputs.
        scale, offset = self.gamma.value, self.beta.value
        # As in Keras's own, a layer that is not to be trained keeps its statistics.
        if not (training and self.trainable):
            return tf.compat.v1.nn.fused_batch_norm(
                inputs,
                scale,
                offset,
                mean=self.moving_mean.value,
                variance=self.moving_variance.value,
                epsilon=self.epsilon,
                is_training=False,
            )[0]
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, scale, offset, epsilon=self.epsilon, is_training=True
        )
        for moving, batch in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            moving.assign(
                moving.value * self.momentum
                + tf.stop_gradient(batch) * (1.0 - self.momentum)
            )
        return outputs


#: The (2,) int32 seed of the current step, while one is set.
_dropout_seed: ContextVar[Any] = ContextVar("dropout_seed", default=None)


@contextmanager
def dropout_seed(seed: Any) -> Iterator[None]:
    """Derive the masks of every dropout layer that is called inside from `seed`.

    Args:
        seed: int32 tensor of shape (2,), different at each step and replica.
    """
    token = _dropout_seed.set(seed)
    try:
        yield
    finally:
        _dropout_seed.reset(token)


@_own
class Dropout(keras.layers.Dropout):
    """Dropout whose mask is a function of the step, inside `dropout_seed`."""

    def __init__(self, rate: float, *, index: int, **kwargs: Any) -> None:
        """Take the rate, and an index that differs from layer to layer."""
        super().__init__(rate, **kwargs)
        self.index = index

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Drop a share of the activations and scale up the rest."""
        seed = _dropout_seed.get()
        if seed is None or not training:
            return super().call(inputs, training=training)
        seed = tf.random.experimental.stateless_fold_in(seed, self.index)
        # In float32: among the numbers that 16 bits draw, 30% would be 30.5%.
        kept = tf.random.stateless_uniform(tf.shape(inputs), seed) >= self.rate
        return tf.where(kept, inputs / (1 - self.rate), tf.zeros_like(inputs))

    def get_config(self) -> dict[str, Any]:
        """Return the settings, the index included."""
        return {**super().get_config(), "index": self.index}


def build_model(
    config: ModelConfig,
    wiring: Wiring = AUTHORS,
    *,
    policy: str = "float32",
    seed: int = 0,
) -> keras.Model:
    """Build a Wide Residual Network for 32x32 RGB images.

    Args:
        config: The network.
        wiring: How its layers are connected. Defaults to the authors' way.
        policy: Keras dtype policy of the layers: `float32`, `mixed_bfloat16` or
            `mixed_float16`. Weights and logits are float32 in all of them.
        seed: Seed of the initial weights.

    Returns:
        An uncompiled model from preprocessed float32 images (batch, 32, 32, 3) to
        float32 logits (batch, classes).

    Source:
        Zagoruyko & Komodakis 2016, arXiv:1605.07146, Table 1, and the authors'
        code: He normal initialization by fan-in, zero biases. Batch-norm scales begin
        at 1, as is usual; theirs do between 0 and 1 (docs/adr/0005).
    """
    return assemble(describe(config, wiring), policy=policy, seed=seed)


def assemble(architecture: Architecture, *, policy: str, seed: int) -> keras.Model:
    """Build the Keras model of a described architecture. See `build_model`."""
    # A flattened head has a fixed number of pixels, any other network has not.
    flattened = "flatten" in architecture.by_name
    shape = IMAGE_SHAPE if flattened else (None, None, 3)
    image = keras.Input(shape=shape, name="input", dtype="float32")
    tensors: dict[str, Any] = {"input": image}
    for index, layer in enumerate(architecture.layers[1:]):
        keras_layer = _keras_layer(layer, index, architecture, policy, seed)
        inputs = [tensors[name] for name in layer.inputs]
        tensors[layer.name] = keras_layer(inputs if len(inputs) > 1 else inputs[0])
    # The loss wants float32 logits; the dense layer's product may be 16 bits wide.
    logits = tensors[architecture.layers[-1].name]
    return keras.Model(image, logits, name=architecture.name)


def _keras_layer(
    layer: Layer, index: int, architecture: Architecture, policy: str, seed: int
) -> keras.layers.Layer:
    """Make the Keras layer that a described layer stands for."""
    config, wiring = architecture.config, architecture.wiring
    common = {"name": layer.name, "dtype": policy}
    # He normal as the authors draw it; Keras's own HeNormal is truncated.
    initializer = keras.initializers.VarianceScaling(
        2.0, "fan_in", "untruncated_normal", seed=seed * 1009 + index
    )
    match layer.kind:
        case "conv":
            symmetric = wiring.padding == "symmetric"
            return (Conv2D if symmetric else AsymmetricConv2D)(
                layer.output_shape[-1],
                layer.kernel,
                strides=layer.stride,
                # For the output's shape, which symmetric padding shares.
                padding="same",
                use_bias=wiring.conv_bias,
                kernel_initializer=initializer,
                **common,
            )
        case "bn":
            return BatchNormalization(
                momentum=wiring.momentum, epsilon=wiring.epsilon, **common
            )
        case "relu":
            return keras.layers.ReLU(**common)
        case "dropout":
            return Dropout(config.dropout, index=index, **common)
        case "add":
            return keras.layers.Add(**common)
        case "max pool":
            return keras.layers.MaxPooling2D(2, **common)
        case "window pool":
            return WindowAverage(_FIRST_OF_WINDOW[wiring.head], **common)
        case "flatten":
            return keras.layers.Flatten(**common)
        case "pool":
            return keras.layers.GlobalAveragePooling2D(**common)
        case "dense":
            return keras.layers.Dense(
                config.classes,
                use_bias=wiring.dense_bias,
                kernel_initializer=initializer,
                name=layer.name,
                dtype="float32",
            )
    raise AssertionError(layer.kind)
