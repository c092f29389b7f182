"""Offers an uploaded file of another program as this program's own."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from ui.weights_choice import ChosenWeights
from wrn.stored import ENDING


def offer_converted(chosen: ChosenWeights, report: Mapping[str, Any]) -> None:
    """Show a button that converts an upload and downloads the result.

    Args:
        chosen: The weights. Only an upload is offered.
        report: What `wrn.weights.inspect` reports of them.
    """
    if chosen.path is not None or report["writer"] == "this program":
        return
    st.download_button(
        "Download as this program's own file",
        lambda: converted(chosen),
        f"{report['name']}{ENDING}",
        "application/x-hdf5",
        help="The same network with everything converted, and how its layers are "
        "connected. Made when you click, which may load TensorFlow first.",
        on_click="ignore",
    )


def converted(chosen: ChosenWeights) -> bytes:
    """Return the bytes of this program's own file of some weights.

    Raises:
        WeightsError: If they hold no Wide ResNet.
    """
    # Loads TensorFlow: only now.
    from wrn.converting import convert

    with (
        chosen.file() as source,
        tempfile.TemporaryDirectory(prefix="wrn-converted-") as folder,
    ):
        target = Path(folder) / f"converted{ENDING}"
        convert(source, target)
        return target.read_bytes()
