"""How the numbers in a file are meant, which depends on who wrote them, and when.

    kernels       Keras's Theano backend convolves, all others correlate: the same
                  network has its kernels rotated by 180 degrees.
    statistics    Up to Keras 1.0.6 batch normalization keeps a standard deviation,
                  `running_std`; from 1.0.7 on a variance under the same name.
    dense rows    After a flattening of (channels, height, width) they go through the
                  channels first.

Source: the releases of Keras named here (backend/theano_backend.py,
layers/normalization.py).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wrn.errors import WeightsError
from wrn.text import printable
from wrn.weights.child import quote
from wrn.weights.formats import WeightFile
from wrn.weights.layers import LAST_SIDE, Found
from wrn.weights.reader import Array


@dataclass(frozen=True)
class Reading:
    """How the numbers in a file are meant.

    Attributes:
        theano: Whether kernels are meant for a convolution proper.
        deviations: Whether batch normalization keeps standard deviations.
        channels_first: Whether kernels are (out, in, height, width).
        flattened_channels_first: Whether the rows of a dense layer on flattened
            pixels go through the channels first.
    """

    theano: bool = False
    deviations: bool = False
    channels_first: bool = False
    flattened_channels_first: bool = False


def wrote_theano(file: WeightFile) -> bool:
    """Whether Keras's Theano backend wrote a file.

    Keras 1 does not record its backend, but only TensorFlow calls variables `…:0`.
    Keras 0 names nothing; Theano was its backend unless one chose otherwise.
    """
    if file.backend is not None:
        return file.backend == "theano"
    if file.is_keras_0:
        return True
    return file.is_keras_1 and not file.suffixed


def keeps_deviations(file: WeightFile) -> bool:
    """Whether a file's Keras keeps standard deviations; not if it is not recorded."""
    if file.is_keras_0:
        return True
    version = _version(file)
    return file.is_keras_1 and version is not None and version < (1, 0, 7)


def default_epsilon(file: WeightFile) -> float:
    """Return what Keras adds to the variance if a program does not say.

    Where the file does not record which Keras 1 wrote it, the value of most of 2016.
    """
    if file.is_keras_0:
        return 1e-6
    version = _version(file)
    if version is None:
        return 1e-5 if file.is_keras_1 else 1e-3
    if version < (1, 0, 8):
        return 1e-6
    return 1e-5 if version < (1, 2, 0) else 1e-3


def readings(
    file: WeightFile, read: Reading, *, flattened: bool
) -> tuple[Reading, ...]:
    """Return all ways to read a file that it does not rule out, the likeliest first.

    Keras 0 and 1 record no backend, and most files of Keras 1 no version either. Keras
    2 writes kernels in one order, so that they do not tell that of flattened pixels.

    Args:
        file: The file.
        read: The likeliest.
        flattened: Whether the dense layer sees flattened pixels.
    """
    if not (file.is_keras_1 or file.is_keras_0):
        if flattened and file.format == "legacy weights":
            first = read.flattened_channels_first
            return read, replace(read, flattened_channels_first=not first)
        return (read,)
    theano = (read.theano, not read.theano) if file.backend is None else (read.theano,)
    unknown = file.is_keras_1 and _version(file) is None
    deviations = (False, True) if unknown else (read.deviations,)
    return tuple(
        replace(read, theano=rotated, deviations=kept)
        for rotated in theano
        for kept in deviations
    )


def assumed(file: WeightFile, *, flattened: bool) -> tuple[str, ...]:
    """Name what is assumed of how the numbers are meant, where nothing tells.

    Args:
        file: The file.
        flattened: Whether the dense layer sees flattened pixels.

    Returns:
        Keys of `ASSUMPTIONS`.
    """
    if file.is_keras_0:
        return ("backend",)
    if file.is_keras_1:
        return () if _version(file) else ("statistics",)
    unknown = flattened and file.format == "legacy weights"
    return ("dense rows",) if unknown else ()


#: What may be assumed: how a note says it, and how one of a file that was made since.
ASSUMPTIONS = {
    "backend": (
        "Keras 0 does not record its backend: Theano is assumed, which was the usual "
        "one.",
        "Theano had written it",
    ),
    "statistics": (
        "The file does not record which Keras 1 wrote it: its statistics are taken for "
        "variances, as from 1.0.7 on; before, they were standard deviations.",
        "its statistics were variances",
    ),
    "dense rows": (
        "The file does not record in which order its pixels were flattened: the rows "
        "of its dense layer are taken to go through the channels last.",
        "the rows of its dense layer went through the channels last",
    ),
}


