"""Builders of weight files for the tests.

Written apart from `wrn.architecture`, as an independent account of the network:
its layers, its shapes, and what each Keras writes.
"""

import json
import zipfile
from collections import Counter
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from tests import keras_1

ROLES = {
    "conv": ["kernel", "bias"],
    "bn": ["gamma", "beta", "moving_mean", "moving_variance"],
    "dense": ["kernel", "bias"],
}
KERAS_CLASSES = {"conv": "conv2d", "bn": "batch_normalization", "dense": "dense"}


@dataclass
class Sample:
    """One layer: where it belongs, what it is, and its weights in Keras's order."""

    name: str
    kind: str  # conv, bn, dense, or the class of a layer without weights
    weights: list[np.ndarray]


class Network:
    """Collects layers with random weights, unlike each other and not trivial."""

    def __init__(self, seed=0, biases=False):
        self.rng = np.random.default_rng(seed)
        self.biases = biases
        self.layers = []

    def _normal(self, *shape):
        return self.rng.standard_normal(shape, dtype=np.float32)

    def conv(self, name, size, inputs, outputs):
        weights = [self._normal(size, size, inputs, outputs)]
        if self.biases:
            weights.append(self._normal(outputs))
        self.layers.append(Sample(name, "conv", weights))

    def bn(self, name, channels):
        vectors = [self._normal(channels) for _ in range(4)]
        vectors[3] = vectors[3] ** 2 + 0.1
        self.layers.append(Sample(name, "bn", vectors))

    def dense(self, name, inputs, outputs):
        self.layers.append(
            Sample(
                name, "dense", [self._normal(inputs, outputs), self._normal(outputs)]
            )
        )

    def plain(self, kind):
        self.layers.append(Sample(kind, kind, []))


