"""The pages of the dashboard and their menu."""

from pathlib import Path

import streamlit as st

from ui import state

#: Also the page's icon: an SVG travels inside the page, while a bitmap is a file of
#: its own, which an impatient click can make Streamlit drop before it is fetched.
LOGO = str(Path(__file__).parent / "assets" / "logo.svg")


#: Streamlit writes white on the primary colour in both themes. On the dark theme's,
#: which is light, that has a contrast of 2.4; the colour of its background has 7.5.
#: The browser chooses, since the server hears late of another theme.
#:
#: Where nothing can hover, the tool bar of a table is always there: it hangs above the
#: table, and needs room of its own to cover nothing that is to be touched.
#:
#: On paper the menu would lie over the title.
_STYLE = """<style>
[data-testid="stBaseButton-primary"]:not(:disabled),
[data-testid="stMultiSelect"] span[title] { color: light-dark(#ffffff, #11161f); }
@media (hover: none) { [data-testid="stDataFrame"] { margin-top: 2.25rem; } }
@media print { [data-testid="stHeader"] { display: none; } }
</style>"""


# Pages have no icons: Streamlit would fetch a Material icon from another host.
def sections() -> list[st.Page]:
    """Return the pages in the order of the menu."""
    return [
        st.Page("pages/architecture.py", title="Architecture", default=True),
        st.Page("pages/train.py", title="Train"),
        st.Page("pages/evaluate.py", title="Evaluate"),
        st.Page("pages/classify.py", title="Classify"),
        st.Page("pages/runs.py", title="Runs"),
    ]


def navigation() -> st.Page:
    """Show the menu and return the page that was asked for."""
    st.html(_STYLE)
    return st.navigation(sections(), position="top")


def require_frame() -> None:
    """Start over inside the frame if a page was run without it.

    Streamlit takes a `pages/` folder for its older kind of multipage app until
    `st.navigation` is called once. The first visit to a fresh server by a deep
    link, such as /train, therefore runs the page's file alone. Every page calls
    this first.
    """
    if state.PAGE not in st.session_state:
        navigation()
        st.rerun()
