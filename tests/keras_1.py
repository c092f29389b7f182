"""A network of Keras 1 on Theano in NumPy, and the file that Keras 1 writes of it.

Channels first and in float64: what Keras's Theano backend computes, which convolves
proper, pads on both sides and places the windows of 'same' pooling to end at the
pixel; and batch normalization as up to 1.0.6, by a moving standard deviation.
"""

import h5py
import numpy as np
from scipy.signal import convolve

EPSILON = 1e-6


class Network:
    """asmith26's WRN-10-2, computed layer by layer; keeps the layers in order."""

    def __init__(self, seed=0, *, deviations=True):
        self.random = np.random.default_rng(seed)
        self.deviations = deviations
        self.weights = []

    def logits(self, image):
        """Compute a (3, 32, 32) image's logits, with fresh weights each time."""
        net, channels = self.conv(image, 16), 16
        for width, stride in ((32, 1), (64, 2), (128, 2)):
            net = self.bn_relu(net)
            y = self.bn_relu(self.conv(net, width, stride=stride))
            y = self.conv(y, width)
            net, channels = y + self.conv(net, width, 1, stride), width
        net = self.bn_relu(net)
        pooled = np.empty_like(net)
        for row in range(8):
            for column in range(8):
                window = net[
                    :, max(row - 7, 0) : row + 1, max(column - 7, 0) : column + 1
                ]
                pooled[:, row, column] = window.mean(axis=(1, 2))
        kernel = self.random.normal(0, (64 * channels) ** -0.5, (64 * channels, 10))
        self.weights.append(("dense", {"W": kernel}))
        return pooled.ravel() @ kernel

    def conv(self, x, outputs, size=3, stride=1):
        inputs = len(x)
        shape = (outputs, inputs, size, size)
        kernel = self.random.normal(0, (inputs * size * size) ** -0.5, shape)
        self.weights.append(("convolution2d", {"W": kernel}))
        # SciPy's convolve rotates the kernel, as Theano does; through all channels.
        return np.stack(
            [
                sum(convolve(a, b, "same") for a, b in zip(x, filters, strict=True))
                for filters in kernel
            ]
        )[:, ::stride, ::stride]

    def bn_relu(self, x):
        channels = len(x)
        gamma = self.random.uniform(0.5, 1.5, channels)
        beta, mean = self.random.normal(0, 0.3, (2, channels))
        statistic = self.random.uniform(0.3, 2.0, channels)
        names = ("gamma", "beta", "running_mean", "running_std")
        values = (gamma, beta, mean, statistic)
        self.weights.append(
            ("batchnormalization", dict(zip(names, values, strict=True)))
        )
        spread = statistic + EPSILON
        if not self.deviations:
            spread = np.sqrt(spread)
        each = (slice(None), None, None)
        normalized = (x - mean[each]) / spread[each]
        return np.maximum(gamma[each] * normalized + beta[each], 0)


def write(path, network, *, version=None, suffix=""):
    """Write what Keras 1 `save_weights` writes, or `save` if there is a version."""
    counts = {}
    with h5py.File(path, "w") as file:
        root = file
        if version:
            file.attrs["keras_version"] = version.encode()
            root = file.create_group("model_weights")
        names = []
        for kind, weights in network.weights:
            counts[kind] = counts.get(kind, 0) + 1
            name = f"{kind}_{counts[kind]}"
            names.append(name.encode())
            group = root.create_group(name)
            labels = [f"{name}_{weight}{suffix}" for weight in weights]
            group.attrs["weight_names"] = [label.encode() for label in labels]
            for label, array in zip(labels, weights.values(), strict=True):
                group[label] = array.astype(np.float32)
        root.attrs["layer_names"] = names
    return path
