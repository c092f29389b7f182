"""Widgets that live in the address, kept while another page is shown.

Streamlit drops a page's parameters from the address when another page is opened, and
its way back leads to the page without them first.
"""

from collections.abc import Container, Mapping
from contextlib import suppress
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitAPIException

from ui import state


def arrive(page: str) -> None:
    """Note which page is shown. The router calls it before the page runs."""
    if st.session_state.get(state.PAGE) != page:
        st.session_state[state.PAGE] = page
        st.session_state[state.VISIT] = _visit() + 1


def bring_back(*keys: str, options: Container[Any] | None = None) -> None:
    """On arrival give widgets the values they had before; called before they are drawn.

    What the address says comes first, unless `keep` tries again: then it is what was
    lost. `keep` is called after it.

    Args:
        keys: Keys of widgets that belong together; they are names of parameters, too.
        options: What can be chosen now; anything if `None`.
    """
    again = st.session_state.get(state.LOST) == keys
    if not again and any(key in st.query_params for key in keys):
        return
    texts = {}
    for key in keys:
        nothing = None, _visit(), None
        value, visit, text = st.session_state.get(_kept(key), nothing)
        # The way back within a page, to its address from before it had parameters.
        within = text is not None and st.session_state.get(key) == value
        wanted = again or within or visit != _visit()
        if wanted and (options is None or value in options):
            st.session_state[key] = value
            st.session_state.setdefault(state.BROUGHT, {})[key] = value
            if text is not None:
                texts[key] = text
    # All at once: each word of a widget's own would be a place in the history. Where
    # widgets have the parameters already, it is left to them.
    if texts:
        with suppress(StreamlitAPIException):
            st.query_params.update(texts)


def keep(*keys: str) -> None:
    """Keep what widgets are set to for the next visit; called once they are drawn."""
    brought = st.session_state.pop(state.BROUGHT, {})
    # A run that was broken off may have left those of another page.
    lost = any(key in brought and st.session_state[key] != brought[key] for key in keys)
    if again := st.session_state.get(state.LOST) == keys:
        st.session_state[state.LOST] = None
    if lost and not again:
        # The browser's back button: Streamlit takes an address without parameters for
        # the wish to have its defaults. The next run, which is none of the browser's,
        # brings the values back; it is the last try.
        st.session_state[state.LOST] = keys
        st.rerun()
    for key in keys:
        text = st.query_params.get(key)
        st.session_state[_kept(key)] = (st.session_state[key], _visit(), text)


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
