"""The figures of trainings: curves over the epochs."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from ui.charts.decimation import POINTS_PER_CURVE, decimate, straighten
from ui.charts.records import Curves
from ui.charts.style import RUN_COLORS, TEST_COLOR, TRAIN_COLOR, compact, empty_figure

#: Most points of a learning rate, of curves behind smoothed ones, and of smoothed ones:
#: a live chart is sent anew every second, in at most 20 kB.
RATE_POINTS, FAINT_POINTS, SMOOTH_POINTS = 70, 130, 200
#: Up to this many points a curve is drawn with markers, so that one point shows.
POINTS_WITH_MARKERS = 40

_RATE_TICKS = {"exponentformat": "power", "nticks": 4}

# The panels from top to bottom: y axis, title and share of the height.
_PANELS = (
    ("y", "Loss", (0.61, 0.97)),
    ("y2", "Accuracy", (0.20, 0.56)),
    ("y3", "Learning rate", (0.0, 0.15)),
)


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
        loss, accuracy = (len(curves[prefix + q][0]) for q in ("loss", "accuracy"))
        # A loss that was never a number has no curve to stand in the legend for both.
        listed = "accuracy" if accuracy and not loss else "loss"
        for axis, quantity in (("y", "loss"), ("y2", "accuracy")):
            figure.add_trace(
                _curve(
                    curves,
                    prefix + quantity,
                    axis,
                    f"{name} {quantity}",
                    name=name,
                    legendgroup=name,
                    showlegend=quantity == listed,
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
            line={"color": RUN_COLORS[-1], "width": 2},
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


#: What stands for a run in the legend: the first of these that was ever a number.
_LISTED = ("test_loss", "test_accuracy", "loss", "accuracy", "learning_rate")


def compare_curves(runs: Mapping[str, Curves], held_out: str) -> go.Figure:
    """Draw the curves of several runs over each other, one colour a run.

    Args:
        runs: The curves of each run by its name, as `training_curves` takes them.
        held_out: What the measured images are: "test", "validation" or, where runs
            differ, "held-out".

    Returns:
        A figure of three panels over one x axis. Curves of the training images are
        dotted.
    """
    figure = _panels(f"{held_out} solid, train dotted")
    # Below all: names of runs are long, and above them are the tools. The margin grows.
    below = {"x": 0, "xanchor": "left", "y": -0.12, "yanchor": "top"}
    figure.update_layout(legend=below)
    for (run, curves), color in zip(
        runs.items(), itertools.cycle(RUN_COLORS), strict=False
    ):
        solid: dict[str, Any] = {"color": color, "width": 2}
        dotted: dict[str, Any] = {"color": color, "width": 1.5, "dash": "dot"}
        listed = next((each for each in _LISTED if len(curves[each][0])), _LISTED[0])
        for quantity, axis, label, line in (
            ("test_loss", "y", f"{held_out} loss", solid),
            ("loss", "y", "train loss", dotted),
            ("test_accuracy", "y2", f"{held_out} accuracy", solid),
            ("accuracy", "y2", "train accuracy", dotted),
            ("learning_rate", "y3", "learning rate", solid),
        ):
            figure.add_trace(
                _curve(
                    curves,
                    quantity,
                    axis,
                    f"{run} {label}",
                    name=run if len(run) <= 40 else f"{run[:39]}…",
                    legendgroup=run,
                    showlegend=quantity == listed,
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
        A figure of one curve: straight lines from value to value, as of a run's rate.
    """
    count = len(learning_rates)
    length = float(count if epochs is None else epochs)
    # The last value lasts to the end of the schedule.
    x = np.linspace(0.0, length, count + 1)
    y = np.append(np.asarray(learning_rates, np.float64), learning_rates[-1:])
    x, y = straighten(x[: len(y)], y)
    figure = empty_figure(margin={"l": 60, "r": 16, "t": 28, "b": 44})
    figure.add_scatter(
        x=compact(x),
        y=compact(y),
        mode="lines",
        line={"color": TRAIN_COLOR, "width": 2},
        hovertemplate="Epoch %{x:.4~g}: %{y:.4~g}<extra></extra>",
    )
    figure.update_xaxes(title_text="Epoch", range=[0, length] if count else None)
    figure.update_yaxes(
        title_text="Learning rate",
        rangemode="tozero",
        # Of tiny rates the ticks are wide.
        automargin="left",
        **_RATE_TICKS,
    )
    return figure


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
    few = len(x) <= POINTS_WITH_MARKERS
    # Of a rate's ramps decimation would make other ones, of its steps too.
    thin_out = straighten if quantity == "learning_rate" else decimate
    x, y = thin_out(x, smoothed(y, smoothing) if smoothing else y, limit)
    number = "%{y:.2%}" if axis == "y2" else "%{y:.4~g}"
    return go.Scatter(
        x=compact(x),
        y=compact(y),
        yaxis=axis,
        mode="lines+markers" if few else "lines",
        marker={"size": 5},
        hovertemplate=f"{label}: {number}<extra></extra>",
        **style,
    )


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
    return empty_figure(
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
