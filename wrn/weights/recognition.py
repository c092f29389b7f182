"""Which Wide ResNet a file holds, from the shapes and the order of its arrays.

`wrn.weights` lists the modules that decide. `wrn.architecture` then says which layers
such a network has, and every array of the file must find its place there. Names and
classes of layers are free.
"""

from dataclasses import dataclass

from wrn.architecture import Layer, describe
from wrn.architecture.wiring import AUTHORS, Wiring
from wrn.config import ModelConfig
from wrn.errors import ConfigError, WeightsError
from wrn.text import printable, sides
from wrn.weights.child import quote
from wrn.weights.families import Choice, choose
from wrn.weights.formats import WeightFile
from wrn.weights.hints import Hints, read_hints
from wrn.weights.layers import (
    ROLES,
    Found,
    classify,
    has_channels_first_kernels,
    plural,
    with_channels_last,
)
from wrn.weights.meaning import (
    ASSUMPTIONS,
    Reading,
    assumed,
    conversions,
    convert,
    keeps_deviations,
    wrote_theano,
)
from wrn.weights.reader import Array
from wrn.weights.refusals import refusal
from wrn.weights.shapes import STEM, Shapes, infer


@dataclass(frozen=True, eq=False)
class Recognized:
    """A Wide ResNet found in a file.

    Attributes:
        config: The network. Its dropout is 0 where the file does not record it.
        arrays: By the layer's name in `wrn.architecture`, then by `kernel` (height,
            width, in, out; dense: in, out), `bias`, `gamma`, `beta`, `moving_mean`
            or `moving_variance`: float32, finite, converted for this project's
            network of that wiring.
        sources: The layer's name in the file, by its name in `wrn.architecture`.
        notes: Sentences for the person: what was assumed or converted.
        wiring: How the layers are connected.
        certain: Whether the file itself says so.
        alternatives: Other known wirings that the file does not rule out.
        reading: How the numbers in the file are meant.
        conversions: The notes that tell of conversions.
        assumed: What is assumed of how the numbers are meant, where nothing tells;
            keys of `wrn.weights.meaning.ASSUMPTIONS`.
    """

    config: ModelConfig
    arrays: dict[str, dict[str, Array]]
    sources: dict[str, str]
    notes: tuple[str, ...]
    wiring: Wiring
    certain: bool
    alternatives: tuple[Wiring, ...]
    reading: Reading
    conversions: tuple[str, ...]
    assumed: tuple[str, ...] = ()


def recognize(
    file: WeightFile,
    *,
    wiring: Wiring | None = None,
    reading: Reading | None = None,
) -> Recognized:
    """Find the Wide ResNet in a weight file.

    Args:
        file: What `read` returned.
        wiring: How its layers are connected, if the caller knows better than the
            file; one of `Recognized.alternatives`, for instance.
        reading: How its numbers are meant, likewise.

    Returns:
        Its config, its wiring and its arrays, each under the layer it belongs to.

    Raises:
        WeightsError: If it holds another network, lacks a layer, contradicts its own
            metadata, or has a negative variance.
    """
    channels_first = has_channels_first_kernels(file)
    layers = [
        classify(with_channels_last(layer) if channels_first else layer)
        for layer in file.layers
        if layer.weights
    ]
    hints = read_hints(file, layers, channels_first)
    reading = reading or Reading(
        theano=wrote_theano(file),
        deviations=keeps_deviations(file),
        channels_first=channels_first,
        flattened_channels_first=hints.flattens_channels_first,
    )
    own = _own_wiring(file)
    shapes = infer(layers, _may_be_biased(file, own, hints))
    if hints.order == "post-activation" and shapes.config.widen_factor == 1:
        raise refusal(
            f"This looks like a post-activation ResNet-{shapes.config.depth - 2}: "
            "batch normalization follows the convolutions",
            layers,
        )
    config = _agree_with_metadata(shapes.config, file, hints.dropout)
    choice = _choose(file, layers, shapes, hints, reading, own)
    if wiring is not None:
        choice = Choice(wiring, True, (), ())
    placed = _place(config, choice.wiring, layers)
    converted = conversions(file, reading, shapes.flattened)
    keys = assumed(file, flattened=shapes.flattened)
    return Recognized(
        config=config,
        arrays={
            name: convert(found, reading, choice.wiring.epsilon, shapes.flattened)
            for name, found in placed.items()
        },
        sources={name: found.layer.name for name, found in placed.items()},
        notes=(*choice.reasons, *(ASSUMPTIONS[key][0] for key in keys), *converted),
        wiring=choice.wiring,
        certain=choice.certain,
        alternatives=choice.alternatives,
        reading=reading,
        conversions=converted,
        assumed=keys,
    )


