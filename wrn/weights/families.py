"""How the network in a file is connected, and how sure that is.

Shapes tell biases, head, projections and missing normalizations. The order of
activations and the source of the projections follow, in this order, from the model's
own description, from the order in which the file lists its layers, and from the
habits of the known programs: where they list the projection, and which settings they
use.
"""

from dataclasses import dataclass

from wrn.architecture.wiring import (
    ASMITH26,
    AUTHORS,
    CHRIS4540,
    EDWARD2_V1,
    EDWARD2_V2,
    FAMILIES,
    KERAS_CONTRIB,
    TITU1994,
    TITU1994_2017,
    Wiring,
)
from wrn.weights.formats import WeightFile
from wrn.weights.hints import Hints
from wrn.weights.meaning import Reading, default_epsilon
from wrn.weights.shapes import Shapes

#: Families whose batch normalization has the settings that Keras had by default.
_KERAS_DEFAULTS = (ASMITH26, KERAS_CONTRIB, CHRIS4540)

#: Families that name the shortcut first when they add, whereby Keras lists the
#: projection before the block's second convolution.
_PROJECT_FIRST = (EDWARD2_V2, CHRIS4540)


@dataclass(frozen=True)
class Choice:
    """A wiring, and why.

    Attributes:
        wiring: The wiring.
        certain: Whether the file itself says how the layers are connected.
        reasons: Sentences: what was decided by what, what was assumed.
        alternatives: Other known wirings that the file does not rule out.
    """

    wiring: Wiring
    certain: bool
    reasons: tuple[str, ...]
    alternatives: tuple[Wiring, ...]


def choose(file: WeightFile, shapes: Shapes, hints: Hints, reading: Reading) -> Choice:
    """Choose the wiring of a network without names of this project.

    Args:
        file: The file.
        shapes: What the shapes of its weights tell.
        hints: What it tells beside.
        reading: How its numbers are meant.
    """
    family = _family(file, shapes, hints)
    wiring = _fitted(family, file, shapes, hints, reading)
    certain = hints.shortcut is not None or (
        hints.described and wiring.order != "pre-activation"
    )
    alternatives = (
        () if certain else _alternatives(wiring, file, shapes, hints, reading)
    )
    reasons = [
        _reason(wiring, hints, certain, alternatives),
        *differences(wiring, shapes.config.widen_factor),
    ]
    if hints.epsilon is None:
        reasons.append(
            "The file does not record the epsilon of batch normalization: "
            f"{wiring.epsilon:g} is assumed."
        )
    if shapes.config.widen_factor == 1:
        reasons.append(
            f"A CIFAR ResNet-{shapes.config.depth - 2} with projections has the same "
            "shapes."
        )
    return Choice(wiring, certain, tuple(reasons), alternatives)


def _family(file: WeightFile, shapes: Shapes, hints: Hints) -> Wiring:
    """Choose the known program that fits best."""
    if shapes.flattened:
        return ASMITH26
    if hints.order == "post-activation":
        return EDWARD2_V1
    if hints.order == "activation before addition":
        return KERAS_CONTRIB
    if hints.shortcut == "raw":
        return EDWARD2_V2
    if hints.projection_first and not file.is_keras_0:
        known = hints.softmax or hints.shortcut == "activated"
        return CHRIS4540 if known else EDWARD2_V2
    if not (shapes.group_norm and shapes.final_norm):
        return TITU1994_2017
    # What titu1994, chris4540 and edward2 wired so came after Keras 0.
    if shapes.projects_all and hints.padding != "symmetric" and not file.is_keras_0:
        return TITU1994
    return AUTHORS


def _fitted(
    family: Wiring, file: WeightFile, shapes: Shapes, hints: Hints, reading: Reading
) -> Wiring:
    """Change in a family what the file says otherwise."""
    first_group = "in every group" if shapes.projects_all else "where channels change"
    padding = hints.padding or "tensorflow"
    pre_activation = family.order == "pre-activation"
    downsampling = "max pooling" if hints.max_pooling else "stride"
    if file.is_keras_0:
        # It lists no layer but those with weights.
        downsampling = family.downsampling
    wiring = family.replace(
        projection=first_group
        if shapes.config.widen_factor == 1
        else family.projection,
        shortcut=(pre_activation and hints.shortcut) or family.shortcut,
        downsampling=downsampling,
        padding="symmetric" if reading.theano else padding,
        conv_bias=shapes.conv_bias,
        dense_bias=shapes.dense_bias,
        group_norm=shapes.group_norm,
        final_norm=shapes.final_norm,
        epsilon=hints.epsilon or _epsilon(family, file),
        momentum=hints.momentum or family.momentum,
    )
    if shapes.flattened:
        theano = "flattened, theano" if reading.theano else "flattened, tensorflow"
        wiring = wiring.replace(head=theano)
    # What none of the programs connects so has no name.
    return wiring if _alike(wiring, family, file) else wiring.replace(name="other")


