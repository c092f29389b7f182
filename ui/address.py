"""Widgets that live in the address, kept while another page is shown.

Streamlit drops a page's parameters from the address when another page is opened, and
its way back leads to the page without them first.
"""

from collections.abc import Container, Mapping
from typing import Any

import streamlit as st

from ui import state


def arrive(page: str) -> None:
    """Note which page is shown. The router calls it before the page runs."""
    if st.session_state.get(state.PAGE) != page:
        st.session_state[state.PAGE] = page
        st.session_state[state.VISIT] = _visit() + 1


def bring_back(*keys: str, options: Container[Any] | None = None) -> None:
    """On arrival give widgets the values they had before; called before they are drawn.

    What the address says comes first. `keep` is called after it.

    Args:
        keys: Keys of widgets that belong together; they are names of parameters, too.
        options: What can be chosen now; anything if `None`.
    """
    if any(key in st.query_params for key in keys):
        return
    for key in keys:
        value, visit = st.session_state.get(_kept(key), (None, _visit()))
        if visit != _visit() and (options is None or value in options):
            st.session_state[key] = value
            st.session_state.setdefault(state.BROUGHT, {})[key] = value


def keep(*keys: str) -> None:
    """Keep what widgets are set to for the next visit; called once they are drawn."""
    brought = st.session_state.pop(state.BROUGHT, {})
    # A run that was broken off may have left those of another page.
    lost = any(key in brought and st.session_state[key] != brought[key] for key in keys)
    if lost and st.session_state.get(state.RETRIED) != _visit():
        # The browser's back button: Streamlit takes an address without parameters for
        # the wish to have its defaults. The next run, which is none of the browser's,
        # brings the values back; it is the last try.
        st.session_state[state.RETRIED] = _visit()
        st.rerun()
    for key in keys:
        st.session_state[_kept(key)] = (st.session_state[key], _visit())


def open_page(file: str, parameters: Mapping[str, Any] | None = None) -> None:
    """Open another page.

    Args:
        file: The page's file.
        parameters: What widgets in its address are set to, by their keys.
    """
    texts = {key: str(value) for key, value in (parameters or {}).items()}
    # Without the empty parameters Streamlit refuses to drop those of bound widgets.
    st.switch_page(file, query_params=texts)


def _kept(key: str) -> str:
    return f"kept_{key}"


def _visit() -> int:
    """Return how many times a page was opened in this session."""
    return int(st.session_state.get(state.VISIT, 0))
