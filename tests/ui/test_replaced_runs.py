"""Runs of a page that were replaced leave its state alone."""

import threading
from types import SimpleNamespace

import pytest
from streamlit.runtime.scriptrunner_utils.script_requests import (
    RerunData,
    ScriptRequests,
)
from streamlit.runtime.state.safe_session_state import SafeSessionState

from ui import replaced_runs


@pytest.fixture(autouse=True)
def kept(monkeypatch):
    for name in ("on_script_will_rerun", "on_script_finished"):
        monkeypatch.setattr(SafeSessionState, name, getattr(SafeSessionState, name))
    replaced_runs.keep_clicks()
    replaced_runs.keep_clicks()


class Run:
    """What of Streamlit's runs the state knows."""

    def __init__(self, state, at_yield=lambda: None):
        self._requests = ScriptRequests()
        self._at_yield = at_yield
        self.view = SafeSessionState(state, self.look)

    def look(self):
        self._at_yield()

    def stop(self):
        self._requests.request_stop()


class State:
    """A session's state that notes what is done to it."""

    def __init__(self):
        self.told = []

    def on_script_will_rerun(self, widgets, **named):
        self.told.append(f"begun: {widgets}")

    def on_script_finished(self, widgets, **named):
        self.told.append(f"finished: {widgets}")


@pytest.fixture
def state():
    return State()


def test_a_run_begins_and_finishes(state):
    run = Run(state)
    run.view.on_script_will_rerun("clicked")
    run._requests.request_rerun(RerunData())
    run.view.on_script_finished("seen")
    assert state.told == ["begun: clicked", "finished: seen"]


def test_a_run_that_was_replaced_finishes_without_a_word(state):
    run = Run(state)
    run.view.on_script_will_rerun("old")
    run.stop()
    Run(state).view.on_script_will_rerun("clicked")
    run.view.on_script_finished("seen")
    assert state.told == ["begun: old", "begun: clicked"]


def test_no_run_begins_between_the_look_of_another_and_its_beginning(state):
    """The look for a request to stop, and what follows, are one."""
    others = []

    def start_another():
        def begin():
            # At once if nothing keeps it from it.
            if replaced_runs._lock.acquire(blocking=False):
                replaced_runs._lock.release()
                Run(state).view.on_script_will_rerun("clicked")
            others.append("done")

        thread = threading.Thread(target=begin)
        thread.start()
        thread.join()

    Run(state, start_another).view.on_script_will_rerun("old")
    assert others == ["done"]
    assert state.told == ["begun: old"]


def test_a_state_without_a_run_is_as_before(state):
    view = SafeSessionState(state, lambda: None)
    view.on_script_finished("seen")
    assert state.told == ["finished: seen"]
    assert not replaced_runs._is_replaced(SimpleNamespace(_yield_callback=print))
