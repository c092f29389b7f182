"""Plotly figures from plain data; drawn by `ui.live_chart`, no Streamlit in here.

    style        colours, and what all figures share
    network      the parts of a network
    training     curves over the epochs, and schedules
    records      the numbers of curves, from records that may have been edited
    decimation   thinning out long curves
    evaluation   classes: matrix, accuracies, probabilities, reliability

The figures state no background, text or grid colours: `live_chart` takes those from
the theme. The colours of the curves are the same in both themes and have a contrast
of at least 3:1 against both backgrounds.
"""

from ui.charts.evaluation import (
    confusion_matrix,
    per_class_accuracy,
    reliability,
    top_classes,
)
from ui.charts.network import group_shares
from ui.charts.style import RUN_COLORS
from ui.charts.training import (
    compare_curves,
    schedule_curve,
    training_curves,
)

__all__ = [
    "RUN_COLORS",
    "compare_curves",
    "confusion_matrix",
    "group_shares",
    "per_class_accuracy",
    "reliability",
    "schedule_curve",
    "top_classes",
    "training_curves",
]
