"""Weights of other trainings, to start from in place of random ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wrn import weights
from wrn.architecture.wiring import wiring_of
from wrn.config import RunConfig
from wrn.errors import ConfigError
from wrn.text import printable
from wrn.weights.origins import known_classes, origin


def read_initial_weights(
    config: RunConfig,
) -> tuple[weights.Recognized | None, list[dict[str, Any]]]:
    """Read the weights to start from, if they are not drawn at random.

    Returns:
        The weights, of several files their average, and where each file comes from,
        as `wrn.weights.origins.origin` tells it. `None` and nothing if they are random.

    Raises:
        ConfigError: If they are of another network, or of another wiring, or several
            whose average has no meaning.
        WeightsError: If a file cannot be read.
    """
    files = [_read(config, path) for path in config.train.initial_files]
    if not files:
        return None, []
    _check_alike(files)
    return _average([file.found for file in files]), [file.origin for file in files]


@dataclass(frozen=True)
class _Initial:
    path: str
    found: weights.Recognized
    metadata: Mapping[str, Any]

    @property
    def origin(self) -> dict[str, Any]:
        return origin(self.path, Path(self.path), self.metadata)


def _read(config: RunConfig, path: str) -> _Initial:
    files = len(config.train.initial_files)
    file, found = weights.read_named("initial_weights", path, of=files)
    wanted = config.model.replace(dropout=found.config.dropout)
    if found.config != wanted or found.wiring != wiring_of(config):
        raise ConfigError(
            f"initial_weights must hold {wanted.name} for {wanted.classes} classes "
            f"with the wiring {wiring_of(config).name}. Received: {path}, which holds "
            f"{found.config.name} for {found.config.classes} classes, with the wiring "
            f"{found.wiring.name}"
        )
    return _Initial(path, found, file.metadata)


def _check_alike(files: Sequence[_Initial]) -> None:
    """Refuse files whose networks were taught something else, as far as they tell."""
    for of_one in (_preprocessing, known_classes):
        known = [(file, told) for file in files if (told := of_one(file.metadata))]
        for file, told in known[1:]:
            if told != known[0][1]:
                raise ConfigError(
                    "initial_weights must name networks that know the same classes of "
                    "images preprocessed alike, for they are averaged. Received: "
                    f"{known[0][0].path} with {_words(known[0][1])}, {file.path} with "
                    f"{_words(told)}"
                )


def _preprocessing(metadata: Mapping[str, Any]) -> str:
    told = metadata.get("preprocessing")
    return printable(str(told.get("kind")), 40) if isinstance(told, dict) else ""


def _words(told: str | Sequence[str]) -> str:
    return told if isinstance(told, str) else ", ".join(told[:10])


def _average(found: Sequence[weights.Recognized]) -> weights.Recognized:
    """Average the weights of one network, each counting the same.

    Batch-norm statistics of an average are not quite the average of those, but the
    training that begins here moves them to where they belong in its first steps.

    Source:
        Wortsman et al., arXiv:2203.05482, section 2: the uniform soup.
    """
    first, *others = found
    if not others:
        return first

    def mean(layer: str, name: str) -> NDArray[np.float32]:
        total = sum(each.arrays[layer][name].astype(np.float64) for each in found)
        return np.asarray(total / len(found), np.float32)

    arrays = {
        layer: {name: mean(layer, name) for name in names}
        for layer, names in first.arrays.items()
    }
    return replace(first, arrays=arrays)
