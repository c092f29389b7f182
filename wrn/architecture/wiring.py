"""How a Wide Residual Network is connected: a family of implementations as data.

The paper leaves much open, and programs differ in what shapes do not show: what feeds
a projection, how a strided convolution pads, where batch normalization stands. A
`Wiring` says it; `wrn.architecture` describes the network it gives, and `wrn.model`
builds that. Networks are wired as the authors' are where neither `--wiring` nor the
recipe says otherwise.

Sources: the programs named at each family below, read for their order of layers.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from wrn.config import WIRINGS, Config, RunConfig, option

Order = Literal["pre-activation", "post-activation", "activation before addition"]
Shortcut = Literal["activated", "raw"]
Projection = Literal["where channels change", "in every group"]
Downsampling = Literal["stride", "max pooling"]
Padding = Literal["symmetric", "tensorflow"]
Head = Literal["global", "flattened, tensorflow", "flattened, theano"]


@dataclass(frozen=True, kw_only=True)
class Wiring(Config):
    """What two networks of one depth and width can differ in.

    Two wirings that connect alike are equal, whatever they are called.
    """

    section: ClassVar[str] = "wiring"

    name: str = option(
        "authors",
        "Name",
        "The program that wires its networks so.",
        choices=(*WIRINGS, "other"),
        compare=False,
    )
    order: Order = option(
        "pre-activation",
        "Order",
        "Where batch normalization and ReLU stand: before each convolution, and "
        "once more before the pooling; after each convolution, the last ReLU of a "
        "block after the addition; or the same with that ReLU before the addition.",
        choices=get_args(Order),
    )
    shortcut: Shortcut = option(
        "activated",
        "Shortcut",
        "What feeds a projection: the block's input after its first batch "
        "normalization and ReLU, or the input itself.",
        choices=get_args(Shortcut),
    )
    projection: Projection = option(
        "where channels change",
        "Projection",
        "Which first blocks have a projection. The choice matters at widen factor "
        "1 only, where the first group keeps its 16 channels.",
        choices=get_args(Projection),
    )
    downsampling: Downsampling = option(
        "stride",
        "Downsampling",
        "How groups 2 and 3 halve the image: by the stride of their first block, "
        "or by a 2x2 maximum before it.",
        choices=get_args(Downsampling),
    )
    padding: Padding = option(
        "symmetric",
        "Padding",
        "Of strided 3x3 convolutions: one pixel on every side, as Torch and Theano "
        "do, or one at the bottom and right, as TensorFlow's 'same' does.",
        choices=get_args(Padding),
    )
    head: Head = option(
        "global",
        "Head",
        "Between the last ReLU and the dense layer: the average over all pixels; "
        "or averages over 8x8 windows around every pixel ('same', as TensorFlow or "
        "as Theano places the windows), flattened.",
        choices=get_args(Head),
    )
    conv_bias: bool = option(
        False, "Bias of convolutions", "Whether convolutions have biases."
    )
    dense_bias: bool = option(
        True, "Bias of the dense layer", "Whether the dense layer has a bias."
    )
    group_norm: bool = option(
        True,
        "Normalization between groups",
        "Whether the first blocks of groups 2 and 3 begin with batch normalization "
        "and ReLU, in pre-activation order.",
    )
    final_norm: bool = option(
        True,
        "Normalization before the head",
        "Whether batch normalization and ReLU follow the last block, in "
        "pre-activation order.",
    )
    epsilon: float = option(
        1e-5,
        "Epsilon",
        "Added to the variance in batch normalization. Torch's default is 1e-5, "
        "Keras's 1e-3 (1e-6 before 1.0.8, 1e-5 before 1.2).",
        minimum=0.0,
        maximum=1.0,
    )
    momentum: float = option(
        0.9,
        "Momentum",
        "Share of the old value in the moving statistics at each training step. "
        "Torch's default, in Keras's sense.",
        minimum=0.0,
        maximum=1.0,
    )


#: Zagoruyko and Komodakis, models/wide-resnet.lua; Torch's epsilon and momentum.
AUTHORS = Wiring()

#: asmith26/wide_resnets_keras and yu4u's derivatives: no bias in the dense layer, on a
#: flattened pooling of stride 1. Epsilon and momentum are Keras's defaults.
ASMITH26 = Wiring(
    name="asmith26",
    padding="tensorflow",
    head="flattened, tensorflow",
    dense_bias=False,
    epsilon=1e-3,
    momentum=0.99,
)

#: titu1994/Wide-Residual-Networks since 2017: Torch's momentum, in Torch's sense.
TITU1994 = Wiring(
    name="titu1994",
    projection="in every group",
    padding="tensorflow",
    momentum=0.1,
)

#: The same without normalization at the end, as it was for some months of 2017;
#: earlier that year there was none between the groups either.
TITU1994_2017 = TITU1994.replace(name="titu1994-2017", final_norm=False)

#: google/uncertainty-baselines and google/edward2, wide_resnet.py, version=2.
EDWARD2_V2 = Wiring(name="edward2-v2", shortcut="raw", padding="tensorflow")

#: The same, version=1.
EDWARD2_V1 = EDWARD2_V2.replace(name="edward2-v1", order="post-activation")

#: keras-contrib's wide_resnet.py, and titu1994's of 2016.
KERAS_CONTRIB = Wiring(
    name="keras-contrib",
    order="activation before addition",
    shortcut="raw",
    downsampling="max pooling",
    padding="tensorflow",
    conv_bias=True,
    epsilon=1e-3,
    momentum=0.99,
)

#: chris4540/DD2412-adl-proj: the authors' network with Keras's defaults.
CHRIS4540 = Wiring(name="chris4540", padding="tensorflow", epsilon=1e-3, momentum=0.99)

#: The known wirings by their names.
FAMILIES = {
    wiring.name: wiring
    for wiring in (
        AUTHORS,
        ASMITH26,
        TITU1994,
        TITU1994_2017,
        EDWARD2_V1,
        EDWARD2_V2,
        KERAS_CONTRIB,
        CHRIS4540,
    )
}


def named(wiring: Wiring) -> Wiring:
    """Return a wiring under the name of the program that wires so, if one is known."""
    names = (family.name for family in FAMILIES.values() if family == wiring)
    return wiring.replace(name=next(names, wiring.name))


def wiring_of(config: RunConfig) -> Wiring:
    """Return how the layers of a run's network are connected."""
    return FAMILIES[config.train.wiring]
