"""Which weights: stored ones, those of a run, or a file that the person uploads."""

import dataclasses
import hashlib

import streamlit as st

from ui import state
from ui.address import bring_back, keep
from ui.choices.uploads import forget, uploaded_before
from ui.chosen_weights import ChosenWeights
from ui.text import literal
from wrn.files import identity
from wrn.runs import RunStore
from wrn.stored import list_stored
from wrn.text import file_size

UPLOAD = "Upload a file"
FILE_TYPES = ("h5", "hdf5", "keras")
#: Unit of the server's limit.
MEBIBYTE = 2**20


def choose_weights() -> ChosenWeights | None:
    """Ask for weights. The answer lives in the URL, so a link reproduces it.

    Returns:
        The weights, or `None` as long as no usable file is uploaded.
    """
    files = _known_files()
    labels = [*files, UPLOAD]
    shown = st.session_state.get(state.WEIGHTS_SHOWN)
    substitute = shown is not None and shown not in labels
    _warn_of_missing(
        shown if substitute else st.query_params.get(state.WEIGHTS), labels
    )
    bring_back(state.WEIGHTS, options=labels)
    label = st.selectbox(
        "Weights",
        labels,
        help="Stored weights come with this program. A run has its last weights and, "
        "unless it was to keep the last alone, those with the best accuracy.",
        key=state.WEIGHTS,
        bind="query-params",
    )
    keep(state.WEIGHTS)
    st.session_state[state.WEIGHTS_SHOWN] = label
    if not files:
        st.caption("There are no stored weights and no runs yet.")
    chosen = _uploaded() if label == UPLOAD else files[label]
    return chosen and dataclasses.replace(chosen, substitute=substitute)


def _known_files() -> dict[str, ChosenWeights]:
    """Return the stored weights and those of the runs by their label."""
    files = [
        ChosenWeights(stored.name, identity(stored.path), stored.path, card=stored.card)
        for stored in list_stored()
    ] + [
        ChosenWeights(
            run.label_of(path),
            identity(path),
            path,
            run=run,
        )
        for run in RunStore().list()
        for path in reversed(run.weights)
    ]
    return {file.label: file for file in files}


def _warn_of_missing(asked: str | None, labels: list[str]) -> None:
    """Say so if weights are gone that were chosen or linked; the box shows others."""
    if asked is not None and asked not in labels:
        st.warning(f"There are no weights called {literal(asked[:120])} here.")


def _uploaded() -> ChosenWeights | None:
    limit = st.get_option("server.maxUploadSize") * MEBIBYTE
    upload = st.file_uploader(
        "Weight file",
        FILE_TYPES,
        help="Written by any Keras, 0.3 to 3, or by this program. It is read as plain "
        "numbers and never run. Nothing leaves this machine.",
        key=state.UPLOAD,
        on_change=forget,
        args=(state.UPLOADED,),
    )
    if upload is None:
        # The box may have been gone since.
        before: ChosenWeights | None = st.session_state.get(state.UPLOADED)
        if before:
            uploaded_before(state.UPLOADED, before.label)
        return before
    # Checked here too: the browser's own check is not to be relied on.
    if upload.size > limit:
        st.error(
            f"A file may have at most {file_size(limit)}. "
            f"Received: {file_size(upload.size)}"
        )
        return None
    # Those that Streamlit holds: they are not copied.
    content = upload.getvalue()
    identity = f"SHA-256 {hashlib.sha256(content).hexdigest()}"
    chosen = ChosenWeights(upload.name[:120], identity, content=content)
    st.session_state[state.UPLOADED] = chosen
    return chosen
