"""Which weights: stored ones, those of a run, or a file that the person uploads."""

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from ui import state
from ui.address import bring_back, keep
from ui.choices.uploads import forget, uploaded_before
from ui.chosen_weights import ChosenWeights
from ui.loading import inspect_weights
from ui.text import changes_with_labels, literal, refusal
from wrn.errors import WeightsError
from wrn.files import identity
from wrn.runs import RunStore, figure
from wrn.stored import Card, list_stored
from wrn.text import file_size

if TYPE_CHECKING:
    from wrn.evaluation.diagnosis import Diagnosis

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


def recognize(chosen: ChosenWeights) -> dict[str, Any] | None:
    """Tell what the weights are; a file that is no Wide ResNet is refused in words.

    Returns:
        What `wrn.weights.inspect` reports, or `None` if the file is refused.
    """
    try:
        report = inspect_weights(chosen.identity, chosen)
    except WeightsError as error:
        st.error(f"**{literal(chosen.label)}:** {refusal(error)}")
        return None
    facts = _facts(report)
    if chosen.card and chosen.card.test_accuracy is not None:
        facts.pop("Accuracy then", None)  # The card says it again.
    facts |= _card_facts(chosen.card)
    with st.container(border=True, horizontal=True, gap="medium", key="recognized"):
        for label, value in facts.items():
            st.markdown(f":gray[{label}]  \n{literal(value)}", width="content")
    return report


def tell_notes(
    chosen: ChosenWeights, report: Mapping[str, Any], known: "Diagnosis | None"
) -> list[str]:
    """Tell what a person should know about the weights.

    Args:
        chosen: The weights.
        report: What `recognize` returned.
        known: What was found out about them. What was assumed before counts no more.

    Returns:
        What now stands on the page.
    """
    notes = [*(known.loaded.notes if known else report["notes"])]
    if known:
        # It stands with the result.
        notes.remove(known.sentence)
    if chosen.card and chosen.card.note:
        notes.append(chosen.card.note)
    for note in notes:
        st.caption(literal(note))
    return notes


def _known_files() -> dict[str, ChosenWeights]:
    """Return the stored weights and those of the runs by their label."""
    files = [
        ChosenWeights(stored.name, identity(stored.path), stored.path, card=stored.card)
        for stored in list_stored()
    ] + [
        ChosenWeights(
            f"{run.name}/{path.name.partition('.')[0]}",
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


def _facts(report: Mapping[str, Any]) -> dict[str, str]:
    facts = {
        "Network": report["name"],
        "Parameters": f"{report['parameters']:,}",
        "Classes": f"{report['classes']}",
        "Format": report["format"],
        "Written by": report["writer"],
    }
    # What the file says about itself may be anything.
    data, result = (_object(report["metadata"], key) for key in ("data", "result"))
    if isinstance(name := data.get("name"), str):
        facts["Trained on"] = name[:60]
    if (epochs := figure(result, "epochs")) is not None:
        facts["Epochs"] = f"{epochs:,.0f}"
    if (accuracy := figure(result, "test_accuracy")) is not None:
        label = "Accuracy then"
        if result.get("held_out") == "validation":
            label = "Validation accuracy then"
        facts[label] = f"{accuracy:.2%}"
    return facts


def _object(metadata: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = metadata.get(key)
    return value if isinstance(value, dict) else {}


def _card_facts(card: Card | None) -> dict[str, str]:
    if card is None:
        return {}
    facts = {
        "Trained on": card.data,
        "Epochs": _epochs(card),
        "Measured on": "" if card.measured_on == card.data else card.measured_on,
        "Accuracy on its card": _percent(card.test_accuracy),
        "With flips": _percent(card.test_accuracy_flip),
        # The longest, on a line of its own.
        "Recipe": changes_with_labels(card.recipe),
    }
    return {label: value for label, value in facts.items() if value}


def _epochs(card: Card) -> str:
    if card.epochs is None:
        return ""
    if not card.epochs_before:
        return f"{card.epochs:,}"
    return f"{card.epochs:,}, from weights of {card.epochs_before:,} epochs"


def _percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{fraction:.2%}"