def settled_before(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Say what a file's maker assumed or found out of the file that it was made of.

    Args:
        metadata: What this file says about itself, which may be anything.
    """
    told = []
    keys = metadata.get("assumed")
    known = [key for key in ASSUMPTIONS if isinstance(keys, list) and key in keys]
    if known:
        told.append(
            "This file was made of another program's, of which it was assumed that "
            + ", ".join(ASSUMPTIONS[key][1] for key in known)
            + "; `convert --diagnose` may find it out."
        )
    found = metadata.get("inferred")
    if isinstance(found, dict) and found:
        words = "; ".join(f"{name}: {word}" for name, word in found.items())
        told.append(
            "This file was made of another program's, of which was found out on "
            f"training images: {printable(words, 300)}."
        )
    return tuple(told)


def _version(file: WeightFile) -> tuple[int, ...] | None:
    numbers = re.match(r"(\d{1,4})\.(\d{1,4})\.(\d{1,4})", file.keras_version or "")
    return tuple(map(int, numbers.groups())) if numbers else None


def convert(
    found: Found, reading: Reading, epsilon: float, flattened: bool
) -> dict[str, Array]:
    """Convert a layer's arrays to what this project's network computes with.

    Args:
        found: The layer, its kernel already (height, width, in, out).
        reading: How its numbers are meant.
        epsilon: What batch normalization adds to the variance, or to the deviation.
        flattened: Whether the dense layer sees flattened pixels.

    Raises:
        WeightsError: If it has a negative variance or deviation.
    """
    arrays = dict(found.arrays)
    if found.kind == "conv" and reading.theano:
        arrays["kernel"] = arrays["kernel"][::-1, ::-1]
    if found.kind == "dense" and flattened and reading.flattened_channels_first:
        rows, classes = arrays["kernel"].shape
        by_channel = arrays["kernel"].reshape(-1, LAST_SIDE, LAST_SIDE, classes)
        arrays["kernel"] = by_channel.transpose(1, 2, 0, 3).reshape(rows, classes)
    if found.kind == "bn":
        statistic = arrays["moving_variance"]
        _check_positive(found, statistic, reading)
        if reading.deviations:
            arrays["moving_variance"] = _variance(statistic, epsilon)
    return {role: np.ascontiguousarray(array) for role, array in arrays.items()}


def _variance(deviation: Array, epsilon: float) -> Array:
    """Convert so that variance + epsilon is what (deviation + epsilon)² was."""
    exact = (deviation.astype(np.float64) + epsilon) ** 2 - epsilon
    return np.maximum(exact, 0).astype(np.float32)


def _check_positive(found: Found, statistic: Array, reading: Reading) -> None:
    if statistic.size and statistic.min() < 0:
        name = "deviation" if reading.deviations else "variance"
        raise WeightsError(
            f"The moving {name} of {quote(found.layer.name)} must not be negative. "
            f"Received: {statistic.min():g}"
        )


def conversions(file: WeightFile, reading: Reading, flattened: bool) -> tuple[str, ...]:
    """List what was converted, now and when the file was made, each in a sentence."""
    told = [*settled_before(file.metadata)]
    if reading.channels_first:
        told.append("Kernels were transposed from (out, in, height, width).")
    if reading.theano:
        if file.backend == "theano" or file.is_keras_0:
            why = "because the file was written on Theano"
        elif wrote_theano(file):
            why = "because its weights are not called '…:0', so that Theano wrote it"
        else:
            why = "as if it was written on Theano"
        told.append(
            f"Kernels were rotated by 180 degrees, {why}, which convolves where "
            "TensorFlow correlates."
        )
    if reading.deviations:
        told.append(
            "Standard deviations were squared to variances: Keras before 1.0.7 keeps "
            "deviations."
        )
    if flattened and reading.flattened_channels_first:
        told.append(
            "The rows of the dense layer were put from (channels, height, width) into "
            "the order (height, width, channels)."
        )
    return tuple(told)
