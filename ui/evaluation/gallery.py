"""The images of an evaluation, with what each was taken for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from ui import state
from ui.pictures import enlarged
from ui.text import literal
from wrn.data.pictures import data_address

if TYPE_CHECKING:
    from wrn.evaluation import Evaluation

#: Images in the gallery, and their side in pixels.
GALLERY_IMAGES = 24
ENLARGED_SIDE = 128

ALL, MISTAKES, UNSURE = "First images", "Confident mistakes", "Least sure hits"


@st.fragment
def gallery(
    evaluation: "Evaluation", names: Sequence[str], images: NDArray[np.uint8]
) -> None:
    """Show images by their classes, or the most surprising ones first.

    Args:
        evaluation: What was found, in the order of the images.
        names: Names of the classes.
        images: uint8 (images, 32, 32, 3).
    """
    st.markdown("**Images**")
    with st.container(
        horizontal=True, vertical_alignment="bottom", gap="medium", key="gallery_filter"
    ):
        kind = st.segmented_control(
            "Which images",
            (ALL, MISTAKES, UNSURE),
            default=ALL,
            required=True,
            label_visibility="collapsed",
            key=state.GALLERY,
        )
        true, predicted = (
            st.selectbox(
                label,
                names,
                index=None,
                placeholder="Any class",
                help="A click on a cell of the confusion matrix chooses both.",
                width=200,
                key=key,
            )
            for label, key in (
                ("True class", state.GALLERY_TRUE),
                ("Predicted class", state.GALLERY_PREDICTED),
            )
        )
    order = _of_classes(
        {
            ALL: np.arange(evaluation.images),
            MISTAKES: evaluation.most_confident(correct=False),
            UNSURE: evaluation.most_confident(correct=True)[::-1],
        }[str(kind)],
        (evaluation.labels, None if true is None else names.index(true)),
        (evaluation.predictions, None if predicted is None else names.index(predicted)),
    )
    shown = order[:GALLERY_IMAGES]
    counts = {0: "There are none.", 1: "1 image."}
    st.caption(counts.get(len(order), f"{len(shown):,} of {len(order):,} images."))
    with st.grid("auto", min_column_width=110, key="images"):
        for index in shown.tolist():
            true = names[evaluation.labels[index]]
            predicted = names[evaluation.predictions[index]]
            probability = float(evaluation.probabilities[index].max())
            with st.container(gap=None):
                st.image(
                    data_address(enlarged(images[index], ENLARGED_SIDE)),
                    width="stretch",
                    alt=f"{true}, "
                    + ("recognized" if true == predicted else f"taken for {predicted}"),
                )
                st.markdown(_verdict(true, predicted, probability))


def _of_classes(
    order: NDArray[np.int64], *asked: tuple[NDArray[np.int64], int | None]
) -> NDArray[np.int64]:
    """Return those images whose classes are the ones asked for, where any is."""
    for classes, wanted in asked:
        if wanted is not None:
            order = order[classes[order] == wanted]
    return order


def choose_cell(predicted: str, true: str) -> None:
    """Show the images of a cell of the confusion matrix."""
    st.session_state[state.GALLERY] = ALL
    st.session_state[state.GALLERY_TRUE] = true
    st.session_state[state.GALLERY_PREDICTED] = predicted


def _verdict(true: str, predicted: str, probability: float) -> str:
    guess = f"{literal(predicted)} {probability:.0%}"
    if predicted == true:
        return f":green[✓] {guess}"
    return f":red[**✗ {guess}**]  \n:small[is {literal(true)}]"
