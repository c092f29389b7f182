"""Turns any recognized weight file into this project's own."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wrn import weights
from wrn.errors import WeightsError
from wrn.evaluation.diagnosis import Diagnosis
from wrn.model import build_model
from wrn.preprocessing import read_preprocessing
from wrn.stored import ENDING


def convert(
    source: Path, target: Path, diagnosis: Diagnosis | None = None
) -> dict[str, Any]:
    """Write the network in a weight file as a file of this project.

    The wiring is recorded with it, so that it gives the same logits; so is the
    preprocessing, where the file records it or it was found out.

    Args:
        source: A weight file, whoever wrote it.
        target: The new file, ending in `.weights.h5`.
        diagnosis: What was found out about the source; by default what it leaves
            open is assumed to be the likeliest. Of random weights nothing was.

    Returns:
        What `wrn.weights.inspect` reports of the source; `written`, the new file's
        path; `inferred`, what was found out, in words.

    Raises:
        WeightsError: If the source holds no Wide ResNet that this project can run,
            or a preprocessing that makes no sense, or the target exists or has another
            ending.
    """
    check_target(target)
    file = weights.read(source)
    metadata = {key: file.metadata[key] for key in _KEPT if key in file.metadata}
    arrays: Mapping[str, Any] = file.preprocessing
    likeliest = found = weights.recognize(file)
    assumed = list(likeliest.assumed)
    if diagnosis and not diagnosis.random:
        found, assumed = diagnosis.understood, []
        preprocessing = diagnosis.loaded.classifier.preprocessing
        metadata["preprocessing"], arrays = (
            preprocessing.to_dict(),
            preprocessing.arrays(),
        )
        metadata["inferred"] = diagnosis.found_out
    elif assumed:
        metadata["assumed"] = assumed
    if stored := metadata.get("preprocessing"):
        # Refused now, not by every evaluation of the new file.
        read_preprocessing(stored, arrays)
    model = build_model(found.config, found.wiring)
    weights.fill(model, found)
    metadata |= {
        "model": found.config.to_dict(),
        "wiring": found.wiring.to_dict(),
        "certain": found.certain,
    }
    try:
        weights.save(target, model, metadata, preprocessing=arrays)
    except OSError as error:
        raise WeightsError(
            f"A file that can be written is expected. Received: {target} "
            f"({error.strerror or error})"
        ) from None
    report = weights.report(file, found)
    if diagnosis:
        report["notes"] = list(diagnosis.loaded.notes)
    return report | {
        # Of the source, whatever was found out about it.
        "certain": likeliest.certain,
        "assumed": assumed,
        "written": str(target),
        "inferred": metadata.get("inferred", {}),
    }


def check_target(target: Path) -> None:
    """Refuse to write over a file, or under a name that does not tell the format.

    Raises:
        WeightsError: If the file exists or has another ending than `.weights.h5`.
    """
    # A link that leads nowhere is there, too.
    exists = os.path.lexists(target)
    if not target.name.endswith(ENDING) or exists:
        state = ", which exists" if exists else ""
        raise WeightsError(
            f"A new file that ends in {ENDING} is expected. Received: {target}{state}"
        )


#: What stays true of the weights.
_KEPT = (
    "preprocessing",
    "data",
    "train",
    "result",
    "commit",
    "initial",
    "teachers",
    "assumed",
    "inferred",
)
