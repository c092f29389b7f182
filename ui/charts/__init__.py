"""Plotly figures from plain data; drawn by `ui.live_chart`, no Streamlit in here.

    style.py        colours, and what all figures share
    network.py      the parts of a network
    training.py     curves over the epochs, and schedules
    decimation.py   thinning out long curves
    evaluation.py   classes: matrix, accuracies, probabilities, reliability

The figures state no background, text or grid colours: `live_chart` takes those from
the theme. The colours of the curves are the same in both themes and have a contrast
of at least 3:1 against both backgrounds.
"""

from ui.charts.decimation import POINTS_PER_CURVE, decimate, straighten
from ui.charts.evaluation import (
    confusion_matrix,
    per_class_accuracy,
    reliability,
    top_classes,
)
from ui.charts.network import group_shares
from ui.charts.style import RUN_COLORS, TEST_COLOR, TRAIN_COLOR
from ui.charts.training import (
    compare_curves,
    schedule_curve,
    smoothed,
    training_curves,
)

__all__ = [
    "POINTS_PER_CURVE",
    "RUN_COLORS",
    "TEST_COLOR",
    "TRAIN_COLOR",
    "compare_curves",
    "confusion_matrix",
    "decimate",
    "group_shares",
    "per_class_accuracy",
    "reliability",
    "schedule_curve",
    "smoothed",
    "straighten",
    "top_classes",
    "training_curves",
]
