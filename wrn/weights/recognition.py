"""Which Wide ResNet a file holds, from the shapes and the order of its arrays.

Depth, widen factor and classes follow from the shapes; `wrn.architecture` then
says which layers such a network has, and every array of the file must find its
place there. Names and classes of layers are free. What shapes cannot tell (how
the layers are connected, the epsilon of batch normalization, the padding) is
taken to be the authors', and said so in the notes.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from wrn.architecture import BASE_CHANNELS, Layer, describe
from wrn.config import ModelConfig
from wrn.errors import ConfigError, WeightsError
from wrn.weights.formats import FileLayer, WeightFile
from wrn.weights.reader import Array, quote

#: Of the authors' batch normalization (Torch's default), and of `wrn.model`.
EPSILON = 1e-5

#: Input and output channels of the first convolution.
STEM = (3, BASE_CHANNELS)

EXPECTED = (
    "Expected a Wide ResNet as its authors wired it: a 3x3 convolution to 16 channels; "
    "three groups of 2n 3x3 convolutions with 16k, 32k and 64k channels; 1x1 "
    "projections where the channel count changes; no biases in convolutions; one "
    "dense layer with a bias on 64k pooled channels"
)

ROLES = {
    "conv": ("kernel", "bias"),
    "dense": ("kernel", "bias"),
    "bn": ("gamma", "beta", "moving_mean", "moving_variance"),
}


@dataclass(frozen=True, eq=False)
class Recognized:
    """A Wide ResNet found in a file.

    Attributes:
        config: The network. Its dropout is 0 where the file does not record it.
        arrays: By the layer's name in `wrn.architecture`, then by `kernel` (height,
            width, in, out; dense: in, out), `bias`, `gamma`, `beta`, `moving_mean`
            or `moving_variance`: float32, finite.
        sources: The layer's name in the file, by its name in `wrn.architecture`.
        notes: Sentences for the person: what was assumed or converted.
    """

    config: ModelConfig
    arrays: dict[str, dict[str, Array]]
    sources: dict[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Found:
    """A layer of the file that has weights, by what it computes."""

    kind: Literal["conv", "bn", "dense"]
    layer: FileLayer
    arrays: dict[str, Array]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the kernel, or of one of batch normalization's vectors."""
        return next(iter(self.arrays.values())).shape

    @property
    def is_3x3(self) -> bool:
        return self.kind == "conv" and self.shape[:2] == (3, 3)

    @property
    def is_1x1(self) -> bool:
        return self.kind == "conv" and self.shape[:2] == (1, 1)


def recognize(file: WeightFile) -> Recognized:
    """Find the Wide ResNet in a weight file.

    Args:
        file: What `read` returned.

    Returns:
        Its config and its arrays, each under the layer it belongs to.

    Raises:
        WeightsError: If it holds another network or another wiring, lacks a layer,
            contradicts its own metadata, or has a negative variance.
    """
    _check_writer(file)
    layers = [_classify(layer) for layer in file.layers if layer.weights]
    config = _infer(layers)
    if _is_post_activation(file):
        raise _refusal(
            f"This looks like a post-activation ResNet-{config.depth - 2}: batch "
            "normalization follows the convolutions",
            layers,
        )
    config = _agree_with_metadata(config, file)
    placed, by_name = _place(config, layers)
    notes = _notes(config, file, by_name)
    arrays = {name: dict(found.arrays) for name, found in placed.items()}
    for name, found in placed.items():
        _check_variance(found)
        if found.kind == "bn":
            arrays[name]["moving_variance"] = _variance_for_our_epsilon(
                found.arrays["moving_variance"], file
            )
    return Recognized(
        config=config,
        arrays=arrays,
        sources={name: found.layer.name for name, found in placed.items()},
        notes=notes,
    )


def _check_writer(file: WeightFile) -> None:
    """Refuse the writers whose kernels mean something else."""
    if file.format.startswith("legacy") and (file.keras_version or "1")[0] == "1":
        raise WeightsError(
            "This file was written by Keras 1, whose kernels and batch normalization "
            "depend on its release and backend. Expected a file of Keras 2 or 3"
        )
    if file.backend == "theano":
        raise WeightsError(
            "This file was written on Keras's Theano backend, which applies kernels "
            "rotated by 180 degrees. Expected a file of another backend"
        )


