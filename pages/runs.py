"""Every training, finished or under way."""

import streamlit as st

from ui.navigation import require_frame
from ui.runs.comparison import compare
from ui.runs.deletion import delete_button, deleted_list, undo_line
from ui.runs.details import (
    downloads,
    evaluate_button,
    files,
    last_evaluation,
    settings,
    tensorboard,
)
from ui.runs.notes import notes_form
from ui.runs.panel import run_panel, watch
from ui.runs.table import (
    choose_row,
    damaged,
    filtered,
    read_rows,
    recall,
    tell_misnamed,
)
from ui.runs.train_again import train_again_button
from wrn.jobs import manager
from wrn.runs import LIVE_STATES

require_frame()

st.title("Runs")
st.caption("Every training, finished or under way: its curves, settings and files.")

jobs = manager()
undo_line(jobs.store)
tell_misnamed(jobs.store)
rows = read_rows(jobs)
if not rows:
    st.info("There are no runs yet. Train a network, and it appears here.")
    st.page_link("pages/train.py", label="Go to Train")
    deleted_list(jobs.store)
    st.stop()

recall(rows)
row = choose_row(filtered(rows))
if row is None:
    watch(jobs, epochs=True)
    deleted_list(jobs.store)
    st.stop()

if row.config:
    run_panel(jobs, row.run, epochs=True)
    last_evaluation(row.run)
    compare(row, rows)
    with st.container(horizontal=True, key="ways_on"):
        evaluate_button(row.run, row.config)
        train_again_button(row.config)
        downloads(row.run)
    notes_form(row.run)
    settings(row.config)
    tensorboard(row.run)
else:
    damaged(row)
files(row.run)
delete_button(jobs, row.run, live=bool(row.status and row.status.state in LIVE_STATES))
