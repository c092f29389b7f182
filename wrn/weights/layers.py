"""What the layers of a file compute, told from the shapes of their weights."""

from dataclasses import dataclass, replace
from typing import Literal

from wrn.config import FULL_SIZE
from wrn.errors import WeightsError
from wrn.text import sides
from wrn.weights.child import quote
from wrn.weights.formats import FileLayer, WeightFile
from wrn.weights.reader import Array

#: The weights of each kind of layer, in Keras's order.
ROLES = {
    "conv": ("kernel", "bias"),
    "dense": ("kernel", "bias"),
    "bn": ("gamma", "beta", "moving_mean", "moving_variance"),
}

#: Height and width of the kernels that a Wide ResNet has.
KERNELS = ((3, 3), (1, 1))

#: Height and width of what the last group of a network for CIFAR puts out, a quarter of
#: the image's; some programs flatten it.
LAST_SIDE = FULL_SIZE // 4

#: From the axes (out, in, height, width) to (height, width, in, out).
FROM_CHANNELS_FIRST = (2, 3, 1, 0)


@dataclass(frozen=True, eq=False)
class Found:
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
        """Whether it is a 3x3 convolution."""
        return self.kind == "conv" and self.shape[:2] == (3, 3)

    @property
    def is_1x1(self) -> bool:
        """Whether it is a 1x1 convolution."""
        return self.kind == "conv" and self.shape[:2] == (1, 1)


def has_channels_first_kernels(file: WeightFile) -> bool:
    """Whether kernels are (out, in, height, width), as Keras 0 and 1 write them."""
    shapes = [
        array.shape
        for layer in file.layers
        for _, array in layer.weights
        if array.ndim == 4
    ]
    return (
        (file.is_keras_0 or file.is_keras_1)
        and bool(shapes)
        and all(shape[2:] in KERNELS for shape in shapes)
        and not all(shape[:2] in KERNELS for shape in shapes)
    )


def with_channels_last(layer: FileLayer) -> FileLayer:
    """Transpose the kernels of a layer from (out, in, height, width)."""
    weights = tuple(
        (name, array.transpose(FROM_CHANNELS_FIRST) if array.ndim == 4 else array)
        for name, array in layer.weights
    )
    return replace(layer, weights=weights)


def classify(layer: FileLayer) -> Found:
    """Tell what a layer computes from the ranks of its weights.

    Raises:
        WeightsError: If it is neither a convolution nor batch normalization nor
            dense.
    """
    shapes = [array.shape for _, array in layer.weights]
    ranks = [len(shape) for shape in shapes]
    if ranks in ([4], [4, 1]) and shapes[-1][-1] == shapes[0][-1]:
        return Found("conv", layer, _by_role(layer, ROLES["conv"]))
    if ranks in ([2], [2, 1]) and shapes[-1][-1] == shapes[0][-1]:
        return Found("dense", layer, _by_role(layer, ROLES["dense"]))
    if ranks == [1] * 4 and len(set(shapes)) == 1:
        return Found("bn", layer, _by_role(layer, ROLES["bn"]))
    if ranks == [4, 1]:
        raise WeightsError(
            "Expected kernels in the layout (height, width, in, out). Received: "
            f"{quote(layer.name)} with a kernel of {sides(shapes[0])}, which looks "
            "like the layout (out, in, height, width) of Theano and Torch"
        )
    raise WeightsError(
        "Expected convolutions (one kernel of 4 axes), batch normalizations (4 vectors "
        "of one length) and dense layers (a matrix and a vector). Received: "
        f"{quote(layer.name)} with weights of the shapes "
        + ", ".join(sides(shape) or "scalar" for shape in shapes[:6])
    )


def _by_role(layer: FileLayer, roles: tuple[str, ...]) -> dict[str, Array]:
    """Key weights by role: by their names where these tell, else by Keras's order."""
    roles = roles[: len(layer.weights)]
    named = dict(layer.weights)
    if set(named) == set(roles):
        return {role: named[role] for role in roles}
    return dict(zip(roles, (array for _, array in layer.weights), strict=True))


def plural(kind: str, count: int = 2) -> str:
    """Name layers of a kind."""
    names = {"conv": "convolution", "bn": "batch normalization", "dense": "dense layer"}
    return names[kind] + "s" * (count > 1)
