"""A button beside a part that updates itself, whose runs end late.

The run of a part has done its last word to Streamlit, but has not ended, when a click
starts the next run of the page. A busy machine can do this at any click. Here the run
of the part waits for the click, and that of the page for the part's end.
"""

import sys
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2]))

import streamlit as st  # noqa: E402
from streamlit.runtime.scriptrunner import get_script_run_ctx  # noqa: E402
from streamlit.runtime.scriptrunner.script_runner import (  # noqa: E402
    ScriptRunner,
    ScriptRunnerEvent,
)

from ui import replaced_runs  # noqa: E402

SECONDS = 30.0


class Session:
    """What has happened in a visitor's session."""

    def __init__(self) -> None:
        self.runs = 0
        self.clicked = threading.Event()
        self.ended = threading.Event()


@st.cache_resource
def sessions() -> defaultdict[str, Session]:
    """Return the sessions by their names."""
    return defaultdict(Session)


@st.cache_resource
def end_late(*, mended: bool) -> None:
    """Let parts end late, with what mends it or without."""
    if mended:
        replaced_runs.keep_clicks()
    known = sessions()
    finish = ScriptRunner._on_script_finished

    def finish_late(runner: Any, context: Any, event: Any, *others: Any) -> None:
        session = known[context.session_id]
        part = event == ScriptRunnerEvent.FRAGMENT_STOPPED_WITH_SUCCESS
        if part:
            session.clicked.wait(SECONDS)
        finish(runner, context, event, *others)
        if part:
            session.ended.set()

    ScriptRunner._on_script_finished = finish_late


@st.fragment(run_every=0.2)
def part() -> None:
    # Not when it is drawn with the page for the first time.
    if st.session_state.setdefault("parts", 0):
        st.write("The part is about to end.")
    st.session_state["parts"] += 1


end_late(mended="mended" in st.query_params)
session = sessions()[get_script_run_ctx().session_id]
session.runs += 1
if session.runs > 1:
    session.clicked.set()
    session.ended.wait(SECONDS)
if st.button("Count"):
    st.write("The click has arrived.")
elif session.runs > 1:
    st.write("The click is lost.")
part()
