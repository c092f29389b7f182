"""What takes long to load, kept for all sessions of the server."""

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import streamlit as st

from ui.chosen_weights import ChosenWeights
from ui.text import literal
from wrn import weights
from wrn.data import Dataset, load_cached
from wrn.errors import WeightsError

if TYPE_CHECKING:
    from wrn.diagnosis import Diagnosis
    from wrn.restoring import LoadedWeights


@st.cache_data(max_entries=64, show_spinner="Reading the weight file…")
def inspect_weights(
    identity: str, _chosen: ChosenWeights
) -> tuple[dict[str, Any] | None, str]:
    """Read what a weight file holds, without TensorFlow.

    Args:
        identity: Stands for the content of the file.
        _chosen: The weights.

    Returns:
        What `wrn.weights.inspect` reports and "", or `None` and why not.
    """
    try:
        with _chosen.file() as path:
            return weights.inspect(path), ""
    except WeightsError as error:
        return None, str(error)


def load_network(chosen: ChosenWeights) -> "LoadedWeights":
    """Restore a network, saying on the page what takes the time.

    Raises:
        WeightsError: If the file holds no Wide ResNet.
    """
    first = "tensorflow" not in sys.modules
    text = "Loading TensorFlow; this takes some seconds the first time…"
    with st.spinner(text if first else "Loading the weights…"):
        return _restore(chosen.identity, chosen)


# The network is this cache's own: a training has another one. Two at most, since a
# WRN-28-10 takes 150 MB, on a GPU its memory.
@st.cache_resource(max_entries=2, show_spinner=False)
def _restore(identity: str, _chosen: ChosenWeights) -> "LoadedWeights":
    from wrn.restoring import load_weights

    with _chosen.file() as path:
        return load_weights(path)


def load_diagnosis(
    chosen: ChosenWeights, source: str, dataset: Dataset
) -> "Diagnosis | None":
    """Find out what a file does not record, with a progress bar.

    Returns:
        What was found out; `None` if there is nothing to find out.

    Raises:
        WeightsError: If the file holds no Wide ResNet.
    """
    bar = st.empty()

    def show(done: int, total: int) -> None:
        words = f"Trying what the file does not record: {done} of {total}"
        bar.progress(done / total, words)

    key = chosen.identity, source
    lock, known = _diagnoses()
    try:
        with lock:
            if key not in known:
                known[key] = _diagnose(chosen, dataset, show)
            if len(known) > 2:
                known.popitem(last=False)
            return known[key]
    finally:
        bar.empty()


# Streamlit's own cache of what `_diagnose` returns would record its progress bar, and
# could not draw it again.
@st.cache_resource(show_spinner=False)
def _diagnoses() -> tuple[
    threading.Lock, OrderedDict[tuple[str, str], "Diagnosis | None"]
]:
    return threading.Lock(), OrderedDict()


def _diagnose(
    chosen: ChosenWeights, dataset: Dataset, show: Callable[[int, int], None]
) -> "Diagnosis | None":
    from wrn.diagnosis import diagnose

    with chosen.file() as path:
        return diagnose(path, dataset, on_progress=show)


def load_images(source: str) -> Dataset:
    """Load a data source, with a progress bar.

    Raises:
        DataError: If it cannot be had.
    """
    bar = st.progress(0.0, "Loading the images…")

    def show(fraction: float, doing: str) -> None:
        bar.progress(fraction, literal(doing))

    try:
        return load_cached(source, show)
    finally:
        bar.empty()
