"""What chosen weights are, as their file and their card tell."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from ui.chosen_weights import ChosenWeights
from ui.loading import inspect_weights
from ui.text import changes_with_labels, literal, refusal
from wrn.errors import WeightsError
from wrn.runs import figure
from wrn.stored import Card

if TYPE_CHECKING:
    from wrn.evaluation.diagnosis import Diagnosis


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
