"""Carries the settings of a run over into the form of the Train page."""

import streamlit as st

from ui import state
from ui.address import open_page
from ui.forms import MOST_DROPOUT, prefill
from wrn.config import ModelConfig, RunConfig
from wrn.config.recipes import DEFAULT_RECIPE, RECIPES


def train_again_button(config: RunConfig) -> None:
    """Offer to train with the same settings, or with changed ones."""
    # The form has no field for it.
    offered = config.model.classes == ModelConfig().classes
    if st.button(
        "Train again with changes",
        disabled=not offered,
        help="Opens the Train page with the settings of this run."
        if offered
        else f"Networks of {config.model.classes:,} classes are trained from the "
        f"command line: `python -m wrn train --classes {config.model.classes}`",
        key="train_again",
    ):
        fill_form(config)
        st.session_state[state.FORM_ASKED] = True
        network = {
            state.DEPTH: config.model.depth,
            state.WIDEN_FACTOR: config.model.widen_factor,
            state.DROPOUT: min(config.model.dropout, MOST_DROPOUT),
        }
        open_page("pages/train.py", network)


def fill_form(config: RunConfig) -> None:
    """Set the widgets of the Train page to a run's settings, but for the network's."""
    recipe = config.recipe if config.recipe in RECIPES else DEFAULT_RECIPE
    st.session_state[state.RECIPE] = recipe
    st.session_state[state.TRAIN_SOURCE] = config.data.source
    st.session_state[state.RUN_NAME] = ""
    prefill(config.train, f"{state.TRAIN}_{recipe}")
    prefill(config.data, f"{state.DATA}_{recipe}")
    prefill(config.data, state.DATA)
    prefill(config.output, state.OUTPUT)
