"""What a file tells beside its arrays: names, their order, a model's description.

All of it is read as text and JSON and believed only as far as it fits the arrays.
"""

import math
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

from wrn.architecture.wiring import Order, Padding, Shortcut
from wrn.weights.description import Described, described_layers
from wrn.weights.formats import WeightFile
from wrn.weights.layers import Found

#: What a layer without weights is, by its name or the name of its class.
_WORDS = {
    "+": r"(^|[_./])(add|merge)(_|\d|$)",
    "r": r"activation|re_?lu",
    "m": r"max_?pooling",
    "z": r"zero_?padding",
}
#: What precedes the additions, among convolutions, normalizations and activations.
_ORDERS: dict[str, Order] = {
    "3+": "pre-activation",
    "b+": "post-activation",
    "br+": "activation before addition",
}


@dataclass(frozen=True, kw_only=True)
class Hints:
    """What is known beside the arrays; `None` for what is not.

    Attributes:
        described: Whether the model's own description says how it is connected.
        order: Order of activations, from the order of the listed layers.
        shortcut: What feeds the projections, by the model's description.
        projection_first: Whether projections are listed before the second
            convolution of their block.
        max_pooling: Whether a maximum is pooled somewhere.
        padding: Of strided 3x3 convolutions.
        epsilon: Of all batch normalizations.
        momentum: Of all batch normalizations.
        dropout: Rate of all dropout layers; 0 if none is recorded.
        flattens_channels_first: Whether the dense layer's rows go through the
            channels first.
        softmax: Whether a layer of its own computes the softmax, or the dense layer
            is called `logits`.
    """

    described: bool
    order: Order | None
    shortcut: Shortcut | None
    projection_first: bool | None
    max_pooling: bool
    padding: Padding | None
    epsilon: float | None
    momentum: float | None
    dropout: float
    flattens_channels_first: bool
    softmax: bool


def read_hints(file: WeightFile, layers: list[Found], channels_first: bool) -> Hints:
    """Collect what a file tells beside its arrays.

    Args:
        file: The file.
        layers: Its layers with weights.
        channels_first: Whether its kernels are (out, in, height, width).
    """
    described = list(described_layers(file.config))
    tokens = "".join(map(_described_token, described))
    if not described and file.format.startswith("legacy"):
        found = iter(layers)
        tokens = "".join(
            _array_token(next(found)) if layer.weights else _token(layer.name)
            for layer in file.layers
        )
    names = [layer.name for layer in file.layers if not layer.weights]
    names += [layer.class_name for layer in described]
    order = _order(tokens)
    dense = [f.layer.name for f in layers if f.kind == "dense"]
    return Hints(
        described=bool(described),
        order=order,
        shortcut=_shortcut(described) if order == "pre-activation" else None,
        projection_first=_projection_first([f for f in layers if f.kind == "conv"]),
        max_pooling=any(_token(name) == "m" for name in names),
        padding=_padding(described)
        or ("symmetric" if any(_token(name) == "z" for name in names) else None),
        epsilon=_fraction(described, "BatchNormalization", "epsilon"),
        momentum=_fraction(described, "BatchNormalization", "momentum"),
        dropout=_fraction(described, "Dropout", "rate")
        or _fraction(described, "Dropout", "p")
        or 0.0,
        flattens_channels_first=channels_first or _flattens_channels_first(described),
        softmax=any("softmax" in name.lower() for name in names)
        or any("logits" in name for name in dense),
    )


def _described_token(layer: Described) -> str:
    if layer.is_conv:
        kernel = _pair(layer.kernel)
        return "3" if kernel == (3, 3) else "1" if kernel == (1, 1) else "."
    return "b" if "BatchNormalization" in layer.class_name else _token(layer.class_name)


def _pair(value: Any) -> tuple[int, ...]:
    """Return a list of whole numbers as a tuple; anything else is empty."""
    if isinstance(value, list) and all(type(item) is int for item in value):
        return tuple(value)
    return ()


def _array_token(found: Found) -> str:
    if found.kind == "conv":
        return "3" if found.is_3x3 else "1"
    return found.kind[0]


def _token(name: str) -> str:
    """One character for a layer without weights, by its name; a dot if unknown."""
    lower = name.lower()
    return next((t for t, words in _WORDS.items() if re.search(words, lower)), ".")


def _order(tokens: str) -> Order | None:
    """Return the order of activations by what precedes every addition.

    A projection may stand before or after the normalization; it does not matter.
    """
    before = set(re.findall(r"(3|br?)\+", re.sub(r"[^3br+]", "", tokens)))
    return _ORDERS.get(before.pop() + "+") if len(before) == 1 else None


def _projection_first(convolutions: list[Found]) -> bool | None:
    """Whether projections are listed between the convolutions of their block."""
    places = set()
    for previous, found in pairwise(convolutions):
        inputs, outputs = found.shape[2:]
        # A projection that keeps the channels does not tell the two places apart.
        if found.is_1x1 and inputs != outputs:
            places.add({inputs: True, outputs: False}.get(previous.shape[2]))
    return places.pop() if len(places) == 1 else None


def _shortcut(described: list[Described]) -> Shortcut | None:
    """Return what feeds the projections of a network in pre-activation order."""
    tokens = {layer.name: _described_token(layer) for layer in described}
    sources = {
        tokens.get(producer, "")
        for layer in described
        if layer.is_conv and _pair(layer.kernel) == (1, 1)
        for producer in layer.producers
    }
    kinds = list(tokens.values())
    # Where a group begins without normalization, input and activated input are one.
    lacking = kinds.count("b") < kinds.count("3")
    if sources == {"r"} or (lacking and sources == {"r", "+"}):
        return "activated"
    return "raw" if sources and sources <= {"3", "+", "m"} else None


def _padding(described: list[Described]) -> Padding | None:
    """Return the padding of strided 3x3 convolutions."""
    modes = {
        str(layer.settings.get("padding", layer.settings.get("border_mode")))
        for layer in described
        if layer.is_conv
        and _pair(layer.kernel) == (3, 3)
        and _strides(layer.settings) == (2, 2)
    }
    if modes == {"same"}:
        return "tensorflow"
    return "symmetric" if modes == {"valid"} else None


def _strides(settings: dict[str, Any]) -> tuple[int, ...]:
    strides = settings.get("strides", settings.get("subsample"))
    return (strides, strides) if isinstance(strides, int) else _pair(strides)


def _flattens_channels_first(described: list[Described]) -> bool:
    """Whether a flattening goes through the channels first.

    From Keras 2.2 on, `Flatten` knows the layout and moves the channels last.
    """
    formats = {
        kind: {
            str(layer.settings.get("data_format", layer.settings.get("dim_ordering")))
            for layer in described
            if kind in layer.class_name
        }
        for kind in ("Conv", "Flatten")
    }
    first = {"channels_first", "th"}
    return bool(formats["Conv"] & first and not formats["Flatten"] & first)


def _fraction(described: list[Described], kind: str, setting: str) -> float | None:
    """Return a setting that all layers of a kind share."""
    values = {
        layer.settings.get(setting)
        for layer in described
        if kind in layer.class_name and _is_fraction(layer.settings.get(setting))
    }
    return cast(float, values.pop()) if len(values) == 1 else None


def _is_fraction(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value) and 0 < value < 1
