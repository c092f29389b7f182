"""What is written in and about a picture of a network."""

from collections.abc import Sequence

from wrn.architecture import Architecture, Kind, Layer, group_channels

#: What each kind of layer is called.
KINDS: dict[Kind, str] = {
    "input": "Input image",
    "conv": "Convolution",
    "bn": "Batch normalization",
    "relu": "ReLU",
    "dropout": "Dropout",
    "add": "Addition",
    "max pool": "Max pooling",
    "window pool": "Average pooling around every pixel",
    "pool": "Global average pooling",
    "flatten": "Flattening",
    "dense": "Dense",
}


def sentence(architecture: Architecture) -> str:
    """Describe a network in one sentence, in place of its picture."""
    config = architecture.config
    blocks = config.blocks_per_group
    channels = [group_channels(config, group) for group in (1, 2, 3)]
    in_groups = [i for i, layer in enumerate(architecture.layers) if layer.group]
    between = _listed(architecture.layers[2 : in_groups[0]])
    behind = _listed(architecture.layers[in_groups[-1] + 1 : -1])
    dropout = ""
    if config.dropout:
        dropout = f" (dropout {config.dropout:g} between their convolutions)"
    return (
        f"{architecture.name}: an image of 32×32 pixels, a 3×3 convolution, {between}"
        f"three groups of {_count(blocks, 'residual block')}{dropout} with "
        f"{channels[0]}, {channels[1]} and {channels[2]} channels, {behind}"
        f"and a dense layer with {config.classes} outputs."
    )


def _listed(layers: Sequence[Layer]) -> str:
    """Write each layer's kind, and a comma behind it."""
    kinds = [KINDS[layer.kind] for layer in layers]
    return "".join(f"{kind if kind == 'ReLU' else kind.lower()}, " for kind in kinds)


def shape_text(shape: tuple[int, ...]) -> str:
    """Write a shape as people do, such as `32×32×16`."""
    return "×".join(str(size) for size in shape)


def facts(layers: Sequence[Layer]) -> dict[str, str]:
    """Tell about a layer, or about consecutive layers taken together.

    Args:
        layers: One layer or more, in the order of computation.

    Returns:
        What a person wants to know, by its label, written for people.
    """
    first, last = layers[0], layers[-1]
    if len(layers) == 1:
        told = {"Kind": KINDS[first.kind]}
        if first.kernel:
            told["Kernel"] = shape_text(first.kernel)
            told["Stride"] = str(first.stride)
    else:
        told = {"Layers": str(len(layers))}
    return told | {
        "Input": shape_text(first.input_shape),
        "Output": shape_text(last.output_shape),
        "Parameters": f"{sum(layer.parameters for layer in layers):,}",
        "Multiply-adds": f"{sum(layer.multiply_adds for layer in layers):,}",
        "Receptive field": shape_text((last.receptive_field,) * 2),
    }


def node_lines(layers: Sequence[Layer], level: str, dropout: float) -> tuple[str, ...]:
    """Write what stands in the node of some layers, line by line."""
    if len(layers) == 1:
        return _layer_lines(layers[0], dropout)
    return _group_lines(layers) if level == "network" else _block_lines(layers)


def _layer_lines(layer: Layer, dropout: float) -> tuple[str, ...]:
    match layer.kind:
        case "input":
            return "Input", shape_text(layer.output_shape)
        case "conv":
            kernel = shape_text(layer.kernel or ())
            # "/2" for stride 2 is how the literature labels such pictures.
            stride = f", /{layer.stride}" if layer.stride != 1 else ""
            return f"{kernel} conv", f"{layer.output_shape[-1]}{stride}"
        case "bn":
            return ("BN",)
        case "relu":
            return ("ReLU",)
        case "dropout":
            return "Dropout", f"{dropout:g}"
        case "add":
            return ("+",)
        case "max pool":
            return "Maximum", "2×2"
        case "window pool":
            return "Average", "8×8 around"
        case "flatten":
            return ("Flatten",)
        case "pool":
            return "Average", shape_text(layer.input_shape[:2])
        case "dense":
            return "Dense", _count(layer.output_shape[0], "class", "classes")


def _block_lines(layers: Sequence[Layer]) -> tuple[str, ...]:
    conv1, conv2 = (layer for layer in layers if layer.kernel == (3, 3))
    projection = any(layer.kernel == (1, 1) for layer in layers)
    return (
        f"Block {conv1.block}",
        ", ".join(_layer_lines(conv1, 0)),
        ", ".join(_layer_lines(conv2, 0)),
        "1×1 conv shortcut" if projection else "identity shortcut",
    )


def _group_lines(layers: Sequence[Layer]) -> tuple[str, ...]:
    last = layers[-1]
    return (
        f"Group {last.group}",
        _count(last.block or 0, "block"),
        shape_text(last.output_shape),
        f"{sum(layer.parameters for layer in layers):,} parameters",
    )


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