def wide_resnet(depth, k, classes=10, *, shortcut="after", seed=0, biases=False):
    """The layers of the authors' network, as a Keras model lists them.

    `shortcut` is where the projection stands: before or after the block's second
    convolution. Both occur, depending on how a program adds the two.
    """
    net = Network(seed, biases)
    net.conv("conv1", 3, 3, 16)
    channels = 16
    for group, width in enumerate((16 * k, 32 * k, 64 * k), start=1):
        for block in range(1, (depth - 4) // 6 + 1):
            prefix = f"group{group}_block{block}_"
            net.bn(prefix + "bn1", channels)
            net.plain("activation")
            net.conv(prefix + "conv1", 3, channels, width)
            net.bn(prefix + "bn2", width)
            net.plain("activation")
            if shortcut == "after" or channels == width:
                net.conv(prefix + "conv2", 3, width, width)
            if channels != width:
                net.conv(prefix + "shortcut", 1, channels, width)
            if shortcut == "before" and channels != width:
                net.conv(prefix + "conv2", 3, width, width)
            net.plain("add")
            channels = width
    net.bn("bn", channels)
    net.plain("activation")
    net.plain("global_average_pooling2d")
    net.dense("dense", channels, classes)
    return net.layers


def resnet(depth, *, projections=True, biases=False):
    """The layers of He's post-activation CIFAR ResNet: depth = 6n + 2."""
    net = Network(biases=biases)
    net.conv("stem", 3, 3, 16)
    net.bn("stem_bn", 16)
    net.plain("activation")
    channels = 16
    for width in (16, 32, 64):
        for _ in range((depth - 2) // 6):
            net.conv("conv", 3, channels, width)
            net.bn("bn", width)
            net.plain("activation")
            net.conv("conv", 3, width, width)
            if channels != width and projections:
                net.conv("shortcut", 1, channels, width)
            net.bn("bn", width)
            net.plain("add")
            net.plain("activation")
            channels = width
    net.plain("global_average_pooling2d")
    net.dense("dense", channels, 10)
    return net.layers


def plain_cnn():
    """A network as in a first tutorial on CIFAR-10."""
    net = Network(biases=True)
    for inputs, outputs in ((3, 32), (32, 64), (64, 64)):
        net.conv("conv", 3, inputs, outputs)
    net.dense("dense", 1024, 64)
    net.dense("dense", 64, 10)
    return net.layers


def mlp():
    net = Network()
    net.dense("dense", 3072, 64)
    net.dense("dense", 64, 10)
    return net.layers


def tiny():
    """Three layers that are more structure than numbers."""
    net = Network()
    net.conv("conv", 1, 2, 2)
    net.bn("bn", 2)
    net.dense("dense", 2, 2)
    return net.layers


def write_weights_h5(
    path, layers, *, own_names=False, metadata=None, optimizer=False, classes=None
):
    """Write what Keras 3 `save_weights` writes."""
    counts = Counter()
    with h5py.File(path, "w") as file:
        for layer in layers:
            kind = (classes or KERAS_CLASSES).get(layer.kind, layer.kind)
            name = f"{kind}_{counts[kind]}" if counts[kind] else kind
            counts[kind] += 1
            group = file.create_group(f"layers/{name}/vars")
            group.attrs["name"] = layer.name if own_names else name
            for i, array in enumerate(layer.weights):
                group[str(i)] = array
        file.create_group("vars").attrs["name"] = "functional"
        if optimizer:
            momentum = [a for layer in layers for a in layer.weights]
            for i, array in enumerate([np.int64(7), np.float32(0.1), *momentum]):
                file[f"optimizer/vars/{i}"] = array
            file["training/seed"] = np.arange(2, dtype=np.uint32)
        if metadata is not None:
            text = metadata if isinstance(metadata, str) else json.dumps(metadata)
            file.attrs["wrn"] = text
    return path


def write_legacy(
    path,
    layers,
    *,
    version="2.9.0",
    backend="tensorflow",
    suffix=":0",
    model_config=None,
):
    """Write what Keras 2 `save_weights` writes, or `save` if there is a config."""
    counts = Counter()
    with h5py.File(path, "w") as file:
        root = file
        if model_config is not None:
            file.attrs["model_config"] = json.dumps(model_config)
            file["optimizer_weights/iteration"] = np.int64(7)
            root = file.create_group("model_weights")
        names = []
        for layer in layers:
            kind = KERAS_CLASSES.get(layer.kind, layer.kind)
            counts[kind] += 1
            name = f"{kind}_{counts[kind]}"
            names.append(name.encode())
            group = root.create_group(name)
            weight_names = []
            for role, array in zip(
                ROLES.get(layer.kind, ()), layer.weights, strict=False
            ):
                weight_names.append(f"{name}/{role}{suffix}".encode())
                group[f"{name}/{role}{suffix}"] = array
            # NumPy makes float64 of an empty list, and so it stands in real files.
            group.attrs["weight_names"] = weight_names
        root.attrs["layer_names"] = names
        if version:
            root.attrs["keras_version"] = version.encode()
            root.attrs["backend"] = backend.encode()
    return path


def write_keras_1(path, layers, *, version=None, theano=True):
    """Write what Keras 1 `save_weights` writes, or `save` if there is a version.

    On Theano, which convolves proper, the same network has its kernels rotated by 180
    degrees; its weights are not called `…:0`, and kernels are (out, in, height, width).
    """
    classes = {"conv": "convolution2d", "bn": "batchnormalization", "add": "merge"}
    listed = []
    for layer in layers:
        kind = classes.get(layer.kind, layer.kind)
        arrays = [
            array[::-1, ::-1].transpose(3, 2, 0, 1)
            if theano and array.ndim == 4
            else array
            for array in layer.weights
        ]
        roles = keras_1.ROLES.get(kind, ())
        listed.append((kind, dict(zip(roles, arrays, strict=False))))
    suffix = "" if theano else ":0"
    return keras_1.write(path, listed, version=version, suffix=suffix)


def layers_of(source, depth, k):
    """Return the layers of a file of this project, as Keras lists them."""
    layers = wide_resnet(depth, k)
    with h5py.File(source) as file:
        stored = {
            group["vars"].attrs["name"]: group["vars"]
            for group in file["layers"].values()
        }
        for layer in layers:
            numbers = range(len(layer.weights))
            layer.weights = [stored[layer.name][str(i)][()] for i in numbers]
    return layers


def rewrite_for_theano(source, path, depth, k):
    """Write the network in a file of this project as Keras 1.2 on Theano has it.

    That Theano wrote it, and the preprocessing, are recorded, so that nothing has to be
    guessed.
    """
    with h5py.File(source) as file:
        metadata = json.loads(file.attrs["wrn"])
    write_keras_1(path, layers_of(source, depth, k), version="1.2.2")
    with h5py.File(path, "a") as file:
        file["model_weights"].attrs["backend"] = b"theano"
        kept = {"preprocessing": metadata["preprocessing"]}
        file.attrs["wrn"] = json.dumps(kept)
    return path


def archived(h5, config="{}"):
    """Return the members of the `.keras` archive around a weights.h5 file."""
    return {
        "metadata.json": '{"keras_version": "3.15.1"}',
        "config.json": config,
        "model.weights.h5": h5.read_bytes(),
    }


def pack(path, members, compression=zipfile.ZIP_STORED):
    """Write a ZIP archive."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def keras_wide_resnet(
    keras: Any,
    depth: int,
    k: int,
    *,
    shortcut_first: bool,
    dropout: float = 0.0,
    epsilon: float = 1e-5,
) -> tuple[Any, dict[str, Any]]:
    """Build the network from stock layers of `keras` or `tf_keras`.

    Layers keep Keras's automatic names.

    Returns:
        The model, and its layers that have weights by the name of their place.
    """
    layers = keras.layers
    places: dict[str, Any] = {}

    def add(name, layer, x):
        places[name] = layer
        return layer(x)

    def conv(name, x, outputs, size, stride=1):
        if size == 3:
            x = layers.ZeroPadding2D(1)(x)
        layer = layers.Conv2D(outputs, size, strides=stride, use_bias=False)
        return add(name, layer, x)

    def activated(name, x):
        layer = layers.BatchNormalization(momentum=0.9, epsilon=epsilon)
        return layers.Activation("relu")(add(name, layer, x))

    image = layers.Input((32, 32, 3))
    x = conv("conv1", image, 16, 3)
    channels = 16
    for group, width in enumerate((16 * k, 32 * k, 64 * k), start=1):
        for block in range(1, (depth - 4) // 6 + 1):
            prefix = f"group{group}_block{block}_"
            stride = 2 if block == 1 and group > 1 else 1
            a = activated(prefix + "bn1", x)
            projects = channels != width
            if projects and shortcut_first:
                x = conv(prefix + "shortcut", a, width, 1, stride)
            y = conv(prefix + "conv1", a, width, 3, stride)
            y = activated(prefix + "bn2", y)
            if dropout:
                y = layers.Dropout(dropout)(y)
            y = conv(prefix + "conv2", y, width, 3)
            if projects and not shortcut_first:
                x = conv(prefix + "shortcut", a, width, 1, stride)
            x = layers.Add()([x, y] if shortcut_first else [y, x])
            channels = width
    x = activated("bn", x)
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, add("dense", layers.Dense(10), x))
    rng = np.random.default_rng(depth + k)
    for layer in places.values():
        values = [rng.normal(0, 0.1, w.shape) for w in layer.get_weights()]
        if len(values) == 4:
            values[0] += 1
            values[3] = values[3] ** 2 + 0.5
        layer.set_weights(values)
    return model, places
