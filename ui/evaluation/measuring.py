"""Evaluates weights while the person watches the result grow."""

import time

import streamlit as st

from ui import state
from ui.chosen_weights import ChosenWeights
from ui.evaluation.result import Evaluated
from ui.loading import load_diagnosis, load_images, load_network
from wrn.config import DataConfig
from wrn.data import select
from wrn.stored import Card


def measure(chosen: ChosenWeights, data: DataConfig, *, flip: bool = False) -> None:
    """Classify images; the result is kept for the session, and with a run's weights.

    The work is done in the page's own thread, so any click breaks it off. What was
    done until then is the result.

    Args:
        chosen: The weights.
        data: The images.
        flip: Whether to average over each image and its mirror image.

    Raises:
        WrnError: If the images cannot be had, or do not go with the weights.
    """
    dataset = load_images(data.source)
    images = select(dataset, data).held_out
    loaded = load_network(chosen)

    # Loads TensorFlow: only now.
    from wrn.evaluation import check_classes, evaluate_growing, keep, report

    check_classes(loaded.config.classes, dataset)
    diagnosis = load_diagnosis(chosen, data.source, dataset)
    if diagnosis:
        loaded = diagnosis.loaded
    bar = st.progress(0.0, f"0 of {len(images):,} images")
    st.button("Stop", help="What is done until then is the result.")
    start = time.monotonic()
    for evaluation in evaluate_growing(
        loaded.classifier, images.images, images.labels, flip=flip
    ):
        result = report(loaded, dataset, evaluation, chosen.label)
        result |= {"flip": flip, "asked": len(images)}
        if diagnosis:
            result["diagnosis"] = diagnosis.to_dict()
        if chosen.run and evaluation.images == len(images):
            keep(chosen.run, result)
        # A click ends this function at any word to Streamlit, without a last one.
        st.session_state[state.EVALUATED] = Evaluated(
            result,
            evaluation,
            images,
            time.monotonic() - start,
            chosen.identity,
            diagnosis,
            _on_card(chosen.card, flip=flip),
        )
        low, high = evaluation.interval
        bar.progress(
            evaluation.images / len(images),
            f"{evaluation.images:,} of {len(images):,} images · accuracy so far "
            f"{evaluation.accuracy:.1%} ({low:.1%} – {high:.1%})",
        )


def _on_card(card: Card | None, *, flip: bool) -> float | None:
    if card is None:
        return None
    return card.test_accuracy_flip if flip else card.test_accuracy