def _classify(layer: FileLayer) -> _Found:
    """Tell what a layer computes from the ranks of its weights."""
    shapes = [array.shape for _, array in layer.weights]
    ranks = [len(shape) for shape in shapes]
    if ranks in ([4], [4, 1]) and shapes[-1][-1] == shapes[0][-1]:
        return _Found("conv", layer, _by_role(layer, ROLES["conv"]))
    if ranks in ([2], [2, 1]) and shapes[-1][-1] == shapes[0][-1]:
        return _Found("dense", layer, _by_role(layer, ROLES["dense"]))
    if ranks == [1] * 4 and len(set(shapes)) == 1:
        return _Found("bn", layer, _by_role(layer, ROLES["bn"]))
    if ranks == [4, 1]:
        raise WeightsError(
            "Expected kernels in the layout (height, width, in, out). Received: "
            f"{quote(layer.name)} with a kernel of {_by(shapes[0])}, which looks like "
            "the layout (out, in, height, width) of Theano and Torch"
        )
    raise WeightsError(
        "Expected convolutions (one kernel of 4 axes), batch normalizations (4 vectors "
        "of one length) and dense layers (a matrix and a vector). Received: "
        f"{quote(layer.name)} with weights of the shapes "
        + ", ".join(_by(shape) or "scalar" for shape in shapes[:6])
    )


def _by_role(layer: FileLayer, roles: tuple[str, ...]) -> dict[str, Array]:
    """Key weights by role: by their names where these tell, else by Keras's order."""
    roles = roles[: len(layer.weights)]
    named = dict(layer.weights)
    if set(named) == set(roles):
        return {role: named[role] for role in roles}
    return dict(zip(roles, (array for _, array in layer.weights), strict=True))


def _infer(layers: list[_Found]) -> ModelConfig:
    """Infer depth, widen factor and classes, or say what the network looks like."""
    for found in layers:
        if found.kind == "conv" and not (found.is_3x3 or found.is_1x1):
            raise _odd_kernel(found, layers)
    resemblance = _resemblance(layers)
    if resemblance:
        raise _refusal(f"This looks like {resemblance}", layers)
    stems = [f for f in layers if f.is_3x3 and f.shape[2:] == STEM]
    if len(stems) != 1:
        raise _refusal(
            "There is no single 3x3 convolution from 3 to 16 channels", layers
        )
    counts = Counter(f.shape[3] for f in layers if f.is_3x3 and f is not stems[0])
    widths = sorted(counts)
    width = widths[0] if widths else 0
    if widths != [width, 2 * width, 4 * width] or width % BASE_CHANNELS:
        raise _refusal(
            "The 3x3 convolutions have the channel counts "
            f"{', '.join(map(str, widths))}, not 16k, 32k and 64k",
            layers,
        )
    per_group = [counts[w] for w in widths]
    if len(set(per_group)) != 1 or per_group[0] % 2:
        raise _refusal(
            f"The three groups have {', '.join(map(str, per_group))} 3x3 convolutions, "
            "not one even number",
            layers,
        )
    features, classes = next(f.shape for f in layers if f.kind == "dense")
    if features != widths[-1]:
        flattened = features == 64 * widths[-1]
        raise _refusal(
            f"The dense layer has {features:,} inputs, not {widths[-1]}"
            + (": this looks like a flattened 8x8 head without pooling" * flattened),
            layers,
        )
    try:
        return ModelConfig(
            depth=3 * per_group[0] + 4,
            widen_factor=width // BASE_CHANNELS,
            classes=classes,
        )
    except ConfigError as error:
        raise WeightsError(f"The network in this file is too large: {error}") from None


def _odd_kernel(found: _Found, layers: list[_Found]) -> WeightsError:
    """Refuse a kernel that is neither 3x3 nor 1x1, naming the likely cause."""
    shape = found.shape
    if shape[2:] in ((3, 3), (1, 1)):
        guess = "looks like the layout (out, in, height, width) of Theano and Torch"
    elif shape[:2] == (7, 7) and shape[2] == 3:
        guess = "looks like the first convolution of an ImageNet ResNet"
    else:
        guess = "no Wide ResNet has"
    return _refusal(
        f"{quote(found.layer.name)} has a kernel of {_by(shape)}, which {guess}", layers
    )


def _resemblance(layers: list[_Found]) -> str | None:
    """Name a network that is no Wide ResNet of the authors' wiring."""
    convolutions = [f for f in layers if f.kind == "conv"]
    main = [f for f in convolutions if f.is_3x3]
    dense = [f for f in layers if f.kind == "dense"]
    widths = sorted({f.shape[3] for f in main})
    projections = len(convolutions) - len(main)
    biased = any("bias" in f.arrays for f in convolutions)
    if not convolutions:
        return "a network without convolutions"
    if not any(f.kind == "bn" for f in layers):
        return "a plain convolutional network, without batch normalization"
    if projections > 3:
        return "a residual network with bottleneck blocks"
    if widths == [16, 32, 64] and (projections == 0 or biased):
        return f"a CIFAR ResNet-{len(main) + 1}" + " with biases" * biased
    if not projections:
        return "a plain convolutional network, without projection shortcuts"
    if biased:
        return "a residual network with biases in its convolutions"
    if not dense:
        return "a network without its dense layer"
    if len(dense) > 1:
        outputs = ", ".join(str(f.shape[1]) for f in dense)
        return f"a network with {len(dense)} dense layers, of {outputs} outputs"
    if "bias" not in dense[0].arrays:
        return "a network whose dense layer has no bias"
    first_width = BASE_CHANNELS, BASE_CHANNELS
    if any(f.is_1x1 and f.shape[2:] == first_width for f in convolutions):
        return "a network with a projection where the channel count does not change"
    return None


