"""Weights of other trainings, to start from in place of random ones."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wrn import weights
from wrn.config import RunConfig
from wrn.errors import ConfigError
from wrn.origins import origin
from wrn.wiring import wiring_of


def read_initial_weights(
    config: RunConfig,
) -> tuple[weights.Recognized, list[dict[str, Any]]] | tuple[None, None]:
    """Read the weights to start from, if they are not drawn at random.

    Returns:
        The weights, of several files their average, and where each file comes from,
        as `wrn.origins.origin` tells it.

    Raises:
        ConfigError: If they are of another network, or of another wiring.
        WeightsError: If a file cannot be read.
    """
    paths = config.train.initial_files
    if not paths:
        return None, None
    read = [_read(config, path) for path in paths]
    return _average([found for found, _ in read]), [origin for _, origin in read]


def _read(config: RunConfig, path: str) -> tuple[weights.Recognized, dict[str, Any]]:
    files = len(config.train.initial_files)
    file, found = weights.read_named("initial_weights", path, of=files)
    wanted = config.model.replace(dropout=found.config.dropout)
    if found.config != wanted or found.wiring != wiring_of(config):
        raise ConfigError(
            f"initial_weights must hold {wanted.name} for {wanted.classes} classes, "
            f"wired as {wiring_of(config).name}. Received: {path}, which holds "
            f"{found.config.name} for {found.config.classes} classes, wired as "
            f"{found.wiring.name}"
        )
    return found, origin(path, Path(path), file.metadata)


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
