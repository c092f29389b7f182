"""Networks of Keras 0.3 and 1, and the files that these write of them.

`Network` is one on Theano in NumPy: channels first and in float64, what Keras's Theano
backend computes, which convolves proper, pads on both sides and places the windows of
'same' pooling to end at the pixel; and batch normalization as up to 1.0.6, by a moving
standard deviation.
"""

from collections import Counter

import h5py
import numpy as np
from scipy.signal import convolve

EPSILON = 1e-6


class Network:
    """A WRN-10-2, computed layer by layer; keeps the layers in order.

    It is asmith26's; or, with biases, one of Keras 0.3, where every layer has one,
    with a head that averages over all pixels.
    """

    def __init__(self, trained, *, deviations=True):
        """Take the weights of a trained network for TensorFlow, in any order."""
        layers = [f.get_weights() for f in trained.layers if f.weights]
        self.trained = {
            "norm": iter([w for w in layers if len(w) == 4]),
            **{
                (size, rank): iter(
                    [w for w in layers if w[0].ndim == rank and len(w[0]) == size]
                )
                for size, rank in {(len(w[0]), w[0].ndim) for w in layers}
            },
        }
        self.deviations = deviations
        self.weights = []

    def logits(self, image):
        """Compute a (3, 32, 32) image's logits."""
        net, channels = self.conv(image, 16), 16
        for width, stride in ((32, 1), (64, 2), (128, 2)):
            net = self.bn_relu(net)
            y = self.bn_relu(self.conv(net, width, stride=stride))
            y = self.conv(y, width)
            net, channels = y + self.conv(net, width, 1, stride), width
        net = self.bn_relu(net)
        if (channels, 2) in self.trained:
            return self.dense(net.mean(axis=(1, 2)))
        pooled = np.empty_like(net)
        for row in range(8):
            for column in range(8):
                window = net[
                    :, max(row - 7, 0) : row + 1, max(column - 7, 0) : column + 1
                ]
                pooled[:, row, column] = window.mean(axis=(1, 2))
        return self.dense(pooled.ravel())

    def conv(self, x, outputs, size=3, stride=1):
        kernel, *bias = next(self.trained[size, 4])
        # SciPy's convolve rotates the kernel, as Theano does; through all channels.
        kernel = kernel[::-1, ::-1].transpose(3, 2, 0, 1).astype(np.float64)
        assert kernel.shape == (outputs, len(x), size, size)
        self.keep("convolution2d", **dict(zip("Wb", (kernel, *bias), strict=False)))
        result = np.stack(
            [
                sum(convolve(a, b, "same") for a, b in zip(x, filters, strict=True))
                for filters in kernel
            ]
        )
        if bias:
            result += bias[0][:, None, None]
        return result[:, ::stride, ::stride]

    def dense(self, x):
        kernel, *bias = next(self.trained[len(x), 2])
        self.keep("dense", **dict(zip("Wb", (kernel, *bias), strict=False)))
        return x @ kernel.astype(np.float64) + sum(bias)

    def bn_relu(self, x):
        gamma, beta, mean, statistic = next(self.trained["norm"])
        if self.deviations:
            statistic = np.sqrt(statistic)
        self.keep(
            "batchnormalization",
            gamma=gamma,
            beta=beta,
            running_mean=mean,
            running_std=statistic,
        )
        spread = statistic.astype(np.float64) + EPSILON
        if not self.deviations:
            spread = np.sqrt(spread)
        each = (slice(None), None, None)
        normalized = (x - mean[each]) / spread[each]
        return np.maximum(gamma[each] * normalized + beta[each], 0)

    def keep(self, kind, **weights):
        self.weights.append((kind, weights))


_CLASSES = {
    "Conv2D": "convolution2d",
    "BatchNormalization": "batchnormalization",
    "Dense": "dense",
    "Add": "merge",
}
ROLES = {
    "convolution2d": ("W", "b"),
    "batchnormalization": ("gamma", "beta", "running_mean", "running_std"),
    "dense": ("W", "b"),
}


def layers_of(model, *, channels_first=False):
    """List a tf_keras model's layers as Keras 1 has them on TensorFlow.

    With channels first, kernels are (out, in, height, width), and the rows of a dense
    layer on flattened pixels go through the channels first; nothing is rotated.
    """
    listed = []
    for layer in model.layers:
        name = type(layer).__name__
        kind = _CLASSES.get(name, name.lower())
        arrays = layer.get_weights()
        if arrays and channels_first and arrays[0].ndim == 4:
            arrays[0] = arrays[0].transpose(3, 2, 0, 1)
        if arrays and channels_first and kind == "dense" and len(arrays[0]) > 1024:
            rows, classes = arrays[0].shape
            by_pixel = arrays[0].reshape(8, 8, rows // 64, classes)
            arrays[0] = by_pixel.transpose(2, 0, 1, 3).reshape(rows, classes)
        roles = ROLES.get(kind, ())
        listed.append((kind, dict(zip(roles, arrays, strict=False))))
    return listed


def write(path, layers, *, version=None, suffix=""):
    """Write what Keras 1 `save_weights` writes, or `save` if there is a version."""
    counts = Counter()
    with h5py.File(path, "w") as file:
        root = file
        if version:
            file.attrs["keras_version"] = version.encode()
            root = file.create_group("model_weights")
        names = []
        for kind, weights in layers:
            counts[kind] += 1
            name = f"{kind}_{counts[kind]}"
            names.append(name.encode())
            group = root.create_group(name)
            labels = [f"{name}_{weight}{suffix}" for weight in weights]
            group.attrs["weight_names"] = [label.encode() for label in labels]
            for label, array in zip(labels, weights.values(), strict=True):
                group[label] = array.astype(np.float32)
        root.attrs["layer_names"] = names
    return path


def write_keras_0(path, layers, *, graph):
    """Write what `save_weights` of Keras 0.3 writes, of a `Graph` or `Sequential`."""
    with h5py.File(path, "w") as file:
        groups = [[array for _, of in layers for array in of.values()]]
        names = ["graph"]
        if not graph:
            file.attrs["nb_layers"] = 2 * len(layers)
            groups, names = [], [f"layer_{i}" for i in range(2 * len(layers))]
            for _, weights in layers:
                # Beside every layer one without weights, such as an activation.
                groups += [list(weights.values()), []]
        for name, arrays in zip(names, groups, strict=True):
            group = file.create_group(name)
            group.attrs["nb_params"] = len(arrays)
            for i, array in enumerate(arrays):
                group[f"param_{i}"] = array.astype(np.float32)
    return path