def _is_post_activation(file: WeightFile) -> bool:
    """Whether blocks end with conv, BN, add, ReLU instead of conv, add.

    Such a network has the very shapes of a Wide ResNet. Only where all layers are
    listed in order, those without weights too, the difference shows: batch
    normalization followed by the addition instead of an activation. Projections may
    stand before or after and do not matter.
    """
    described = "".join(
        _described_token(*layer) for layer in _layer_configs(file.config)
    )
    listed = "".join(map(_token, file.layers)).replace("1", "")
    return "b+" in described or (file.format.startswith("legacy") and "b+" in listed)


def _described_token(name: str, settings: dict[str, Any]) -> str:
    """One character a layer that a model describes: b, +, else a dot."""
    if settings.get("kernel_size") in ([1, 1], 1):
        return ""
    return "b" if "BatchNormalization" in name else "+" if name == "Add" else "."


def _token(layer: FileLayer) -> str:
    """One character a layer: 3 or 1 for convolutions, b, d, + for add, else a dot."""
    if not layer.weights:
        return "+" if re.search(r"(^|[_./])add(_|\d|$)", layer.name) else "."
    found = _classify(layer)
    if found.kind == "conv":
        return "3" if found.is_3x3 else "1"
    return found.kind[0]


def _agree_with_metadata(config: ModelConfig, file: WeightFile) -> ModelConfig:
    """Take the dropout from what the file says of itself, after comparing the rest."""
    if "model" not in file.metadata:
        rate = _dropout_rate(file.config)
        return config.replace(dropout=rate) if rate else config
    try:
        recorded = ModelConfig.from_dict(file.metadata["model"])
    except ConfigError as error:
        raise WeightsError(
            f"The file's own description of its network is wrong: {error}"
        ) from None
    if recorded.replace(dropout=0.0) != config:
        raise WeightsError(
            f"The file says that it holds a {recorded.name} with {recorded.classes} "
            f"classes. Received: the arrays of a {config.name} with {config.classes}"
        )
    return recorded


def _place(config: ModelConfig, layers: list[_Found]) -> tuple[dict[str, _Found], bool]:
    """Give every layer of the network its layer of the file.

    Returns:
        The file's layers by the network's names, and whether the file uses these
        names itself; else the order decided.
    """
    expected = [layer for layer in describe(config).layers if layer.parameters]
    by_name = {f.layer.name: f for f in layers}
    if len(by_name) == len(layers) and by_name.keys() == {e.name for e in expected}:
        placed = {e.name: by_name[e.name] for e in expected}
        for layer in expected:
            _check_fit(layer, placed[layer.name], config)
        return placed, True
    _check_order_known(layers)
    placed = {}
    for kind in ROLES:
        wanted = [e for e in expected if e.kind == kind]
        present = [f for f in layers if f.kind == kind]
        if kind == "conv":
            # A format may list a shortcut before or after its block.
            wanted.sort(key=lambda layer: layer.kernel == (1, 1))
            present.sort(key=lambda found: found.is_1x1)
        if len(wanted) != len(present):
            raise _refusal(
                f"A {config.name} has {len(wanted)} {_plural(kind)}, "
                f"not {len(present)}",
                layers,
            )
        for layer, found in zip(wanted, present, strict=True):
            _check_fit(layer, found, config)
            placed[layer.name] = found
    return {e.name: placed[e.name] for e in expected}, False


def _check_fit(layer: Layer, found: _Found, config: ModelConfig) -> None:
    """Refuse a layer of the file whose kind or shape is not the expected one."""
    channels = (layer.input_shape[-1], layer.output_shape[-1])
    shape = {
        "conv": (*(layer.kernel or ()), *channels),
        "dense": channels,
        "bn": channels[:1],
    }[layer.kind]
    if found.kind != layer.kind or found.shape != shape:
        raise WeightsError(
            f"This is almost a {config.name}, but its layers come in another order. "
            f"Expected {layer.name} to have the shape {_by(shape)}. Received: "
            f"{quote(found.layer.name)} with {_by(found.shape)}"
        )


