"""Uploads that stay when their box is gone, as it is after another choice."""

import streamlit as st

from ui.text import literal


def uploaded_before(key: str, name: str) -> None:
    """Tell what was uploaded before, beside a button that forgets it.

    Args:
        key: Where the session keeps it.
        name: What to call it.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"Uploaded before: **{literal(name)}**", width="content")
        st.button("Remove", on_click=forget, args=(key,), key=f"remove_{key}")


def forget(key: str) -> None:
    """Forget what the session keeps under a key, if anything."""
    st.session_state.pop(key, None)
