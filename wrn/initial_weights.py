"""Weights of another training, to start from in place of random ones."""

from pathlib import Path
from typing import Any

from wrn import weights
from wrn.config import RunConfig
from wrn.errors import ConfigError
from wrn.origins import origin
from wrn.wiring import wiring_of


def read_initial_weights(
    config: RunConfig,
) -> tuple[weights.Recognized, dict[str, Any]] | tuple[None, None]:
    """Read the weights to start from, if they are not drawn at random.

    Returns:
        The weights, and where they come from, as `wrn.origins.origin` tells it.

    Raises:
        ConfigError: If they are of another network, or of another wiring.
        WeightsError: If the file cannot be read.
    """
    path = config.train.initial_file
    if not path:
        return None, None
    file, found = weights.read_named("initial_weights", path)
    wanted = config.model.replace(dropout=found.config.dropout)
    if found.config != wanted or found.wiring != wiring_of(config):
        raise ConfigError(
            f"initial_weights must hold {wanted.name} for {wanted.classes} classes, "
            f"wired as {wiring_of(config).name}. Received: {path}, which holds "
            f"{found.config.name} for {found.config.classes} classes, wired as "
            f"{found.wiring.name}"
        )
    return found, origin(path, Path(path), file.metadata)
