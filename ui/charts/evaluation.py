"""The figures of an evaluation and of one image's classes."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from ui.charts.style import BAR_COLOR, NO_ZOOM, TEST_COLOR, empty_figure

#: Up to this many classes the cells of a confusion matrix carry their numbers.
CLASSES_WITH_NUMBERS = 20

#: A bar of a smaller share has its label beside it.
_SHORTEST_WITH_LABEL = 0.15


def confusion_matrix(matrix: npt.ArrayLike, class_names: Sequence[str]) -> go.Figure:
    """Draw a confusion matrix.

    Args:
        matrix: Number of images by true class (rows) and predicted class (columns),
            shape (classes, classes).
        class_names: Name of each class.

    Returns:
        A figure with one square cell a pair of classes.
    """
    counts = np.asarray(matrix, np.int64)
    images = counts.sum(axis=1, keepdims=True)
    share = counts / np.maximum(images, 1)
    names = list(class_names)
    numbers = np.where(counts == 0, "", counts.astype(str))
    figure = empty_figure(margin={"l": 8, "r": 8, "t": 28, "b": 8}, **NO_ZOOM)
    figure.add_heatmap(
        x=names,
        y=names,
        # The root makes the few confusions of a good network visible.
        z=np.sqrt(share),
        zmin=0,
        zmax=1,
        showscale=False,
        xgap=1,
        ygap=1,
        text=numbers,
        texttemplate="%{text}" if len(names) <= CLASSES_WITH_NUMBERS else None,
        customdata=np.dstack([counts, share]),
        hovertemplate=(
            "%{customdata[0]:,} of the images of <b>%{y}</b> (%{customdata[1]:.1%})"
            "<br>taken for <b>%{x}</b><extra></extra>"
        ),
    )
    figure.update_xaxes(
        title_text="Predicted",
        tickangle=-45,
        showgrid=False,
        constrain="domain",
        automargin=True,
    )
    figure.update_yaxes(
        title_text="True",
        showgrid=False,
        autorange="reversed",
        scaleanchor="x",
        constrain="domain",
        constraintoward="top",
        automargin=True,
    )
    return figure


def per_class_accuracy(
    accuracies: npt.ArrayLike, class_names: Sequence[str]
) -> go.Figure:
    """Draw the accuracy of each class as a bar.

    Args:
        accuracies: Accuracy of each class between 0 and 1, shape (classes,). NaN
            stands for a class without images.
        class_names: Name of each class.

    Returns:
        A figure of horizontal bars, the classes from top to bottom.
    """
    values = np.asarray(accuracies, np.float64)
    figure = empty_figure(
        margin={"l": 8, "r": 16, "t": 28, "b": 44}, bargap=0.3, **NO_ZOOM
    )
    figure.add_bar(
        x=values,
        y=[
            f"{name} (no images)" if np.isnan(value) else name
            for name, value in zip(class_names, values, strict=True)
        ],
        orientation="h",
        marker={"color": BAR_COLOR},
        texttemplate="%{x:.1%}",
        textposition=_label_places(values),
        textangle=0,
        hovertemplate="<b>%{y}</b>: %{x:.2%}<extra></extra>",
    )
    figure.update_xaxes(title_text="Accuracy", range=[0, 1], tickformat=".0%")
    figure.update_yaxes(autorange="reversed", showgrid=False, automargin=True)
    return figure


def _label_places(shares: Iterable[float]) -> list[str]:
    """Return where each bar's label stands: in a short one it would be too small."""
    return ["outside" if share < _SHORTEST_WITH_LABEL else "auto" for share in shares]


def top_classes(top: Sequence[tuple[str, float]]) -> go.Figure:
    """Draw the most probable classes of one image.

    Args:
        top: Name and probability, the most probable first.

    Returns:
        A figure with one bar a class.
    """
    names, shares = zip(*top, strict=True)
    figure = empty_figure(margin={"l": 8, "r": 16, "t": 28, "b": 44}, **NO_ZOOM)
    figure.add_bar(
        y=list(names),
        x=list(shares),
        orientation="h",
        marker_color=BAR_COLOR,
        text=[f"{share:.1%}" for share in shares],
        textposition=_label_places(shares),
        textangle=0,
        hovertemplate="<b>%{y}</b>: %{x:.2%}<extra></extra>",
    )
    figure.update_xaxes(range=[0, 1], tickformat=".0%", title_text="Probability")
    figure.update_yaxes(autorange="reversed", showgrid=False, automargin=True)
    return figure


def reliability(calibrated: Mapping[str, Sequence[float | None]]) -> go.Figure:
    """Draw how often a network is right against how sure it is.

    Args:
        calibrated: What `wrn.evaluation.calibration.Calibration.to_dict` returned.

    Returns:
        A figure of a bar a bin; on the diagonal it is right as often as it says.
    """
    accuracies, counts = calibrated["accuracy"], calibrated["counts"]
    width = 1 / len(accuracies)
    figure = empty_figure(
        margin={"l": 8, "r": 16, "t": 28, "b": 44}, bargap=0.1, **NO_ZOOM
    )
    figure.add_bar(
        x=[(place + 0.5) * width for place in range(len(accuracies))],
        y=accuracies,
        width=0.9 * width,
        marker={"color": BAR_COLOR},
        customdata=list(zip(calibrated["confidence"], counts, strict=True)),
        hovertemplate="<b>%{y:.1%}</b> right of %{customdata[1]:,} images<br>"
        "%{customdata[0]:.1%} sure<extra></extra>",
        showlegend=False,
    )
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": TEST_COLOR, "width": 2, "dash": "dot"},
        hoverinfo="skip",
        showlegend=False,
    )
    figure.update_xaxes(title_text="Probability given", range=[0, 1], tickformat=".0%")
    figure.update_yaxes(
        title_text="Right", range=[0, 1.02], tickformat=".0%", automargin=True
    )
    return figure
