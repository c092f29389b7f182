"""How one run stands: state, progress, figures, curves, failure.

Run folders may have been edited by hand: every figure is checked before it is shown.
"""

import time
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Literal

import streamlit as st

from ui.charts import training_curves
from ui.charts.records import curves
from ui.live_chart import live_chart
from ui.state import LOG, LOG_LOSS, SMOOTHING
from ui.text import literal, percent, with_labels
from wrn.config import DataConfig, RunConfig
from wrn.runs import LIVE_STATES, Run, Status, figure
from wrn.text import duration, rounded

CURVES_HEIGHT = 560

#: Lines of a run's log that are shown.
LOG_LINES = 100

Color = Literal["gray", "blue", "orange", "green", "red"]
STATE_COLORS: dict[str, Color] = {
    "queued": "gray",
    "starting": "blue",
    "running": "blue",
    "pausing": "orange",
    "paused": "orange",
    "stopping": "orange",
    "stopped": "gray",
    "interrupted": "orange",
    "finished": "green",
    "failed": "red",
    "damaged": "red",
}

#: What is said about results on pictures that the program drew.
SYNTHETIC_NOTE = "Synthetic images: these figures say nothing about real ones."


def header(name: str, title: str, state: str, config: RunConfig) -> None:
    """Show the name of a run with its title and state."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.header(literal(name), anchor=False, width="content")
        st.badge(state, color=STATE_COLORS[state])
        if is_synthetic(config.data):
            st.badge("synthetic images", color="orange", help=SYNTHETIC_NOTE)
    about = f"{config.model.name} on {literal(data_name(config.data))}"
    st.caption(f"{literal(title)} · {about}" if title else about)


def progress_bar(status: Status) -> None:
    """Show how far a live run is."""
    epoch, epochs, step, steps = (
        figure(status.progress, name) for name in ("epoch", "epochs", "step", "steps")
    )
    if not (epoch and epochs and steps):
        st.progress(0.0, "Preparing: TensorFlow, images and network are loaded…")
        return
    done = (epoch - 1 + (step or 0) / steps) / epochs
    text = [f"Epoch {epoch:,.0f} of {epochs:,.0f}"]
    if _phase(status) == "testing":
        text.append("measuring the images held out")
    else:
        text.append(f"batch {step or 0:,.0f} of {steps:,.0f}")
    left = figure(status.progress, "seconds_left")
    if left is not None:
        text.append(f"{duration(left)} left")
    st.progress(min(max(done, 0.0), 1.0), " · ".join(text))


def figures(status: Status, config: RunConfig, records: list[dict[str, Any]]) -> None:
    """Show the figures of a run in a row."""
    held_out = config.data.held_out_name.capitalize()
    epochs = [record for record in records if record.get("kind") == "epoch"]
    last = epochs[-1] if epochs else {}
    best = [figure(record, "test_accuracy") for record in epochs]
    speed = figure(status.progress, "images_per_second")
    shown = {
        f"{held_out} accuracy": percent(figure(last, "test_accuracy")),
        "Best": percent(max((b for b in best if b is not None), default=None)),
        "Train accuracy": percent(_latest(status, "accuracy", last, "train_accuracy")),
        "Train loss": _loss(_latest(status, "loss", last, "train_loss")),
        "Images/s": "–" if speed is None else f"{speed:,.0f}",
        "Time": duration(status.seconds),
    }
    with st.grid(len(shown), min_column_width=130, key="figures"):
        for label, value in shown.items():
            st.metric(label, value, border=True)
    notes = [literal(status.device[:300])]
    notes += [SYNTHETIC_NOTE] if is_synthetic(config.data) else []
    if any(notes):
        st.caption("  \n".join(filter(None, notes)))


def failure(status: Status) -> None:
    """Say why a run failed."""
    if status.state != "failed":
        return
    cause = literal(with_labels(status.error[:2000])) or "The cause is not known."
    advice = literal(with_labels(status.advice[:2000]))
    st.error(cause + (f"  \n**What to try:** {advice}" if advice else ""))
    if status.traceback:
        with st.expander("Traceback"):
            st.code(status.traceback[-20_000:], language=None)


def log(run: Run) -> None:
    """Show the end of the run's log."""
    # Its lines are sent with each update, so only where they are looked at.
    shown = st.expander("Log", key=f"{LOG}_{run.name}", on_change="rerun")
    if shown.open:
        text = run.log_tail(LOG_LINES) or "Nothing yet."
        shown.code(text, language=None, height=260)


def run_curves(run: Run, config: RunConfig, status: Status, records: list[Any]) -> None:
    """Draw the curves of a run. They keep the reader's zoom while points come."""
    drawn = curves(records, figure(status.progress, "steps"))
    if not any(len(places) for places, _ in drawn.values()):
        st.caption(
            "The curves begin with the first steps."
            if status.state in LIVE_STATES
            else "There are no curves: metrics.jsonl has no readable records."
            if epochs_done(status)
            else "There are no curves: it ended before its first steps."
        )
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="large"):
        smoothing = st.slider(
            "Smoothing",
            0.0,
            0.99,
            step=0.01,
            format="%g",
            help="Exponential moving average over all that was measured, without bias "
            "at the beginning: the weight of the past.",
            width=260,
            key=SMOOTHING,
            persist_state="session",
        )
        log_loss = st.toggle("Logarithmic loss", key=LOG_LOSS, persist_state="session")
    live_chart(
        training_curves(
            drawn,
            config.data.held_out_name.capitalize(),
            smoothing=smoothing,
            log_loss=log_loss,
        ),
        key=f"curves_{run.name}",
        height=CURVES_HEIGHT,
        alt=f"Loss, accuracy and learning rate of {run.name} by epoch",
    )


def accuracies(run: Run) -> list[float]:
    """Return the accuracy on the held-out images by epoch."""
    measured = (figure(record, "test_accuracy") for record in run.metrics("epoch"))
    return [accuracy for accuracy in measured if accuracy is not None]


def epochs_done(status: Status) -> int:
    """Return how many epochs of a run are done."""
    epoch, epochs = (figure(status.progress, name) for name in ("epoch", "epochs"))
    done = epochs if status.state == "finished" else epoch and epoch - 1
    return int(max(done or 0, 0))


def data_name(data: DataConfig) -> str:
    """Name the images of a run in a few words."""
    names = {"cifar10": "CIFAR-10", "synthetic": "synthetic images"}
    name = names.get(data.source, PurePath(data.source).name[:60] or "images")
    return f"{name}, {data.limit:,} images" if data.limit else name


def is_synthetic(data: DataConfig) -> bool:
    """Whether the program draws the images itself."""
    return data.source == "synthetic"


def moment(seconds: float) -> str:
    """Write a time since 1970 as local date and time."""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return "–"


def _phase(status: Status) -> Any:
    progress = status.progress
    return progress.get("phase") if isinstance(progress, Mapping) else None


def _latest(status: Status, name: str, last: Mapping[str, Any], key: str) -> Any:
    """Return the figure of the epoch under way, else that of the last one."""
    now = figure(status.progress, name)
    return figure(last, key) if now is None else now


def _loss(value: float | None) -> str:
    return "–" if value is None else rounded(value, 3)
