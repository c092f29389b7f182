"""The networks of known programs, in stock layers, as each program wires them.

Written apart from `wrn.model` and `wrn.architecture`, from the programs' own order of
layers. Settings that leave the logits alone (initializers, regularizers) are left out.
"""

import numpy as np

from tests.conftest import striped_images

ROLES = ("kernel", "bias")


class Program:
    """Makes layers with the settings that a program gives all of them."""

    def __init__(self, keras, *, bias=False, **norm):
        self.layers = keras.layers
        self.keras = keras
        self.bias = bias
        self.norm = norm

    def image(self):
        return self.layers.Input((32, 32, 3))

    def conv(self, x, channels, size=3, stride=1):
        return self.layers.Conv2D(
            channels, size, strides=stride, padding="same", use_bias=self.bias
        )(x)

    def bn(self, x):
        return self.layers.BatchNormalization(**self.norm)(x)

    def relu(self, x):
        return self.layers.Activation("relu")(x)

    def bn_relu(self, x):
        return self.relu(self.bn(x))

    def add(self, *tensors):
        return self.layers.Add()(list(tensors))

    def average(self, x):
        return self.layers.Flatten()(self.layers.AveragePooling2D(8)(x))


def asmith26(keras, blocks, k, *, bias=False):
    """wide_resnets_keras: the net itself is activated where channels change."""
    program = Program(keras, bias=bias)
    image = program.image()
    net = program.conv(image, 16)
    channels = 16
    for width, first in ((16 * k, 1), (32 * k, 2), (64 * k, 2)):
        for block in range(blocks):
            if channels == width:
                y = program.bn_relu(net)
            else:
                net = program.bn_relu(net)
                y = net
            stride = 1 if block else first
            y = program.conv(y, width, stride=stride)
            y = program.conv(program.bn_relu(y), width)
            if channels != width:
                net = program.conv(net, width, 1, stride)
            net = program.add(y, net)
            channels = width
    net = program.bn_relu(net)
    net = keras.layers.AveragePooling2D(8, strides=1, padding="same")(net)
    net = keras.layers.Flatten()(net)
    net = keras.layers.Dense(10, activation="softmax", use_bias=bias)(net)
    return keras.Model(image, net)


def titu1994(keras, blocks, k, *, between=True, final=True):
    """Wide-Residual-Networks of 2017: all groups begin with a projection."""
    program = Program(keras, momentum=0.1, epsilon=1e-5)
    image = program.image()
    x = program.bn_relu(program.conv(image, 16))
    for number, width in enumerate((16 * k, 32 * k, 64 * k)):
        if number and between:
            x = program.bn_relu(x)
        stride = 2 if number else 1
        y = program.bn_relu(program.conv(x, width, stride=stride))
        y = program.conv(y, width)
        x = program.add(y, program.conv(x, width, 1, stride))
        for _ in range(blocks - 1):
            y = program.conv(program.bn_relu(x), width)
            y = program.conv(program.bn_relu(y), width)
            x = program.add(x, y)
    if final:
        x = program.bn_relu(x)
    x = program.average(x)
    return keras.Model(image, keras.layers.Dense(10, activation="softmax")(x))


def titu1994_2017(keras, blocks, k):
    return titu1994(keras, blocks, k, final=False)


def titu1994_early_2017(keras, blocks, k):
    return titu1994(keras, blocks, k, between=False, final=False)


def edward2(keras, blocks, k, *, version):
    """uncertainty-baselines: the shortcut is of the block's input, and added first."""
    program = Program(keras, momentum=0.9, epsilon=1e-5)
    image = program.image()
    x = program.conv(image, 16)
    if version == 1:
        x = program.bn_relu(x)
    channels = 16
    for width, first in ((16 * k, 1), (32 * k, 2), (64 * k, 2)):
        for block in range(blocks):
            stride = 1 if block else first
            y = program.bn_relu(x) if version == 2 else x
            y = program.bn_relu(program.conv(y, width, stride=stride))
            y = program.conv(y, width)
            if version == 1:
                y = program.bn(y)
            if channels != width:
                x = program.conv(x, width, 1, stride)
            x = program.add(x, y)
            if version == 1:
                x = program.relu(x)
            channels = width
    if version == 2:
        x = program.bn_relu(x)
    return keras.Model(image, keras.layers.Dense(10)(program.average(x)))


