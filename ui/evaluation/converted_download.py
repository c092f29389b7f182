"""Offers an uploaded file of another program as this program's own."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from ui.chosen_weights import ChosenWeights
from wrn.stored import ENDING

if TYPE_CHECKING:
    from wrn.evaluation.diagnosis import Diagnosis


def offer_converted(
    chosen: ChosenWeights, report: Mapping[str, Any], known: "Diagnosis | None"
) -> None:
    """Show a button that converts an upload and downloads the result.

    Args:
        chosen: The weights. Only an upload is offered.
        report: What `wrn.weights.inspect` reports of them.
        known: What an evaluation of them found out, which is kept.
    """
    if chosen.path is not None or report["writer"] == "this program":
        return
    st.download_button(
        "Download as this program's own file",
        lambda: converted(chosen, known),
        f"{report['name']}{ENDING}",
        "application/x-hdf5",
        help="The same network with everything converted, and how its layers are "
        "connected. "
        + (
            "What the evaluation found out is recorded with it. "
            if known
            else "What the file leaves open is taken for the likeliest; evaluate it "
            "first to find out. "
        )
        + "Made when you click, which may load TensorFlow first.",
        on_click="ignore",
    )


def converted(chosen: ChosenWeights, diagnosis: "Diagnosis | None" = None) -> bytes:
    """Return the bytes of this program's own file of some weights.

    Args:
        chosen: The weights.
        diagnosis: What was found out about them.

    Raises:
        WeightsError: If they hold no Wide ResNet.
    """
    # Loads TensorFlow: only now.
    from wrn.stored.converting import convert

    with (
        chosen.file() as source,
        tempfile.TemporaryDirectory(prefix="wrn-converted-") as folder,
    ):
        target = Path(folder) / f"converted{ENDING}"
        convert(source, target, diagnosis)
        return target.read_bytes()
