"""Every layer of a Wide Residual Network, described without TensorFlow.

This is the one source of truth about the network: the Keras model in
`wrn.model` is tested against it layer by layer, weight files are recognized by
it, and the pages draw it.

Source:
    Zagoruyko & Komodakis, "Wide Residual Networks", arXiv:1605.07146, Table 1,
    and the authors' code for what the paper leaves open: pre-activation blocks,
    a projection shortcut only where the channel count changes, fed by the
    pre-activated tensor; no biases in convolutions, a bias in the dense layer.
    Where other programs differ, a `Wiring` says how.
"""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from wrn.architecture.wiring import AUTHORS, Wiring
from wrn.config import FULL_SIZE, ModelConfig

#: Height, width and channels of a CIFAR-10 image.
IMAGE_SHAPE = (FULL_SIZE, FULL_SIZE, 3)

#: Channels of the first convolution, and of group 1 per unit of widen factor
#: (paper, Table 1).
BASE_CHANNELS = 16

#: Stride of the first block of each group (paper, Table 1: 32x32, 16x16, 8x8).
GROUP_STRIDES = (1, 2, 2)

Kind = Literal[
    "input",
    "conv",
    "bn",
    "relu",
    "dropout",
    "add",
    "max pool",
    "window pool",
    "pool",
    "flatten",
    "dense",
]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer of the network.

    Attributes:
        name: The Keras layer's name, such as `group2_block1_conv1`.
        kind: What the layer computes.
        inputs: Names of the layers that feed it.
        input_shape: Shape of its (first) input, without the batch.
        output_shape: Shape of its output, without the batch.
        group: 1, 2 or 3, or `None` outside the groups.
        block: Number of the block within its group from 1, or `None`.
        kernel: Height and width of a convolution's kernel, or `None`.
        stride: Stride of a convolution, or `None`.
        parameters: Number of trainable parameters.
        multiply_adds: Multiply-adds for one image. Counted for convolutions and
            the dense layer only, as is usual; the rest is negligible beside them.
        receptive_field: Width in pixels of the input square that one output
            value depends on. It may exceed the image.
    """

    name: str
    kind: Kind
    inputs: tuple[str, ...]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    group: int | None = None
    block: int | None = None
    kernel: tuple[int, int] | None = None
    stride: int | None = None
    parameters: int = 0
    multiply_adds: int = 0
    receptive_field: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Return the layer as plain JSON types."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in vars(self).items()
        }


@dataclass(frozen=True)
class Architecture:
    """A network: its config and its layers in the order of computation.

    Attributes:
        config: The settings it follows from.
        layers: Every layer, the input included.
        wiring: How the layers are connected.
    """

    config: ModelConfig
    layers: tuple[Layer, ...]
    wiring: Wiring = AUTHORS

    @property
    def name(self) -> str:
        """The paper's name of the network, such as `WRN-28-10`."""
        return self.config.name

    @cached_property
    def by_name(self) -> dict[str, Layer]:
        """The layers by their names."""
        return {layer.name: layer for layer in self.layers}

    @cached_property
    def parameters(self) -> int:
        """Number of trainable parameters."""
        return sum(layer.parameters for layer in self.layers)

    @cached_property
    def weight_bytes(self) -> int:
        """Bytes of all weights as 32-bit floats, moving statistics included."""
        # A batch normalization has a mean and a variance beside its two parameters.
        moving = sum(layer.parameters for layer in self.layers if layer.kind == "bn")
        return 4 * (self.parameters + moving)

    @cached_property
    def kept_values(self) -> int:
        """Values of one image that training keeps for the backward pass.

        The gradient of a batch normalization needs its input; that of a ReLU its
        output, which is also what the next convolution's needs. Additions need nothing.
        Dropout keeps its output and which values it dropped.
        """
        times = {"bn": 1, "relu": 1, "dropout": 2}
        return sum(
            times.get(layer.kind, 0) * math.prod(layer.output_shape)
            for layer in self.layers
        )

    @cached_property
    def multiply_adds(self) -> int:
        """Multiply-adds of the forward pass of one image."""
        return sum(layer.multiply_adds for layer in self.layers)

    @cached_property
    def receptive_field(self) -> int:
        """Receptive field after the last 3x3 convolution, in pixels."""
        last = [layer for layer in self.layers if layer.kernel == (3, 3)][-1]
        return last.receptive_field

    def by_group(self) -> dict[str, tuple[float, float]]:
        """Return each group's share of parameters and of multiply-adds, 0 to 1.

        What comes before the first group is called the stem, what comes after the
        last the head.
        """
        sums: dict[str, list[int]] = {}
        for layer in self.layers:
            name = f"Group {layer.group}" if layer.group else "Stem"
            if not layer.group and sums.keys() - {"Stem"}:
                name = "Head"
            total = sums.setdefault(name, [0, 0])
            total[0] += layer.parameters
            total[1] += layer.multiply_adds
        return {
            name: (parameters / self.parameters, adds / self.multiply_adds)
            for name, (parameters, adds) in sums.items()
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the architecture as plain JSON types."""
        return {
            "name": self.name,
            **self.config.to_dict(),
            "parameters": self.parameters,
            "multiply_adds": self.multiply_adds,
            "receptive_field": self.receptive_field,
            "weight_bytes": self.weight_bytes,
            "kept_values": self.kept_values,
            "layers": [layer.to_dict() for layer in self.layers],
        }


def describe(config: ModelConfig, wiring: Wiring = AUTHORS) -> Architecture:
    """Describe every layer of a network.

    Args:
        config: The network.
        wiring: How its layers are connected. Defaults to the authors' way.

    Returns:
        Its architecture. The layers have the names and the order of
        computation of the Keras model that `wrn.model.build_model` makes.
    """
    builder = _Builder(wiring)
    x = builder.input()
    x = builder.conv("conv1", x, BASE_CHANNELS, kernel=3, stride=1)
    normalized_first = wiring.order != "pre-activation"
    if normalized_first:
        x = builder.bn_relu("", "", x)
    for group, first_stride in enumerate(GROUP_STRIDES, start=1):
        if first_stride > 1 and wiring.downsampling == "max pooling":
            x = builder.max_pool(f"group{group}_pool", x)
            first_stride = 1
        channels = group_channels(config, group)
        for block in range(1, config.blocks_per_group + 1):
            stride = first_stride if block == 1 else 1
            builder.group, builder.block = group, block
            add_block = _block_after if normalized_first else _block_before
            x = add_block(builder, x, channels, stride, config.dropout > 0)
            builder.group = builder.block = None
    if wiring.final_norm and not normalized_first:
        x = builder.bn_relu("", "", x)
    if wiring.head == "global":
        x = builder.pool("pool", x)
    else:
        x = builder.window_pool("pool", x)
        x = builder.flatten("flatten", x)
    builder.dense("dense", x, config.classes)
    return Architecture(config, tuple(builder.layers), wiring)


def group_channels(config: ModelConfig, group: int) -> int:
    """Return the number of channels in a group (1, 2 or 3): 16k, 32k, 64k."""
    return BASE_CHANNELS * (1 << (group - 1)) * config.widen_factor


def _block_before(
    builder: "_Builder", x: Layer, channels: int, stride: int, dropout: bool
) -> Layer:
    """Add a block in pre-activation order: BN-ReLU-conv, BN-ReLU-dropout-conv, add."""
    wiring, prefix = builder.wiring, builder.prefix
    activated = x
    if wiring.group_norm or builder.block != 1 or builder.group == 1:
        activated = builder.bn_relu(prefix, "1", x)
    y = builder.conv(prefix + "conv1", activated, channels, kernel=3, stride=stride)
    y = builder.bn_relu(prefix, "2", y)
    if dropout:
        y = builder.same(prefix + "dropout", "dropout", y)
    y = builder.conv(prefix + "conv2", y, channels, kernel=3, stride=1)
    source = activated if wiring.shortcut == "activated" else x
    return builder.add(prefix + "add", y, _shortcut(builder, x, source, y))


def _block_after(
    builder: "_Builder", x: Layer, channels: int, stride: int, dropout: bool
) -> Layer:
    """Add a block whose convolutions are followed by batch normalization and ReLU."""
    prefix = builder.prefix
    y = builder.conv(prefix + "conv1", x, channels, kernel=3, stride=stride)
    y = builder.bn_relu(prefix, "1", y)
    if dropout:
        y = builder.same(prefix + "dropout", "dropout", y)
    y = builder.conv(prefix + "conv2", y, channels, kernel=3, stride=1)
    y = builder.same(prefix + "bn2", "bn", y)
    if builder.wiring.order == "post-activation":
        added = builder.add(prefix + "add", y, _shortcut(builder, x, x, y))
        return builder.same(prefix + "relu2", "relu", added)
    y = builder.same(prefix + "relu2", "relu", y)
    return builder.add(prefix + "add", y, _shortcut(builder, x, x, y))


def _shortcut(builder: "_Builder", x: Layer, source: Layer, y: Layer) -> Layer:
    """Return what is added to y: the block's input x, or a projection of the source."""
    channels = y.output_shape[-1]
    always = builder.wiring.projection == "in every group" and builder.block == 1
    if x.output_shape[-1] == channels and not always:
        return x
    stride = x.output_shape[0] // y.output_shape[0]
    return builder.conv(
        builder.prefix + "shortcut", source, channels, kernel=1, stride=stride
    )


@dataclass
class _Builder:
    """Appends layers and keeps the sums that a person would do by hand."""

    wiring: Wiring
    layers: list[Layer] = field(default_factory=list)
    group: int | None = None
    block: int | None = None
    #: Distance in input pixels between neighbouring outputs, by layer name.
    jumps: dict[str, int] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        """What the names of the current block's layers begin with."""
        return f"group{self.group}_block{self.block}_"

    def input(self) -> Layer:
        layer = Layer(
            name="input",
            kind="input",
            inputs=(),
            input_shape=IMAGE_SHAPE,
            output_shape=IMAGE_SHAPE,
        )
        self.layers.append(layer)
        self.jumps[layer.name] = 1
        return layer

    def conv(
        self, name: str, x: Layer, channels: int, *, kernel: int, stride: int
    ) -> Layer:
        height, width, in_channels = x.output_shape
        # Padded by (kernel - 1) / 2 on every side, so that only the stride shrinks.
        shape = (height // stride, width // stride, channels)
        weights = kernel * kernel * in_channels * channels
        return self._append(
            name,
            "conv",
            (x,),
            shape,
            jump=stride,
            kernel=(kernel, kernel),
            stride=stride,
            parameters=weights + channels * self.wiring.conv_bias,
            multiply_adds=weights * shape[0] * shape[1],
            receptive_field=x.receptive_field + (kernel - 1) * self.jumps[x.name],
        )

    def same(self, name: str, kind: Kind, x: Layer) -> Layer:
        # Batch normalization trains one scale and one offset a channel.
        parameters = 2 * x.output_shape[-1] if kind == "bn" else 0
        return self._append(name, kind, (x,), x.output_shape, parameters=parameters)

    def bn_relu(self, prefix: str, number: str, x: Layer) -> Layer:
        x = self.same(f"{prefix}bn{number}", "bn", x)
        return self.same(f"{prefix}relu{number}", "relu", x)

    def add(self, name: str, x: Layer, shortcut: Layer) -> Layer:
        return self._append(name, "add", (x, shortcut), x.output_shape)

    def max_pool(self, name: str, x: Layer) -> Layer:
        height, width, channels = x.output_shape
        shape = (height // 2, width // 2, channels)
        field_ = x.receptive_field + self.jumps[x.name]
        return self._append(
            name, "max pool", (x,), shape, jump=2, receptive_field=field_
        )

    def pool(self, name: str, x: Layer) -> Layer:
        channels = x.output_shape[-1]
        return self._append(
            name, "pool", (x,), (channels,), receptive_field=self._whole(x)
        )

    def window_pool(self, name: str, x: Layer) -> Layer:
        return self._append(
            name, "window pool", (x,), x.output_shape, receptive_field=self._whole(x)
        )

    def flatten(self, name: str, x: Layer) -> Layer:
        return self._append(name, "flatten", (x,), (math.prod(x.output_shape),))

    def _whole(self, x: Layer) -> int:
        """Return the receptive field of all of x together."""
        return x.receptive_field + (x.output_shape[0] - 1) * self.jumps[x.name]

    def dense(self, name: str, x: Layer, classes: int) -> Layer:
        (features,) = x.output_shape
        return self._append(
            name,
            "dense",
            (x,),
            (classes,),
            parameters=features * classes + classes * self.wiring.dense_bias,
            multiply_adds=features * classes,
        )

    def _append(
        self,
        name: str,
        kind: Kind,
        inputs: tuple[Layer, ...],
        output_shape: tuple[int, ...],
        *,
        jump: int = 1,
        **facts: Any,
    ) -> Layer:
        facts.setdefault("receptive_field", max(x.receptive_field for x in inputs))
        layer = Layer(
            name=name,
            kind=kind,
            inputs=tuple(x.name for x in inputs),
            input_shape=inputs[0].output_shape,
            output_shape=output_shape,
            group=self.group,
            block=self.block,
            **facts,
        )
        self.layers.append(layer)
        self.jumps[name] = self.jumps[inputs[0].name] * jump
        return layer
