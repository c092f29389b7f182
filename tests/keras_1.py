"""Networks of Keras 0.3 and 1, and the files that these write of them.

`Network` computes a network in NumPy, channels first and in float64, as Keras's
Theano backend does, which convolves proper, pads on both sides and places the windows
of 'same' pooling to end at the pixel; and batch normalization as up to 1.0.6, by a
moving standard deviation, or by a variance.
"""

from collections import Counter

import h5py
import numpy as np
from scipy.signal import fftconvolve

#: What Keras adds in batch normalization up to 1.0.7, and from 1.2 on.
EPSILON, LATER_EPSILON = 1e-6, 1e-3


class Network:
    """A network of stock layers, computed layer by layer as on Theano.

    Attributes:
        weights: After `logits`, its layers as Keras 1 lists them: class and arrays.
    """

    def __init__(self, trained, *, deviations=True, epsilon=EPSILON):
        """Take the layers and weights of a trained network for TensorFlow.

        Args:
            trained: The tf_keras model.
            deviations: Whether batch normalization keeps standard deviations.
            epsilon: Of batch normalization, where the program leaves Keras's default.
        """
        self.model = trained
        self.deviations = deviations
        self.epsilon = epsilon
        self.weights = []

    def logits(self, image):
        """Compute a (3, 32, 32) image's logits."""
        self.weights = []
        # SciPy warns now and then, by what is in its memory, if dtypes are mixed.
        image = image.astype(np.float64)
        values = {}
        for layer in self.model.layers:
            kind = type(layer).__name__
            inputs = [values[source] for source in _sources(layer)] or [image]
            compute = getattr(self, kind.lower(), None)
            if compute:
                values[layer.name] = compute(layer, *inputs)
            else:
                self.keep(_CLASSES.get(kind, kind.lower()))
                values[layer.name] = _PLAIN[kind](*inputs)
            if kind == "Dense":
                logits = values[layer.name]
        return logits

    def conv2d(self, layer, x):
        # SciPy's rotates the kernel, as Theano's does; here through all channels.
        kernel, *bias = layer.get_weights()
        kernel = kernel[::-1, ::-1].transpose(3, 2, 0, 1).astype(np.float64)
        self.keep("convolution2d", **dict(zip("Wb", (kernel, *bias), strict=False)))
        images = np.broadcast_to(x, (len(kernel), *x.shape))
        result = fftconvolve(images, kernel, "same", axes=(2, 3)).sum(axis=1)
        if bias:
            result += bias[0][:, None, None]
        (stride, _) = layer.strides
        return result[:, ::stride, ::stride]

    def dense(self, layer, x):
        kernel, *bias = layer.get_weights()
        self.keep("dense", **dict(zip("Wb", (kernel, *bias), strict=False)))
        return x @ kernel.astype(np.float64) + sum(bias)

    def batchnormalization(self, layer, x):
        gamma, beta, mean, statistic = layer.get_weights()
        if self.deviations:
            statistic = np.sqrt(statistic)
        self.keep(
            "batchnormalization",
            gamma=gamma,
            beta=beta,
            running_mean=mean,
            running_std=statistic,
        )
        by_default = layer.epsilon == LATER_EPSILON
        spread = statistic.astype(np.float64)
        spread += self.epsilon if by_default else layer.epsilon
        if not self.deviations:
            spread = np.sqrt(spread)
        each = (slice(None), None, None)
        return gamma[each] * (x - mean[each]) / spread[each] + beta[each]

    def activation(self, layer, x):
        self.keep("activation")
        return np.maximum(x, 0) if layer.activation.__name__ == "relu" else x

    def averagepooling2d(self, layer, x):
        self.keep("averagepooling2d")
        if layer.padding == "valid":
            return x.mean(axis=(1, 2), keepdims=True)
        pooled = np.empty_like(x)
        for row in range(8):
            for column in range(8):
                window = x[
                    :, max(row - 7, 0) : row + 1, max(column - 7, 0) : column + 1
                ]
                pooled[:, row, column] = window.mean(axis=(1, 2))
        return pooled

    def keep(self, kind, **weights):
        self.weights.append((kind, weights))


def _sources(layer):
    """Return the names of the layers that feed a layer."""
    if type(layer).__name__ == "InputLayer":
        return []
    inputs = layer.input if isinstance(layer.input, list) else [layer.input]
    return [tensor._keras_history.layer.name for tensor in inputs]


#: Layers without weights or settings that matter.
_PLAIN = {
    "InputLayer": lambda x: x,
    "Add": np.add,
    "MaxPooling2D": lambda x: x.reshape(
        len(x), x.shape[1] // 2, 2, x.shape[2] // 2, 2
    ).max(axis=(2, 4)),
    "GlobalAveragePooling2D": lambda x: x.mean(axis=(1, 2)),
    "Flatten": np.ravel,
    "Softmax": lambda x: x,
}


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
    layers = [(kind, weights) for kind, weights in layers if weights]
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
