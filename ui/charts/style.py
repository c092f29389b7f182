"""What all figures share: colours, and an axis without a theme."""

from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

TRAIN_COLOR = "#3b82d6"
#: Of bars: white numbers on it have a contrast of 4.5 at least (WCAG AA).
BAR_COLOR = "#2563eb"
TEST_COLOR = "#e0701f"
#: One colour a run where several runs share a chart.
RUN_COLORS = (
    TRAIN_COLOR,
    TEST_COLOR,
    "#2f9e63",
    "#c2528b",
    "#8f6ad6",
    "#a8761c",
    "#1495a8",
    "#7a828f",
)

#: For charts of classes and parts, where a section of the axes is of no use.
NO_ZOOM: dict[str, Any] = {
    "hovermode": "closest",
    "dragmode": False,
    "modebar": {"remove": ["zoom2d", "pan2d", "resetScale2d"]},
}


def empty_figure(**layout: Any) -> go.Figure:
    """Make an empty figure without Plotly's own template."""
    return go.Figure(layout={"template": {}, "hovermode": "x", **layout})


def compact(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Halve what goes to the browser; float32 is finer than any screen."""
    return values.astype(np.float32)
