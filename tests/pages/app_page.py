"""A page of the dashboard without a browser: opened, and what it shows."""

import base64
import json

import numpy as np
from streamlit.testing.v1 import AppTest

from tests.conftest import ROOT


def open_page(name: str) -> AppTest:
    """Open the dashboard and go to one of `pages/`, which is to be run next."""
    app = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=60).run()
    return app.switch_page(f"pages/{name}.py")


def open_run(page: AppTest, name: str) -> AppTest:
    """Follow a link to a run."""
    page.query_params["run"] = name
    return page.run()


def text_of(page: AppTest) -> str:
    """Return the words of a page, without the escapes of Markdown."""
    kinds = (page.markdown, page.caption, page.info, page.error, page.warning)
    kinds += (page.header, page.title)
    return "\n".join(e.value for kind in kinds for e in kind).replace("\\", "")


def buttons(page: AppTest) -> dict[str, object]:
    """Return the buttons of a page by their labels."""
    return {button.label: button for button in page.button}


def downloads(page: AppTest) -> list[str]:
    """Return the labels of the files that a page offers."""
    return [button.label for button in page.download_button]


def metrics(page: AppTest) -> dict[str, str]:
    """Return the figures of a page by their labels."""
    return {metric.label: metric.value for metric in page.metric}


def chart(page: AppTest, key: str) -> dict:
    """Return the Plotly figure of a live chart of an AppTest page."""
    for component in page.get("bidi_component"):
        data = json.loads(component.proto.json or "{}")
        if "figure" in data and key in component.proto.id:
            return json.loads(data["figure"])
    raise AssertionError(f"no chart {key}")


def named_curves(figure: dict) -> dict[tuple[str, str], dict]:
    """Return the curves of a figure by their name and panel."""
    return {(curve.get("name"), curve["yaxis"]): curve for curve in figure["data"]}


def values(coordinates: dict) -> np.ndarray:
    """Read the numbers of a Plotly curve."""
    return np.frombuffer(
        base64.b64decode(coordinates["bdata"]), np.dtype(coordinates["dtype"])
    )
