"""Test errors on CIFAR-10 that were published for Wide ResNets, to compare with.

All are of the lossless images. The tables of the paper were read in transcriptions by
others, not in its PDF; where two transcriptions differed, the authors' README decided.

Source:
    arXiv:1605.07146, tables as named, and what the authors' README adds; the baselines
    of arXiv:1612.03928, by the same authors.
"""

from dataclasses import asdict, dataclass
from typing import Any

from wrn.config import ModelConfig

#: What the paper's networks with dropout drop, on CIFAR.
PAPER_DROPOUT = 0.3

_MEAN_STD, _WHITENED = "mean and deviation", "contrast normalization and ZCA"
_TABLE_2 = "arXiv:1605.07146, Table 2"
_TABLE_4 = "arXiv:1605.07146, Table 4"
_TABLE_5 = "arXiv:1605.07146, Table 5"
_TABLE_6 = "arXiv:1605.07146, Table 6"
_README = "README of the authors' code, one run"
_ATTENTION = "arXiv:1612.03928"


@dataclass(frozen=True)
class Published:
    """A published result.

    Attributes:
        depth: Of the network.
        widen_factor: Of the network.
        test_error: Fraction of the test images classified wrongly, 0 to 1.
        source: Where it stands.
        preprocessing: What was done to the images, in words.
        dropout: 0 or 0.3.
    """

    depth: int
    widen_factor: int
    test_error: float
    source: str
    preprocessing: str = _MEAN_STD
    dropout: float = 0.0

    @property
    def network(self) -> ModelConfig:
        """The network, for ten classes."""
        return ModelConfig(
            depth=self.depth, widen_factor=self.widen_factor, dropout=self.dropout
        )

    @property
    def test_accuracy(self) -> float:
        """Fraction of the test images classified rightly, 0 to 1."""
        # Errors are published with two digits of a percentage.
        return round(1.0 - self.test_error, 4)

    def __str__(self) -> str:
        """Return where it stands, and of which images it is, in a few words."""
        dropped = f", dropout {self.dropout:g}" if self.dropout else ""
        return f"{self.source}; {self.preprocessing}{dropped}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)


#: Those on images normalized by mean and deviation, as this project's, come first.
PUBLISHED = (
    Published(16, 1, 0.0877, _ATTENTION),
    Published(16, 2, 0.0631, _ATTENTION),
    Published(16, 4, 0.0502, _TABLE_6),
    Published(16, 4, 0.0524, _TABLE_6, dropout=PAPER_DROPOUT),
    Published(16, 8, 0.0427, _TABLE_5),
    Published(28, 10, 0.0400, _TABLE_5),
    Published(28, 10, 0.0389, _TABLE_6, dropout=PAPER_DROPOUT),
    Published(40, 1, 0.0658, _ATTENTION),
    Published(40, 2, 0.0523, _ATTENTION),
    Published(40, 4, 0.0453, _TABLE_5),
    Published(40, 10, 0.0380, _README, dropout=PAPER_DROPOUT),
    Published(52, 1, 0.0643, _TABLE_6),
    Published(52, 1, 0.0628, _TABLE_6, dropout=PAPER_DROPOUT),
    Published(16, 8, 0.0481, _TABLE_4, _WHITENED),
    Published(16, 10, 0.0456, _TABLE_4, _WHITENED),
    Published(22, 8, 0.0438, _TABLE_4, _WHITENED),
    Published(22, 10, 0.0444, _TABLE_4, _WHITENED),
    Published(28, 2, 0.0573, _TABLE_2, _WHITENED),
    Published(28, 10, 0.0417, _TABLE_4, _WHITENED),
    Published(28, 12, 0.0433, _TABLE_4, _WHITENED),
    Published(40, 1, 0.0685, _TABLE_4, _WHITENED),
    Published(40, 2, 0.0533, _TABLE_4, _WHITENED),
    Published(40, 4, 0.0497, _TABLE_4, _WHITENED),
    Published(40, 8, 0.0466, _TABLE_4, _WHITENED),
)

#: Every network with a published result, without dropout where there are both.
PRESETS = tuple(
    sorted(
        # The last one of a name counts: the one without.
        {
            row.network.name: row.network
            for row in sorted(PUBLISHED, key=lambda row: -row.dropout)
        }.values(),
        key=lambda network: (network.depth, network.widen_factor),
    )
)


def published(network: ModelConfig) -> tuple[Published, ...]:
    """Return what was published for a network, the most comparable first.

    Args:
        network: Depth and widen factor count, and whether there is any dropout; the
            results are for ten classes.
    """
    return tuple(
        row
        for row in PUBLISHED
        if (row.depth, row.widen_factor) == (network.depth, network.widen_factor)
        and bool(row.dropout) == bool(network.dropout)
        and network.classes == row.network.classes
    )
