"""The network: WRN-depth-widen_factor."""

from dataclasses import dataclass
from typing import ClassVar

from wrn.config.options import Config, option
from wrn.errors import ConfigError

SHORTEST_DEPTH = 10
LONGEST_DEPTH = 100


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Config):
    """The network: WRN-depth-widen_factor."""

    section: ClassVar[str] = "model"

    depth: int = option(
        28,
        "Depth",
        "Number of convolutions, those of the shortcuts included (one less at widen "
        "factor 1): 6n + 4, with n blocks in each of the three groups.",
        minimum=SHORTEST_DEPTH,
        maximum=LONGEST_DEPTH,
    )
    widen_factor: int = option(
        10,
        "Widen factor",
        "Multiplies the channels of every block (k in the paper): the groups have "
        "16k, 32k and 64k channels.",
        minimum=1,
        maximum=20,
    )
    dropout: float = option(
        0.0,
        "Dropout",
        "Fraction of activations dropped between the two 3x3 convolutions of a "
        "block. The paper uses 0 or, on CIFAR, 0.3.",
        minimum=0.0,
        below=1.0,
    )
    classes: int = option(
        10,
        "Classes",
        "Number of outputs. CIFAR-10 has 10.",
        minimum=2,
        maximum=1000,
    )

    def __post_init__(self) -> None:
        depth = self.depth
        if type(depth) is int and (depth - 4) % 6 and depth >= SHORTEST_DEPTH:
            raise ConfigError(
                f"depth must be 6n + 4 (10, 16, 22, 28, 34, 40, …). Received: {depth!r}"
            )
        super().__post_init__()

    @property
    def name(self) -> str:
        """The paper's name of the network, such as `WRN-28-10`."""
        return f"WRN-{self.depth}-{self.widen_factor}"

    @property
    def title(self) -> str:
        """The name, and the dropout where there is any: `WRN-28-10, dropout 0.3`."""
        return f"{self.name}, dropout {self.dropout:g}" if self.dropout else self.name

    @property
    def blocks_per_group(self) -> int:
        """Number of residual blocks in each group: N = (depth - 4) / 6."""
        return (self.depth - 4) // 6


#: Every allowed depth.
DEPTHS = tuple(range(SHORTEST_DEPTH, LONGEST_DEPTH + 1, 6))
