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
from wrn.data import Dataset, load_cached, source_version

if TYPE_CHECKING:
    from wrn.evaluation.diagnosis import Diagnosis
    from wrn.restoring import LoadedWeights


@st.cache_data(max_entries=64, show_spinner="Reading the weight file…")
def inspect_weights(identity: str, _chosen: ChosenWeights) -> dict[str, Any]:
    """Read what a weight file holds, without TensorFlow.

    Args:
        identity: Stands for the content of the file.
        _chosen: The weights.

    Returns:
        What `wrn.weights.inspect` reports.

    Raises:
        WeightsError: If the file is refused. It is read again the next time: it may
            have been the machine, and not the file.
    """
    with _chosen.file() as path:
        return weights.inspect(path)


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

    def find_out() -> "Diagnosis | None":
        from wrn.evaluation.diagnosis import diagnose

        with chosen.file() as path:
            return diagnose(path, dataset, on_progress=show)

    try:
        return _diagnoses().of((chosen.identity, source_version(source)), find_out)
    finally:
        bar.empty()


class _Diagnoses:
    """The last diagnoses. What two visitors ask for at once is found out once.

    Streamlit's own cache would record the progress bar, and could not draw it again.
    """

    MOST = 2

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str], Diagnosis | None] = OrderedDict()
        #: Of each file, so that nobody waits for another's.
        self._locks: dict[tuple[str, str], threading.Lock] = {}

    def of(
        self, key: tuple[str, str], find_out: "Callable[[], Diagnosis | None]"
    ) -> "Diagnosis | None":
        """Return what is known of a file and a source, found out now if it must be."""
        with self._lock:
            own = self._locks.setdefault(key, threading.Lock())
        with own:
            with self._lock:
                if key in self._known:
                    return self._known[key]
            found = find_out()
            with self._lock:
                self._known[key] = found
                if len(self._known) > self.MOST:
                    oldest, _ = self._known.popitem(last=False)
                    self._locks.pop(oldest, None)
            return found


@st.cache_resource(show_spinner=False)
def _diagnoses() -> _Diagnoses:
    return _Diagnoses()


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
