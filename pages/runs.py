"""Every training, finished or under way."""

import streamlit as st

from ui.job_view import run_panel
from ui.navigation import require_frame
from ui.run_comparison import compare
from ui.run_details import delete_button, downloads, files, settings
from ui.run_table import choose_row, read_rows
from wrn.jobs import manager
from wrn.runs import LIVE_STATES

require_frame()

st.title("Runs")
st.caption("Every training, finished or under way: its curves, settings and files.")

jobs = manager()
rows = read_rows(jobs)
if not rows:
    st.info("There are no runs yet. Train a network, and it appears here.")
    st.page_link("pages/train.py", label="Go to Train")
    st.stop()

row = choose_row(rows)
if row is None:
    st.caption("Choose a run by the box at the left of its row.")
    st.stop()

if row.config:
    run_panel(jobs, row.run)
    compare(row, rows)
    downloads(row.run)
    settings(row.config)
files(row.run)
delete_button(jobs, row.run, live=bool(row.status and row.status.state in LIVE_STATES))
