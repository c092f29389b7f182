"""Turns any recognized weight file into this project's own."""

from pathlib import Path
from typing import Any

from wrn import weights
from wrn.errors import WeightsError
from wrn.model import build_model
from wrn.stored import ENDING


def convert(source: Path, target: Path) -> dict[str, Any]:
    """Write the network in a weight file as a file of this project.

    The wiring is recorded with it, so that it gives the same logits; so is what the
    file says of its preprocessing, if it does.

    Args:
        source: A weight file, whoever wrote it.
        target: The new file, ending in `.weights.h5`.

    Returns:
        What `wrn.weights.inspect` reports of the source, and `written`, the new
        file's path.

    Raises:
        WeightsError: If the source holds no Wide ResNet that this project can run,
            or the target exists or has another ending.
    """
    if not target.name.endswith(ENDING) or target.exists():
        state = ", which exists" if target.exists() else ""
        raise WeightsError(
            f"A new file that ends in {ENDING} is expected. Received: {target}{state}"
        )
    file = weights.read(source)
    found = weights.recognize(file)
    model = build_model(found.config, found.wiring)
    weights.fill(model, found)
    kept = {key: file.metadata[key] for key in _KEPT if key in file.metadata}
    metadata = {
        **kept,
        "model": found.config.to_dict(),
        "wiring": found.wiring.to_dict(),
        "certain": found.certain,
    }
    try:
        weights.save(target, model, metadata, preprocessing=file.preprocessing)
    except OSError as error:
        raise WeightsError(
            f"A file that can be written is expected. Received: {target} "
            f"({error.strerror or error})"
        ) from None
    return {**weights.report(file, found), "written": str(target)}


#: What stays true of the weights.
_KEPT = ("preprocessing", "data")