def edward2_v1(keras, blocks, k):
    return edward2(keras, blocks, k, version=1)


def edward2_v2(keras, blocks, k):
    return edward2(keras, blocks, k, version=2)


def keras_contrib(keras, blocks, k, *, bias=True):
    """keras_contrib/applications: biases, and maxima between the groups."""
    program = Program(keras, bias=bias)
    image = program.image()
    x = program.bn_relu(program.conv(image, 16))
    channels = 16
    for width in (16 * k, 32 * k, 64 * k):
        if width > 16 * k:
            x = keras.layers.MaxPooling2D(2)(x)
        for _ in range(blocks):
            shortcut = x
            if channels != width:
                shortcut = program.conv(x, width, 1)
            y = program.bn_relu(program.conv(x, width))
            y = program.bn_relu(program.conv(y, width))
            x = program.add(shortcut, y)
            channels = width
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(10, activation="softmax")(x))


def chris4540(keras, blocks, k, *, bias=False):
    """DD2412-adl-proj: as the authors, added in the other order."""
    program = Program(keras, bias=bias)
    image = program.image()
    x = program.conv(image, 16)
    channels = 16
    for width, first in ((16 * k, 1), (32 * k, 2), (64 * k, 2)):
        for block in range(blocks):
            stride = 1 if block else first
            activated = program.bn_relu(x)
            y = program.conv(activated, width, stride=stride)
            y = program.conv(program.bn_relu(y), width)
            if channels != width:
                x = program.conv(activated, width, 1, stride)
            x = program.add(x, y)
            channels = width
    x = program.average(program.bn_relu(x))
    x = keras.layers.Dense(10, name="logits")(x)
    return keras.Model(image, keras.layers.Softmax()(x))


PROGRAMS = {
    "asmith26": asmith26,
    "titu1994": titu1994,
    "titu1994-2017": titu1994_2017,
    "titu1994-2017, early": titu1994_early_2017,
    "edward2-v1": edward2_v1,
    "edward2-v2": edward2_v2,
    "keras-contrib": keras_contrib,
    "chris4540": chris4540,
}


def train(model, steps=4, seed=0):
    """Train a network a little, from weights that are random and nowhere trivial.

    The moving statistics follow fast, so that they are those of the trained network.
    """
    import tensorflow as tf

    randomize(model, seed)
    norms = [f for f in model.layers if "BatchNormalization" in type(f).__name__]
    settings = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 0.5
    data = striped_images(16 * steps, seed=seed)
    for batch in np.split(np.arange(16 * steps), steps):
        images = (data.images[batch].astype(np.float32) - 60) / 50
        with tf.GradientTape() as tape:
            outputs = model(images, training=True)
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(
                    data.labels[batch], outputs
                )
            )
        variables = model.trainable_variables
        gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, variables), 1.0)
        for variable, gradient in zip(variables, gradients, strict=True):
            variable.assign_sub(0.1 * gradient)
    for layer, momentum in zip(norms, settings, strict=True):
        layer.momentum = momentum


def randomize(model, seed=0):
    """Give every weight a value that keeps the scale, statistics included."""
    random = np.random.default_rng(seed)
    for layer in model.layers:
        values = [well_scaled(random, w.shape) for w in layer.get_weights()]
        if len(values) == 4:
            channels = values[0].shape
            values[0] = random.uniform(0.5, 1.5, channels)
            values[3] = random.uniform(0.3, 2.0, channels)
        layer.set_weights(values)


def well_scaled(random, shape):
    """Draw a kernel that keeps the scale of what it is applied to, or a vector."""
    scale = np.prod(shape[:-1]) ** -0.5 if len(shape) > 1 else 0.3
    return random.normal(0, scale, shape)


def logits(keras, model, images):
    """Return what a model's dense layer computes before its activation."""
    (dense,) = (f for f in model.layers if isinstance(f, keras.layers.Dense))
    features = keras.Model(model.input, dense.input)(images, training=False)
    kernel, *bias = dense.get_weights()
    return np.asarray(features) @ kernel + sum(bias)