_INFERRED = (
    "How the layers are connected was inferred from another program's file when this "
    "one was made of it."
)


def _own_wiring(file: WeightFile) -> Wiring | None:
    """Return the wiring that a file of this project records."""
    if "wiring" not in file.metadata:
        return None
    try:
        return Wiring.from_dict(file.metadata["wiring"])
    except ConfigError as error:
        raise WeightsError(
            f"The file's own description of its wiring is wrong: {_short(error)}"
        ) from None


def _may_be_biased(file: WeightFile, own: Wiring | None, hints: Hints) -> bool:
    """Whether biases in convolutions do not make it another network."""
    if file.is_keras_0:
        # Its convolutions cannot do without.
        return True
    if own is not None:
        return own.conv_bias
    return hints.order in ("pre-activation", "activation before addition")


def _choose(
    file: WeightFile,
    layers: list[Found],
    shapes: Shapes,
    hints: Hints,
    reading: Reading,
    own: Wiring | None,
) -> Choice:
    """Choose the wiring; a file with this project's names has the authors'."""
    if own is not None:
        if file.metadata.get("certain") is not False:
            return Choice(own, True, (), ())
        return Choice(own, False, (_INFERRED,), ())
    if _named(layers, _expected(shapes.config, AUTHORS)):
        return Choice(AUTHORS, True, (), ())
    return choose(file, shapes, hints, reading)


def _short(error: ConfigError) -> str:
    """Cut what an error quotes from a file: printable, and not too long."""
    return printable(str(error), 300)


def _expected(config: ModelConfig, wiring: Wiring) -> list[Layer]:
    return [layer for layer in describe(config, wiring).layers if layer.parameters]


def _named(layers: list[Found], expected: list[Layer]) -> bool:
    """Whether layers have the very names that are expected."""
    names = {found.layer.name for found in layers}
    return len(names) == len(layers) and names == {layer.name for layer in expected}


def _agree_with_metadata(
    config: ModelConfig, file: WeightFile, dropout: float
) -> ModelConfig:
    """Take the dropout from what the file says of itself, after comparing the rest."""
    if "model" not in file.metadata:
        return config.replace(dropout=dropout)
    try:
        recorded = ModelConfig.from_dict(file.metadata["model"])
    except ConfigError as error:
        raise WeightsError(
            f"The file's own description of its network is wrong: {_short(error)}"
        ) from None
    if recorded.replace(dropout=0.0) != config:
        raise WeightsError(
            f"The file says that it holds a {recorded.name} with {recorded.classes} "
            f"classes. Received: the arrays of a {config.name} with {config.classes}"
        )
    return recorded


def _place(
    config: ModelConfig, wiring: Wiring, layers: list[Found]
) -> dict[str, Found]:
    """Give every layer of the network its layer of the file.

    Where the file uses the network's own names these decide, else the order does.
    """
    expected = _expected(config, wiring)
    if _named(layers, expected):
        named = {found.layer.name: found for found in layers}
        for layer in expected:
            _check_fit(layer, named[layer.name], config, wiring)
        return {layer.name: named[layer.name] for layer in expected}
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
            raise refusal(
                f"A {config.name} has {len(wanted)} {plural(kind)}, not {len(present)}",
                layers,
            )
        for layer, found in zip(wanted, present, strict=True):
            _check_fit(layer, found, config, wiring)
            placed[layer.name] = found
    return {e.name: placed[e.name] for e in expected}


def _check_fit(layer: Layer, found: Found, config: ModelConfig, wiring: Wiring) -> None:
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
            f"Expected {layer.name} to have the shape {sides(shape)}. Received: "
            f"{quote(found.layer.name)} with {sides(found.shape)}"
        )
    biased = {"conv": wiring.conv_bias, "dense": wiring.dense_bias, "bn": False}
    if biased[layer.kind] != ("bias" in found.arrays):
        wanted, received = "with", "without"
        if not biased[layer.kind]:
            wanted, received = received, wanted
        raise WeightsError(
            f"Expected {layer.name} {wanted} a bias, as the network is wired. "
            f"Received: {quote(found.layer.name)} {received} one"
        )


def _check_order_known(layers: list[Found]) -> None:
    """Refuse layers of one kind that are numbered under several classes."""
    for kind in ("conv", "bn"):
        # The first convolution and the projections are told by their shapes.
        ordered = [f for f in layers if f.kind == kind and not f.is_1x1]
        classes = sorted({f.layer.kind for f in ordered if f.shape[-2:] != STEM})
        if len(classes) > 1:
            raise WeightsError(
                f"The file numbers its {plural(kind)} under several classes, so that "
                "their order is not recorded. Expected one class. Received: "
                + ", ".join(map(quote, classes[:5]))
            )
