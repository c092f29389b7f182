"""What a network that is no Wide ResNet looks like, in words."""

import math
from collections import Counter

from wrn.architecture import BASE_CHANNELS
from wrn.errors import WeightsError
from wrn.text import sides
from wrn.weights.child import quote
from wrn.weights.layers import KERNELS, LAST_SIDE, Found, plural

EXPECTED = (
    "Expected a Wide ResNet as its authors or a known program wired it: a 3x3 "
    "convolution to 16 channels; three groups of 2n 3x3 convolutions with 16k, 32k and "
    "64k channels; 1x1 projections where the channel count changes; one dense layer, "
    "with a bias on 64k pooled channels or without one on 8x8x64k flattened ones"
)


def refusal(reason: str, layers: list[Found]) -> WeightsError:
    """Make the error that says why, what was expected, and what there is."""
    counts = Counter(
        f"{sides(f.shape[:2])} convolution" if f.kind == "conv" else plural(f.kind, 1)
        for f in layers
    )
    received = ", ".join(
        f"{count} {name}{'s' * (count > 1)}" for name, count in counts.most_common(6)
    )
    return WeightsError(f"{reason}. {EXPECTED}. Received: {received or 'no weights'}")


def _grows_densely(main: list[Found]) -> bool:
    """Whether 3x3 convolutions all add as many channels to ever more of them."""
    return (
        len(main) > 3
        and len({f.shape[3] for f in main}) == 1
        and all(f.shape[2] != f.shape[3] for f in main)
    )


def odd_kernel(found: Found, layers: list[Found]) -> WeightsError:
    """Refuse a kernel that is neither 3x3 nor 1x1, naming the likely cause."""
    shape = found.shape
    if shape[2:] in KERNELS:
        guess = "looks like the layout (out, in, height, width) of Theano and Torch"
        if any(f.is_3x3 for f in layers):
            guess += ", while others are (height, width, in, out)"
    elif shape[:2] == (7, 7) and shape[2] == 3:
        guess = "looks like the first convolution of an ImageNet ResNet"
    else:
        guess = "no Wide ResNet has"
    return refusal(
        f"{quote(found.layer.name)} has a kernel of {sides(shape)}, which {guess}",
        layers,
    )


def resemblance(layers: list[Found], biased_order_known: bool) -> str | None:
    """Name a network that is no Wide ResNet of a known wiring.

    Args:
        layers: The layers with weights.
        biased_order_known: Whether a network with biases in its convolutions is
            known to be in an order that a Wide ResNet has.
    """
    convolutions = [f for f in layers if f.kind == "conv"]
    main = [f for f in convolutions if f.is_3x3]
    dense = [f for f in layers if f.kind == "dense"]
    widths = sorted({f.shape[3] for f in main})
    projections = len(convolutions) - len(main)
    biased = any("bias" in f.arrays for f in convolutions) and not biased_order_known
    if not convolutions:
        return "a network without convolutions"
    if not any(f.kind == "bn" for f in layers):
        return "a plain convolutional network, without batch normalization"
    if not main:
        return "a network without 3x3 convolutions"
    if any(f.shape[3] == 1 < f.shape[2] for f in main):
        return "a network of depthwise convolutions, such as MobileNet"
    if _grows_densely(main[1:]):
        return f"a DenseNet of growth rate {main[1].shape[3]}"
    groups = len({f.shape[3] for f in main[1:]})
    if projections > 3 and projections != groups:
        return "a residual network with bottleneck blocks"
    if widths == [16, 32, 64] and (projections == 0 or biased):
        return f"a CIFAR ResNet-{len(main) + 1}" + " with biases" * biased
    if not projections:
        return "a plain convolutional network, without projection shortcuts"
    if biased:
        return "a residual network with biases in its convolutions"
    if not dense:
        return "a network without its dense layer"
    side = math.isqrt(dense[0].shape[0] // widths[-1])
    # Its last image has a quarter of the side: two groups halve it.
    larger = side > LAST_SIDE and dense[0].shape[0] == side**2 * widths[-1]
    images = f" for {4 * side}x{4 * side} images" * larger
    if len(dense) > 1:
        outputs = ", ".join(str(f.shape[1]) for f in dense)
        return f"a network{images} with {len(dense)} dense layers, of {outputs} outputs"
    if larger:
        return f"a network{images}: its dense layer takes {side}x{side} pixels"
    if projections == groups > 3:
        return (
            f"a residual network of {groups} groups, as networks for 64x64 images have"
        )
    pooled = dense[0].shape[0] == widths[-1]
    if pooled and "bias" not in dense[0].arrays:
        return "a network whose dense layer has no bias"
    kept = (BASE_CHANNELS, BASE_CHANNELS)
    if widths[0] != BASE_CHANNELS and any(
        f.is_1x1 and f.shape[2:] == kept for f in convolutions
    ):
        return "a network with a projection where the channel count does not change"
    return None
