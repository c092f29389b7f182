"""Evaluates weights while the person watches a progress bar."""

import time

import streamlit as st

from ui.evaluation_view import Evaluated
from ui.loading import load_diagnosis, load_images, load_network
from ui.weights_choice import ChosenWeights
from wrn.config import DataConfig
from wrn.data import select


def measure(
    chosen: ChosenWeights, data: DataConfig, *, flip: bool = False
) -> Evaluated | None:
    """Classify images. The result of a run's weights is stored with the run.

    The work is done in the page's own thread, so any click breaks it off.

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
    from wrn.evaluation import check_classes, evaluate, report

    check_classes(loaded.config.classes, dataset)
    diagnosis = load_diagnosis(chosen, data.source, dataset)
    if diagnosis:
        loaded = diagnosis.loaded
    bar = st.progress(0.0, f"0 of {len(images):,} images")
    st.button("Stop")

    def show(done: int, total: int) -> None:
        bar.progress(done / total, f"{done:,} of {total:,} images")

    start = time.monotonic()
    evaluation = evaluate(
        loaded.classifier, images.images, images.labels, show, flip=flip
    )
    if evaluation is None:
        return None
    seconds = time.monotonic() - start
    result = report(loaded, dataset, evaluation, chosen.label) | {"flip": flip}
    if diagnosis:
        result["diagnosis"] = diagnosis.to_dict()
    if chosen.run:
        try:
            chosen.run.write_evaluation(result)
        except OSError as error:
            result["notes"].append(
                f"The result could not be stored with the run: {error.strerror}."
            )
    return Evaluated(result, evaluation, images, seconds, chosen.identity, diagnosis)