def _check_order_known(layers: list[_Found]) -> None:
    """Refuse layers of one kind that are numbered under several classes."""
    for kind in ("conv", "bn"):
        # The first convolution and the projections are told by their shapes.
        ordered = [f for f in layers if f.kind == kind and not f.is_1x1]
        classes = sorted({f.layer.kind for f in ordered if f.shape[-2:] != STEM})
        if len(classes) > 1:
            raise WeightsError(
                f"The file numbers its {_plural(kind)} under several classes, so that "
                "their order is not recorded. Expected one class. Received: "
                + ", ".join(map(quote, classes[:5]))
            )


def _check_variance(found: _Found) -> None:
    variance = found.arrays.get("moving_variance")
    if variance is not None and variance.min() < 0:
        raise WeightsError(
            f"The moving variance of {quote(found.layer.name)} must not be negative. "
            f"Received: {variance.min():g}"
        )


def _variance_for_our_epsilon(variance: Array, file: WeightFile) -> Array:
    """Move a recorded difference in epsilon into the variance.

    Batch normalization divides by sqrt(variance + epsilon), so the sum is what
    matters and the conversion is exact.
    """
    epsilon = _epsilon(file.config)
    if epsilon is None or epsilon == EPSILON:
        return variance
    converted: Array = np.maximum(variance + np.float32(epsilon - EPSILON), 0)
    return converted


def _notes(config: ModelConfig, file: WeightFile, by_name: bool) -> tuple[str, ...]:
    """Say what was assumed and converted."""
    if by_name:
        return ()
    epsilon = _epsilon(file.config)
    notes = [
        "The shapes fit, but how the layers are connected was not checked: the "
        "authors' network is assumed (pre-activation blocks, the projection fed by "
        "the activated tensor, padding by one on both sides). If the network was "
        "wired otherwise, its accuracy here is lower than its own."
    ]
    if config.widen_factor == 1:
        notes.append(
            f"A CIFAR ResNet-{config.depth - 2} with projections has the same shapes."
        )
    if epsilon is None:
        notes.append(
            "The file does not record the epsilon of batch normalization: "
            f"{EPSILON:g} is assumed."
        )
    elif epsilon != EPSILON:
        notes.append(
            f"The network was made with an epsilon of {epsilon:g} in batch "
            f"normalization; the variances were converted to {EPSILON:g}."
        )
    if _pads_one_side(file.config):
        notes.append(
            "The network's strided 3x3 convolutions use padding='same', which pads "
            "on one side only; here they pad on both, which lowers the accuracy."
        )
    return tuple(notes)


def _layer_configs(config: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield class name and settings of each layer a model describes, in order."""
    pending: list[Any] = [config]
    while pending:
        node = pending.pop()
        settings = node.get("config") if isinstance(node, dict) else None
        if not isinstance(settings, dict):
            continue
        yield str(node.get("class_name")), settings
        layers = settings.get("layers")
        pending.extend(reversed(layers) if isinstance(layers, list) else [])


def _epsilon(config: dict[str, Any]) -> float | None:
    """Return the epsilon of all batch normalizations, if one is recorded."""
    values = {
        settings.get("epsilon")
        for name, settings in _layer_configs(config)
        if "BatchNormalization" in name and _is_fraction(settings.get("epsilon"))
    }
    return float(values.pop()) if len(values) == 1 else None  # type: ignore[arg-type]


def _dropout_rate(config: dict[str, Any]) -> float:
    """Return the rate of all dropout layers, or 0 if none is recorded."""
    values = {
        settings.get("rate")
        for name, settings in _layer_configs(config)
        if name == "Dropout" and _is_fraction(settings.get("rate"))
    }
    return float(values.pop()) if len(values) == 1 else 0.0  # type: ignore[arg-type]


def _pads_one_side(config: dict[str, Any]) -> bool:
    return any(
        name.startswith("Conv")
        and settings.get("padding") == "same"
        and settings.get("strides") in ([2, 2], 2)
        and settings.get("kernel_size") in ([3, 3], 3)
        for name, settings in _layer_configs(config)
    )


def _is_fraction(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value) and 0 < value < 1


def _refusal(reason: str, layers: list[_Found]) -> WeightsError:
    counts = Counter(
        f"{_by(f.shape[:2])} convolution" if f.kind == "conv" else _plural(f.kind, 1)
        for f in layers
    )
    received = ", ".join(
        f"{count} {name}{'s' * (count > 1)}" for name, count in counts.most_common(6)
    )
    return WeightsError(f"{reason}. {EXPECTED}. Received: {received or 'no weights'}")


def _plural(kind: str, count: int = 2) -> str:
    names = {"conv": "convolution", "bn": "batch normalization", "dense": "dense layer"}
    return names[kind] + "s" * (count > 1)


def _by(shape: tuple[int, ...]) -> str:
    """Write a shape as `3x3x16x32`."""
    return "x".join(map(str, shape))
