"""Depth, widen factor, classes and what else the shapes of weights tell."""

from collections import Counter
from dataclasses import dataclass

from wrn.architecture import BASE_CHANNELS
from wrn.config import ModelConfig
from wrn.errors import ConfigError, WeightsError
from wrn.weights.layers import LAST_SIDE, Found
from wrn.weights.refusals import odd_kernel, refusal, resemblance

#: Input and output channels of the first convolution.
STEM = (3, BASE_CHANNELS)


@dataclass(frozen=True, kw_only=True)
class Shapes:
    """What the shapes of a Wide ResNet's weights tell.

    Attributes:
        config: The network, without dropout.
        conv_bias: Whether its convolutions have biases.
        dense_bias: Whether its dense layer has one.
        flattened: Whether the dense layer sees all pixels of the last image.
        projects_all: Whether the first group has a projection at widen factor 1,
            too; at others all groups have one.
        group_norm: Whether groups 2 and 3 begin with batch normalization.
        final_norm: Whether batch normalization follows the last block.
    """

    config: ModelConfig
    conv_bias: bool
    dense_bias: bool
    flattened: bool
    projects_all: bool
    group_norm: bool
    final_norm: bool


def infer(layers: list[Found], biased_order_known: bool) -> Shapes:
    """Infer a network from the shapes of its weights.

    Args:
        layers: The layers with weights.
        biased_order_known: Whether a network with biases in its convolutions is
            known to be in an order that a Wide ResNet has.

    Raises:
        WeightsError: If it is no Wide ResNet; it says what it looks like.
    """
    for found in layers:
        if found.kind == "conv" and not (found.is_3x3 or found.is_1x1):
            raise odd_kernel(found, layers)
    like = resemblance(layers, biased_order_known)
    if like:
        raise refusal(f"This looks like {like}", layers)
    width, per_group = _groups(layers)
    dense = next(f for f in layers if f.kind == "dense")
    features, classes = dense.shape
    conv_bias = {"bias" in f.arrays for f in layers if f.kind == "conv"} == {True}
    dense_bias = "bias" in dense.arrays
    # Known programs with that head give it no bias; one among layers that all have a
    # bias, as in Keras 0, tells nothing.
    all_pixels = features == LAST_SIDE**2 * 4 * width
    flattened = all_pixels and dense_bias == conv_bias
    if features != 4 * width and not flattened:
        raise refusal(
            f"The dense layer has {features:,} inputs, not {4 * width}"
            + (": this looks like a flattened 8x8 head without pooling" * all_pixels),
            layers,
        )
    try:
        config = ModelConfig(
            depth=3 * per_group + 4,
            widen_factor=width // BASE_CHANNELS,
            classes=classes,
        )
    except ConfigError as error:
        raise WeightsError(
            f"The network in this file cannot be run here: {error}"
        ) from None
    norms = Counter(f.shape[0] for f in layers if f.kind == "bn")
    projections = Counter(f.shape[2:] for f in layers if f.is_1x1)
    return Shapes(
        config=config,
        conv_bias=conv_bias,
        dense_bias=dense_bias,
        flattened=flattened,
        projects_all=projections[BASE_CHANNELS, width] == 1,
        # Each of the two lacks the normalization at the next group's beginning.
        group_norm=norms[2 * width] != per_group - 1,
        final_norm=norms[4 * width] != per_group - 1,
    )


def _groups(layers: list[Found]) -> tuple[int, int]:
    """Return the first group's channels, and the 3x3 convolutions of each group."""
    stems = [f for f in layers if f.is_3x3 and f.shape[2:] == STEM]
    if len(stems) != 1:
        raise refusal(
            "There is no single 3x3 convolution from 3 to 16 channels", layers
        )
    counts = Counter(f.shape[3] for f in layers if f.is_3x3 and f is not stems[0])
    widths = sorted(counts)
    width = widths[0] if widths else 0
    if widths != [width, 2 * width, 4 * width] or width % BASE_CHANNELS:
        raise refusal(
            "The 3x3 convolutions have the channel counts "
            f"{', '.join(map(str, widths))}, not 16k, 32k and 64k",
            layers,
        )
    per_group = [counts[w] for w in widths]
    if len(set(per_group)) != 1 or per_group[0] % 2:
        raise refusal(
            f"The three groups have {', '.join(map(str, per_group))} 3x3 convolutions, "
            "not one even number",
            layers,
        )
    return width, per_group[0]