def _epsilon(family: Wiring, file: WeightFile) -> float:
    by_default = family in _KERAS_DEFAULTS or file.is_keras_0
    return default_epsilon(file) if by_default else family.epsilon


def _alike(wiring: Wiring, family: Wiring, file: WeightFile) -> bool:
    """Whether two wirings connect alike but for what Keras's backend decides.

    The settings of batch normalization may differ, too, and so may the normalizations
    that one program had and lost. In Keras 0 all layers with a kernel have a bias.
    """
    free: dict[str, object] = {
        "name": family.name,
        "padding": family.padding,
        "head": family.head,
        "epsilon": family.epsilon,
        "momentum": family.momentum,
    }
    if family == TITU1994_2017:
        free["group_norm"] = family.group_norm
        free["final_norm"] = family.final_norm
    if file.is_keras_0:
        free["conv_bias"] = family.conv_bias
        free["dense_bias"] = family.dense_bias
    if family.name == "authors":
        free["padding"] = wiring.padding
    same_head = wiring.head.split(",")[0] == family.head.split(",")[0]
    return same_head and wiring.replace(**free) == family


def _alternatives(
    wiring: Wiring, file: WeightFile, shapes: Shapes, hints: Hints, reading: Reading
) -> tuple[Wiring, ...]:
    """Return the other families that the shapes and the hints allow."""
    found: list[Wiring] = []
    for family in FAMILIES.values():
        other = _fitted(family, file, shapes, hints, reading)
        possible = (
            other.name != "other"
            and shapes.flattened == (family.head != "global")
            and hints.order in (None, family.order)
            and hints.projection_first in (None, family in _PROJECT_FIRST)
            # A narrow network in post-activation order is a ResNet.
            and (family.order != "post-activation" or shapes.config.widen_factor > 1)
        )
        if possible and other not in [wiring, *found]:
            found.append(other)
    return tuple(found)


def _reason(
    wiring: Wiring, hints: Hints, certain: bool, alternatives: tuple[Wiring, ...]
) -> str:
    """Say what decided the wiring."""
    whose = _WHOSE[wiring.name]
    if certain:
        return f"The model's own description says how it is connected: {whose}."
    known = "order" if hints.order or hints.projection_first is not None else "shapes"
    sentence = (
        "How the layers are connected is not recorded; from their "
        f"{known} it is taken to be {whose}"
    )
    others = dict.fromkeys(_WHOSE[other.name] for other in alternatives)
    if not others:
        return sentence + "."
    return (
        f"{sentence}, but it could be {' or '.join(others)} too. If it was wired "
        "otherwise, its accuracy here is lower than its own."
    )


_WHOSE = {
    "authors": "the authors' network",
    "asmith26": "the network of asmith26",
    "titu1994": "the network of titu1994",
    "titu1994-2017": "the network of titu1994 in 2017",
    "edward2-v1": "the post-activation network of edward2",
    "edward2-v2": "the pre-activation network of edward2",
    "keras-contrib": "the network of keras-contrib",
    "chris4540": "the network of chris4540",
    "other": "a network that no known program wires so",
}


def differences(wiring: Wiring, widen_factor: int) -> tuple[str, ...]:
    """Say how a network computes otherwise than the authors', one sentence at most."""
    if widen_factor > 1:
        # The authors' first group has a projection then, too.
        wiring = wiring.replace(projection=AUTHORS.projection)
    parts = [
        words
        for setting, words in _DIFFERENCES.items()
        if getattr(wiring, setting[0]) == setting[1]
    ]
    if wiring.downsampling == "max pooling":
        # No convolution is strided then.
        parts = [part for part in parts if not part.startswith("strided")]
    if not parts:
        return ()
    return (f"It differs from the authors' network: {'; '.join(parts)}.",)


#: Settings that differ from the authors', and how.
_DIFFERENCES: dict[tuple[str, object], str] = {
    ("order", "post-activation"): "activations follow the convolutions and additions",
    ("order", "activation before addition"): "activations follow the convolutions",
    ("shortcut", "raw"): "projections see the block's input without activation",
    ("projection", "in every group"): "all groups have a projection",
    ("downsampling", "max pooling"): "images are halved by max pooling",
    ("padding", "tensorflow"): "strided 3x3 convolutions pad at the bottom and right "
    "only, as TensorFlow's 'same' does",
    ("head", "flattened, tensorflow"): "the head averages 8x8 windows around every "
    "pixel, placed as TensorFlow does, and flattens them",
    ("head", "flattened, theano"): "the head averages 8x8 windows around every pixel, "
    "placed as Theano does, and flattens them",
    ("conv_bias", True): "convolutions have biases",
    ("dense_bias", False): "the dense layer has no bias",
    ("group_norm", False): "groups 2 and 3 begin without batch normalization",
    ("final_norm", False): "no batch normalization follows the last block",
}
