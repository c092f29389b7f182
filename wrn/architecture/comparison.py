"""Two networks side by side: what each takes, and how many times the other's."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from wrn.architecture import Architecture, describe
from wrn.architecture.published import published
from wrn.config import ModelConfig
from wrn.errors import ConfigError
from wrn.text import file_size, short_count

_NAME = re.compile(r"(?:WRN-)?(\d{1,4})-(\d{1,4})", re.IGNORECASE)


@dataclass(frozen=True)
class Comparison:
    """One figure of two networks.

    Attributes:
        label: What it is.
        first: Of the first network; `None` where there is none.
        second: Of the second one.
        ratio: The second's over the first's; `None` where there is none.
        first_in_words: The first figure for people.
        second_in_words: The second one.
    """

    label: str
    first: float | None
    second: float | None
    ratio: float | None
    first_in_words: str
    second_in_words: str


def network_named(name: str) -> ModelConfig:
    """Return the network of a name such as `WRN-28-10`.

    Raises:
        ConfigError: If there is no such network.
    """
    found = _NAME.fullmatch(name.strip())
    if not found:
        raise ConfigError(
            "A network is named by its depth and widen factor, such as WRN-28-10. "
            f"Received: {name:.40}"
        )
    return ModelConfig(depth=int(found[1]), widen_factor=int(found[2]))


def compare(first: ModelConfig, second: ModelConfig) -> list[Comparison]:
    """Compare two networks, figure by figure."""
    one, other = describe(first), describe(second)
    return [
        _compare(label, figure(one), figure(other), write)
        for label, figure, write in _FIGURES
    ]


def _compare(
    label: str,
    first: float | None,
    second: float | None,
    write: Callable[[float], str],
) -> Comparison:
    return Comparison(
        label,
        first,
        second,
        second / first if first and second is not None else None,
        "–" if first is None else write(first),
        "–" if second is None else write(second),
    )


def _published_error(network: Architecture) -> float | None:
    rows = published(network.config)
    return rows[0].test_error if rows else None


_FIGURES: list[
    tuple[str, Callable[[Architecture], float | None], Callable[[float], str]]
] = [
    ("Parameters", lambda network: network.parameters, lambda n: f"{n:,.0f}"),
    ("Multiply-adds of an image", lambda network: network.multiply_adds, short_count),
    (
        "Convolutions",
        lambda network: sum(layer.kind == "conv" for layer in network.layers),
        lambda n: f"{n:,.0f}",
    ),
    (
        "Receptive field",
        lambda network: network.receptive_field,
        lambda n: f"{n:,.0f} pixels",
    ),
    ("Weight file", lambda network: network.weight_bytes, lambda n: file_size(int(n))),
    (
        "Values kept of an image in training",
        lambda network: network.kept_values,
        short_count,
    ),
    ("Published test error", _published_error, lambda share: f"{share:.2%}"),
]
