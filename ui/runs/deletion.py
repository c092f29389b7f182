"""Deletes a run, and brings it back."""

import streamlit as st

from ui import state
from ui.runs.table import choose
from ui.runs.view import moment
from ui.text import literal, refusal
from wrn.errors import WrnError
from wrn.jobs import JobManager
from wrn.runs import Run, RunStore


def delete_button(jobs: JobManager, run: Run, *, live: bool) -> None:
    """Offer to delete a run; a second click confirms."""
    with st.popover(
        "Delete run",
        disabled=live,
        help="A run under way must be stopped first." if live else None,
    ):
        st.write(
            f"Delete {literal(run.name)} with all its files? It can be brought back "
            "for a week."
        )
        if st.button("Delete", type="primary", key="delete"):
            try:
                st.session_state[state.DELETED] = jobs.store.delete(run.name)
            except WrnError as error:
                st.error(refusal(error))
            else:
                choose(None)
                st.rerun()


def undo_line(store: RunStore) -> None:
    """Offer to bring back what this person deleted last."""
    deleted = st.session_state.get(state.DELETED)
    # By its time: another person's of that name may have taken its place.
    name = next((n for n, moment in store.deleted().items() if moment == deleted), None)
    if name is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="undo"):
        st.write(f"Deleted {literal(name)}.")
        st.button("Undo", on_click=_restore, args=(store, name), key="undo_delete")


def deleted_list(store: RunStore) -> None:
    """List what can be brought back."""
    deleted = store.deleted()
    if not deleted:
        return
    with st.expander(f"Deleted runs ({len(deleted)})"):
        # A run of the same name may be there again: the time tells them apart.
        name = st.selectbox(
            "Deleted run",
            deleted,
            format_func=lambda name: f"{name}, deleted {moment(deleted[name])}",
            key="deleted_run",
        )
        with st.container(horizontal=True):
            st.button("Bring back", on_click=_restore, args=(store, name))
            with st.popover("Remove for good"):
                st.write(f"Remove {literal(name)}? Nothing brings it back.")
                st.button(
                    "Remove", type="primary", on_click=_forget, args=(store, name)
                )


def _forget(store: RunStore, name: str) -> None:
    try:
        store.forget(name)
    except WrnError as error:
        st.error(refusal(error))


def _restore(store: RunStore, name: str) -> None:
    try:
        store.restore(name)
    except WrnError as error:
        st.error(refusal(error))
    else:
        st.session_state[state.DELETED] = None
        choose(name)
