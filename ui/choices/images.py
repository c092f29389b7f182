"""Which images to evaluate on, and how many of them."""

import streamlit as st

from ui import state
from wrn.config import DataConfig, default_source, options

#: How many images may be chosen, beside all.
COUNTS = (100, 250, 500, 1000, 2500, 5000)
FIRST_COUNT = 1000
#: Not `None`: restored on another visit, that would be nothing chosen.
ALL = 0
SYNTHETIC = "synthetic"


def choose_source(label: str, key: str) -> str:
    """Ask where the images come from."""
    help_texts = {option.name: option.help for option in options(DataConfig)}
    source = st.selectbox(
        label,
        dict.fromkeys((default_source(), "cifar10", SYNTHETIC)),
        help=help_texts["source"],
        accept_new_options=True,
        key=key,
        persist_state="session",
    )
    return (source or "").strip() or default_source()


def choose_images() -> DataConfig:
    """Ask for the source of the test images and their number."""
    left, right = st.columns(2)
    with left:
        source = choose_source("Images", state.EVALUATE_SOURCE)
    count = right.selectbox(
        "How many",
        (*COUNTS, ALL),
        index=COUNTS.index(FIRST_COUNT),
        format_func=lambda count: "All" if count == ALL else f"{count:,}",
        help="The first so many test images. Fewer are faster, more are more exact.",
        key=state.EVALUATE_IMAGES,
        persist_state="session",
    )
    return DataConfig(source=source, limit=count or None)


def choose_flip() -> bool:
    """Ask whether to average each image with its mirror image."""
    return st.checkbox(
        "Test-time flip",
        help="Average the logits of each image and of its mirror image. Takes twice as "
        "long; published accuracies are without.",
        key=state.FLIP,
        persist_state="session",
    )


def offer_synthetic(data: DataConfig) -> None:
    """Offer the images that need no download."""
    if data.source != SYNTHETIC:
        st.button("Use synthetic images", on_click=_choose_synthetic)


def _choose_synthetic() -> None:
    st.session_state[state.EVALUATE_SOURCE] = SYNTHETIC
