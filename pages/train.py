"""Train a network and watch it learn."""

import streamlit as st

from ui import state
from ui.navigation import require_frame
from ui.runs.panel import current_run, run_panel, watch
from ui.train.estimate import estimate_line
from ui.train.form import acknowledge, run_form, start_button
from wrn.jobs import manager

require_frame()

st.title("Train")
st.caption("Choose the settings of a training, start it and watch the network learn.")

jobs = manager()
acknowledge(jobs)
with st.expander("New training", key=state.FORM, on_change="rerun"):
    # One place for all that comes and goes above the button: were the button's own to
    # move, the browser would draw it anew and might lose a click.
    with st.container():
        config = run_form()
        if config:
            estimate_line(jobs, config)
    start_button(jobs, config)

run = current_run(jobs)
if run:
    run_panel(jobs, run)
else:
    st.info(
        "Nothing has been trained yet. Press **Start training**; with the source "
        "*synthetic* it needs no download."
    )
    watch(jobs)
