"""Plotly charts that take new data without losing the reader's zoom.

`st.plotly_chart` builds its chart anew with every change of the data. Here the
figure goes to `Plotly.react` on one `<div>` that stays: zoom, hidden curves and the
open hover label survive. Plotly's JavaScript, which comes from the installed `plotly`
package, and the chart's own are fetched once, through Streamlit's static serving
(`server.enableStaticServing`): what a component is made of is sent with each update.
"""

import hashlib
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Plotly asks whether it is loaded: half loaded, by the thread of a training that
# begins, it would fail.
import pandas  # noqa: F401
import plotly
import plotly.graph_objects as go
import streamlit as st

#: The folder that Streamlit serves: `static/` beside `dashboard.py`.
STATIC = Path(__file__).resolve().parent.parent / "static"

_BUNDLE = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
_BUNDLE_NAME = f"plotly-{plotly.__version__}.min.js"

_ASSETS = Path(__file__).parent / "assets"
_SCRIPT = _ASSETS / "live_chart.js"
_SCRIPT_NAME = f"live_chart-{hashlib.sha256(_SCRIPT.read_bytes()).hexdigest()[:16]}.js"

_component = st.components.v2.component(
    "wrn_live_chart",
    js=(_ASSETS / "live_chart_loader.js").read_text(encoding="utf-8"),
    # Plotly puts its style sheet into the page, where a shadow root has no part in it.
    isolate_styles=False,
)


def live_chart(
    figure: go.Figure,
    *,
    key: str,
    height: int = 480,
    alt: str,
    square: bool = False,
    on_click: Callable[[Any, Any], None] | None = None,
) -> None:
    """Draw a figure, or bring the one drawn before under this key up to date.

    Colours of background, text and grid, and the font, come from the theme.

    Args:
        figure: The figure.
        key: Identity of the chart: what is drawn under the same key keeps its zoom.
        height: Height in pixels. The width follows the page.
        alt: What the chart shows, for people who cannot see it.
        square: Whether its axes have one scale: a narrow page then makes it lower.
        on_click: Called with x and y of a point, bar or cell that is clicked; None if
            a click does nothing.
    """

    def clicked() -> None:
        point = st.session_state[key]["clicked"]
        if on_click and point:
            on_click(point.get("x"), point.get("y"))

    scripts = _served_scripts()
    if scripts is None:
        # Streamlit's own chart forgets the zoom, and is not clicked.
        st.plotly_chart(figure, key=key, height=height, alt=alt)
        return
    _component(
        key=key,
        data={
            "figure": figure.to_json(),
            "height": height,
            "alt": alt,
            **scripts,
            "square": square,
            "clickable": on_click is not None,
        },
        on_clicked_change=clicked,
    )


def _served_scripts() -> dict[str, str] | None:
    """Return the addresses of the scripts, `None` where the server has none to give."""
    if not st.get_option("server.enableStaticServing"):
        return None
    try:
        return {
            "plotly": publish(_BUNDLE, _BUNDLE_NAME, STATIC),
            "script": publish(_SCRIPT, _SCRIPT_NAME, STATIC),
        }
    except OSError:  # The checkout is read-only.
        return None


def publish(file: Path, name: str, folder: Path) -> str:
    """Put a script into a folder that Streamlit serves.

    Safe to call from several processes at once, and quick where the file is there.

    Args:
        file: The script.
        name: What to call it there. It stands for the content, so that no browser
            keeps an old one.
        folder: The folder `static/` beside the main script.

    Returns:
        Address of the script, relative to a page of the app.

    Raises:
        OSError: If the folder or the file cannot be written.
    """
    published = folder / name
    if not published.exists():
        folder.mkdir(parents=True, exist_ok=True)
        # A copy: Streamlit serves no link that leads out of the folder.
        copy = folder / f"{name}.{uuid.uuid4().hex}"
        shutil.copyfile(file, copy)
        copy.replace(published)
    return f"app/static/{name}"
