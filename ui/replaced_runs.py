"""Runs of a page that another one has replaced leave the page's state to that one.

A click that comes while a part of the page is updated starts a run of its own beside
that of the part (`runner.fastReruns`), which is asked to stop. Each has a lock of its
own, and the one that is replaced looks only now and then whether it was asked: begun or
ended after the other, it set back what the person had just changed, and took what was
clicked as dealt with. On a busy machine a click was lost so now and then.
"""

import threading
from typing import Any

from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType
from streamlit.runtime.state.safe_session_state import SafeSessionState

#: The state of a page as one run sees it.
_State: Any = SafeSessionState
_begin, _finish = _State.on_script_will_rerun, _State.on_script_finished

#: Held for an instant: one for all visitors will do.
_lock = threading.RLock()


def keep_clicks() -> None:
    """Let replaced runs leave the state alone.

    Takes effect for the whole process; a second call does nothing.
    """
    _State.on_script_will_rerun = _begin_alone
    _State.on_script_finished = _finish_unless_replaced


def _begin_alone(view: Any, *arguments: Any, **named: Any) -> None:
    # It begins with Streamlit's look for a request to stop. One that is not there yet
    # comes from a run that has to wait here.
    with _lock:
        _begin(view, *arguments, **named)


def _finish_unless_replaced(view: Any, *arguments: Any, **named: Any) -> None:
    with _lock:
        if not _is_replaced(view):
            _finish(view, *arguments, **named)


def _is_replaced(view: Any) -> bool:
    """Whether the run was asked to stop, as it is before another one begins."""
    # A method of the run; there is no other way from its state to it.
    run = getattr(view._yield_callback, "__self__", None)
    requests = getattr(run, "_requests", None)
    return requests is not None and requests._state == ScriptRequestType.STOP
