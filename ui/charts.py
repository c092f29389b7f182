"""Plotly figures from plain data; drawn by `ui.live_chart`, no Streamlit in here.

The figures state no background, text or grid colours: `live_chart` takes those from
the theme. The colours of the curves are the same in both themes and have a contrast
of at least 3:1 against both backgrounds.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from ui.records import Curves

TRAIN_COLOR = "#3b82d6"
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

#: Most points that a curve is drawn with.
POINTS_PER_CURVE = 400
#: The same of a learning rate, of curves behind smoothed ones, and of smoothed ones: a
#: live chart is sent anew every second, in at most 20 kB.
RATE_POINTS, FAINT_POINTS, SMOOTH_POINTS = 100, 130, 200
#: Up to this many points a curve is drawn with markers, so that one point shows.
POINTS_WITH_MARKERS = 40
#: Up to this many classes the cells of a confusion matrix carry their numbers.
CLASSES_WITH_NUMBERS = 20

_RATE_TICKS = {"exponentformat": "power", "nticks": 4}

# For charts of classes, where a part of the axes is of no use.
_NO_ZOOM: dict[str, Any] = {
    "hovermode": "closest",
    "dragmode": False,
    "modebar": {"remove": ["zoom2d", "pan2d", "resetScale2d"]},
}

#: Stem, the three groups, head.
_PART_COLORS = (RUN_COLORS[7], TRAIN_COLOR, RUN_COLORS[2], RUN_COLORS[4], TEST_COLOR)

# The panels from top to bottom: y axis, title and share of the height.
_PANELS = (
    ("y", "Loss", (0.61, 0.97)),
    ("y2", "Accuracy", (0.20, 0.56)),
    ("y3", "Learning rate", (0.0, 0.15)),
)


def group_shares(groups: Mapping[str, tuple[float, float]]) -> go.Figure:
    """Draw how the parts of a network share its parameters and multiply-adds.

    Args:
        groups: Shares, 0 to 1, of parameters and of multiply-adds by the part's name,
            in the order of computation.

    Returns:
        A figure of two bars, each in one piece a part.
    """
    rows = ["Multiply-adds", "Parameters"]
    figure = _figure(
        barmode="stack",
        bargap=0.35,
        margin={"l": 8, "r": 16, "t": 30, "b": 25},
        legend={
            "orientation": "h",
            "y": 1.02,
            "yanchor": "bottom",
            "x": 0,
            # Stacked bars have it the other way round.
            "traceorder": "normal",
        },
        **_NO_ZOOM,
    )
    figure.add_traces(
        [
            go.Bar(
                x=[adds, parameters],
                y=rows,
                name=name,
                orientation="h",
                marker={"color": color, "line": {"width": 0}},
                hovertemplate="%{y}: %{x:.1%}<extra>" + name + "</extra>",
                uid=name,
            )
            for (name, (parameters, adds)), color in zip(
                groups.items(), _PART_COLORS, strict=True
            )
        ]
    )
    figure.update_xaxes(range=[0, 1], tickformat=".0%")
    figure.update_yaxes(showgrid=False, automargin=True)
    return figure


def training_curves(
    curves: Curves,
    held_out: str = "Test",
    *,
    smoothing: float = 0.0,
    log_loss: bool = False,
) -> go.Figure:
    """Draw loss, accuracy and learning rate of one run over its epochs.

    Args:
        curves: What was measured: `loss` and `accuracy` (of the training images),
            `test_loss` and `test_accuracy` (of the images held out) and
            `learning_rate`. Accuracies lie between 0 and 1.
        held_out: What the images held out are called: "Test" or "Validation".
        smoothing: Weight of the past in `smoothed`, 0 to below 1. Above 0 the curves
            as measured stay behind the smoothed ones, faint.
        log_loss: Whether the axis of the loss is logarithmic.

    Returns:
        A figure of three panels over one x axis.
    """
    figure = _panels()
    if log_loss:
        figure.update_layout(yaxis={"type": "log", "rangemode": "normal"})
    for name, prefix, line in (
        ("Train", "", {"color": TRAIN_COLOR, "width": 1.5}),
        (held_out, "test_", {"color": TEST_COLOR, "width": 2}),
    ):
        for axis, quantity in (("y", "loss"), ("y2", "accuracy")):
            figure.add_trace(
                _curve(
                    curves,
                    prefix + quantity,
                    axis,
                    f"{name} {quantity}",
                    name=name,
                    legendgroup=name,
                    showlegend=axis == "y",
                    line=line,
                    uid=prefix + quantity,
                    limit=FAINT_POINTS if smoothing else POINTS_PER_CURVE,
                )
            )
    figure.add_trace(
        _curve(
            curves,
            "learning_rate",
            "y3",
            "Learning rate",
            showlegend=False,
            line={"color": RUN_COLORS[-1], "width": 2, "shape": "hv"},
            uid="learning_rate",
            limit=RATE_POINTS,
        )
    )
    if smoothing:
        _smooth(figure, curves, smoothing)
    return figure


def _smooth(figure: go.Figure, curves: Curves, weight: float) -> None:
    """Draw smoothed curves over those of loss and accuracy, which become faint."""
    for curve in figure.data[:4]:
        drawn = _curve(
            curves,
            curve.uid,
            curve.yaxis,
            f"{curve.name}, smoothed",
            smoothing=weight,
            name=curve.name,
            legendgroup=curve.legendgroup,
            showlegend=curve.showlegend,
            line={**curve.line.to_plotly_json(), "width": 2},
            uid=f"smoothed {curve.uid}",
            limit=SMOOTH_POINTS,
        )
        curve.update(opacity=0.3, showlegend=False)
        figure.add_trace(drawn)


def smoothed(y: npt.ArrayLike, weight: float) -> npt.NDArray[np.float64]:
    """Smooth a curve by an exponential moving average without bias at its beginning.

    Args:
        y: Finite values, shape (n,).
        weight: What the average keeps of itself at each value, 0 to below 1.

    Returns:
        float64 (n,): the average so far, divided by the weights' sum so far, so that a
        constant stays one.
    """
    values = np.asarray(y, np.float64)
    averages = np.empty_like(values)
    average = total = 0.0
    for place, value in enumerate(values):
        average = weight * average + (1.0 - weight) * value
        total = weight * total + 1.0 - weight
        averages[place] = average / total
    return averages


def compare_curves(runs: Mapping[str, Curves], held_out: str = "Test") -> go.Figure:
    """Draw the curves of several runs over each other, one colour a run.

    Args:
        runs: The curves of each run by its name, as `training_curves` takes them.
        held_out: What the images held out are called: "Test" or "Validation".

    Returns:
        A figure of three panels over one x axis. Curves of the training images are
        dotted.
    """
    figure = _panels(f"{held_out.lower()} solid, train dotted")
    for (run, curves), color in zip(
        runs.items(), itertools.cycle(RUN_COLORS), strict=False
    ):
        solid: dict[str, Any] = {"color": color, "width": 2}
        dotted: dict[str, Any] = {"color": color, "width": 1.5, "dash": "dot"}
        for quantity, axis, label, line in (
            ("test_loss", "y", f"{held_out.lower()} loss", solid),
            ("loss", "y", "train loss", dotted),
            ("test_accuracy", "y2", f"{held_out.lower()} accuracy", solid),
            ("accuracy", "y2", "train accuracy", dotted),
            ("learning_rate", "y3", "learning rate", {**solid, "shape": "hv"}),
        ):
            figure.add_trace(
                _curve(
                    curves,
                    quantity,
                    axis,
                    f"{run} {label}",
                    name=run,
                    legendgroup=run,
                    showlegend=quantity == "test_loss",
                    line=line,
                    uid=f"{run}/{quantity}",
                )
            )
    return figure


def schedule_curve(
    learning_rates: Sequence[float], epochs: float | None = None
) -> go.Figure:
    """Draw a learning rate schedule.

    Args:
        learning_rates: Learning rates at equal distances in time.
        epochs: Length of the schedule in epochs. Defaults to one value an epoch.

    Returns:
        A figure of one curve, each value held until the next.
    """
    count = len(learning_rates)
    length = float(count if epochs is None else epochs)
    # The last value is held to the end of the schedule.
    x = np.linspace(0.0, length, count + 1)
    y = np.append(np.asarray(learning_rates, np.float64), learning_rates[-1:])
    x, y = decimate(x[: len(y)], y)
    figure = _figure(margin={"l": 60, "r": 16, "t": 28, "b": 44})
    figure.add_scatter(
        x=_compact(x),
        y=_compact(y),
        mode="lines",
        line={"color": TRAIN_COLOR, "width": 2, "shape": "hv"},
        hovertemplate="Epoch %{x:.4~g}: %{y:.4~g}<extra></extra>",
    )
    figure.update_xaxes(title_text="Epoch", range=[0, length] if count else None)
    figure.update_yaxes(title_text="Learning rate", rangemode="tozero", **_RATE_TICKS)
    return figure


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
    figure = _figure(margin={"l": 8, "r": 8, "t": 28, "b": 8}, **_NO_ZOOM)
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
    figure = _figure(margin={"l": 8, "r": 16, "t": 28, "b": 44}, bargap=0.3, **_NO_ZOOM)
    figure.add_bar(
        x=values,
        y=[
            f"{name} (no images)" if np.isnan(value) else name
            for name, value in zip(class_names, values, strict=True)
        ],
        orientation="h",
        marker={"color": TRAIN_COLOR},
        texttemplate="%{x:.1%}",
        # A bar of no length has no inside to write in.
        textposition=["outside" if value == 0 else "auto" for value in values],
        textangle=0,
        hovertemplate="<b>%{y}</b>: %{x:.2%}<extra></extra>",
    )
    figure.update_xaxes(title_text="Accuracy", range=[0, 1], tickformat=".0%")
    figure.update_yaxes(autorange="reversed", showgrid=False, automargin=True)
    return figure


def top_classes(top: Sequence[tuple[str, float]]) -> go.Figure:
    """Draw the most probable classes of one image.

    Args:
        top: Name and probability, the most probable first.

    Returns:
        A figure with one bar a class.
    """
    names, shares = zip(*top, strict=True)
    figure = _figure(margin={"l": 8, "r": 16, "t": 8, "b": 44}, **_NO_ZOOM)
    figure.add_bar(
        y=list(names),
        x=list(shares),
        orientation="h",
        marker_color=TRAIN_COLOR,
        text=[f"{share:.1%}" for share in shares],
        textposition="auto",
        textangle=0,
        hovertemplate="<b>%{y}</b>: %{x:.2%}<extra></extra>",
    )
    figure.update_xaxes(range=[0, 1], tickformat=".0%", title_text="Probability")
    figure.update_yaxes(autorange="reversed", showgrid=False, automargin=True)
    return figure


def reliability(calibrated: Mapping[str, Sequence[float | None]]) -> go.Figure:
    """Draw how often a network is right against how sure it is.

    Args:
        calibrated: What `wrn.calibration.Calibration.to_dict` returned.

    Returns:
        A figure of a bar a bin; on the diagonal it is right as often as it says.
    """
    accuracies, counts = calibrated["accuracy"], calibrated["counts"]
    width = 1 / len(accuracies)
    figure = _figure(margin={"l": 8, "r": 16, "t": 8, "b": 44}, bargap=0.1, **_NO_ZOOM)
    figure.add_bar(
        x=[(place + 0.5) * width for place in range(len(accuracies))],
        y=accuracies,
        width=0.9 * width,
        marker={"color": TRAIN_COLOR},
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


def decimate(
    x: npt.ArrayLike, y: npt.ArrayLike, limit: int = POINTS_PER_CURVE
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Thin out a curve without losing its shape.

    Of each bucket of neighbouring points the lowest and the highest stay, and so do
    the first and the last point of the curve. The width of the buckets is a power of
    two: while a curve grows, the points already drawn mostly stay where they are.

    Args:
        x: Positions, shape (n,).
        y: Finite values, shape (n,).
        limit: Most points to keep. At least 4.

    Returns:
        Positions and values of the points kept, in their order.
    """
    x = np.asarray(x, np.float64)
    y = np.asarray(y, np.float64)
    if len(y) <= limit:
        return x, y
    width = 2
    while 2 * -(-len(y) // width) + 2 > limit:
        width *= 2
    starts = range(0, len(y), width)
    lowest = [start + int(np.argmin(y[start : start + width])) for start in starts]
    highest = [start + int(np.argmax(y[start : start + width])) for start in starts]
    kept = np.unique([0, *lowest, *highest, len(y) - 1])
    return x[kept], y[kept]


def _curve(
    curves: Curves,
    quantity: str,
    axis: str,
    label: str,
    *,
    smoothing: float = 0.0,
    limit: int = POINTS_PER_CURVE,
    **style: Any,
) -> go.Scatter:
    """Draw one quantity on a panel, smoothed before it is thinned out."""
    x, y = curves[quantity]
    x, y = decimate(x, smoothed(y, smoothing) if smoothing else y, limit)
    number = "%{y:.2%}" if axis == "y2" else "%{y:.4~g}"
    return go.Scatter(
        x=_compact(x),
        y=_compact(y),
        yaxis=axis,
        mode="lines+markers" if len(x) <= POINTS_WITH_MARKERS else "lines",
        marker={"size": 5},
        hovertemplate=f"{label}: {number}<extra></extra>",
        **style,
    )


def _compact(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Halve what goes to the browser; float32 is finer than any screen."""
    return values.astype(np.float32)


def _panels(subtitle: str = "") -> go.Figure:
    """Make an empty figure of the three panels over one x axis.

    One axis for all: the panels zoom together, and hovering shows all their values.
    """
    own: dict[str, dict[str, Any]] = {
        "y": {},
        # Without a fixed precision a zoomed axis shows 94.2%, not 94% three times.
        "y2": {"tickformat": "~%", "minallowed": 0, "maxallowed": 1},
        "y3": _RATE_TICKS,
    }
    # All at once: Plotly takes its time for each change of a figure.
    return _figure(
        margin={"l": 60, "r": 16, "t": 48, "b": 44},
        hovermode="x unified",
        hoversubplots="axis",
        legend={
            "orientation": "h",
            "x": 1,
            "xanchor": "right",
            "y": 0.97,
            "yanchor": "bottom",
        },
        xaxis={
            "title": {"text": "Epoch"},
            "anchor": "y3",
            "rangemode": "tozero",
            "unifiedhovertitle": {"text": "Epoch %{x:.2f}"},
        },
        annotations=[
            {
                "text": f"{title} ({subtitle})" if subtitle and axis != "y3" else title,
                "x": 0,
                "xref": "paper",
                "xanchor": "left",
                "y": domain[1],
                "yref": "paper",
                "yanchor": "bottom",
                "showarrow": False,
            }
            for axis, title, domain in _PANELS
        ],
        **{
            axis.replace("y", "yaxis"): {
                "anchor": "x",
                "domain": domain,
                "rangemode": "tozero",
                **own[axis],
            }
            for axis, _, domain in _PANELS
        },
    )


def _figure(**layout: Any) -> go.Figure:
    """Make an empty figure without Plotly's own template."""
    return go.Figure(layout={"template": {}, "hovermode": "x", **layout})
