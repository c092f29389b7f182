"""What a person wrote about a run, and whether it is archived."""

import streamlit as st

from ui.text import literal
from wrn.runs import Notes, Run
from wrn.runs.notes import MAX_TEXT, MAX_TITLE


def notes_form(run: Run) -> None:
    """Ask for a title and notes; keep them with the run."""
    notes = run.notes()
    heading = f"Notes: {literal(notes.title)}" if notes.title else "Notes"
    with (
        st.expander(heading, expanded=bool(notes.text)),
        st.form(f"notes_{run.name}", border=False),
    ):
        title = st.text_input(
            "Title",
            notes.title,
            max_chars=MAX_TITLE,
            help="Shown beside the folder's name, which stays.",
        )
        text = st.text_area("Text", notes.text, max_chars=MAX_TEXT)
        archived = st.checkbox(
            "Archived",
            notes.archived,
            help="Left out of the table unless archived runs are shown.",
        )
        if st.form_submit_button("Save notes"):
            try:
                run.write_notes(
                    Notes.of({"title": title, "text": text, "archived": archived})
                )
            except OSError as error:
                st.error(literal(f"The notes could not be saved: {error.strerror}"))
            else:
                st.rerun()
