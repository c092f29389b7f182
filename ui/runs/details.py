"""What a run left: downloads, settings, files."""

import csv
import io
import shlex
from pathlib import Path

import streamlit as st

from ui import state
from ui.address import open_page
from ui.runs.view import moment
from ui.text import literal, percent, refusal
from wrn.config import RunConfig
from wrn.data import is_at_hand
from wrn.errors import RunError
from wrn.runs import Run, figure

#: Columns of the CSV file, the fields of a run's metrics.
COLUMNS = (
    "kind",
    "epoch",
    "step",
    "train_loss",
    "train_accuracy",
    "test_loss",
    "test_accuracy",
    "learning_rate",
)


def evaluate_button(run: Run, config: RunConfig) -> None:
    """Offer to measure the last weights, which nobody chose by their accuracy.

    Args:
        run: The run.
        config: Its settings, of which the page has read the file already.
    """
    if st.button(
        "Evaluate",
        disabled=not run.last_weights.is_file(),
        help="Opens the Evaluate page with the last weights of this run.",
        key="evaluate_run",
    ):
        # On images that it knows nothing of its accuracy would say nothing.
        if is_at_hand(config.data.source):
            st.session_state[state.EVALUATE_SOURCE] = config.data.source
        open_page("pages/evaluate.py", {state.WEIGHTS: f"{run.name}/last"})


def downloads(run: Run) -> None:
    """Offer weights and curves as files."""
    texts = {
        run.best_weights: ("Best weights", "Those with the highest accuracy."),
        run.last_weights: (
            "Last weights",
            "Those it had when it ended or stopped, with what a resume needs.",
        ),
    }
    for path, (label, help) in texts.items():
        if path in run.weights:
            st.download_button(
                label,
                path.read_bytes,
                f"{run.name}-{path.name}",
                "application/x-hdf5",
                help=help,
                on_click="ignore",
            )
    st.download_button(
        "Metrics (CSV)",
        lambda: metrics_csv(run),
        f"{run.name}.csv",
        "text/csv",
        help="Loss, accuracy and learning rate of the curves.",
        on_click="ignore",
    )


def metrics_csv(run: Run) -> str:
    """Write the metrics of a run as CSV, one record a row."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(run.metrics())
    return text.getvalue()


def last_evaluation(run: Run) -> None:
    """Tell what the last evaluation of all images that were asked for found."""
    try:
        found = run.evaluation()
    except RunError as error:
        st.warning(refusal(error))
        return
    accuracy, images = figure(found, "accuracy"), figure(found, "images")
    if not found or accuracy is None or images is None:
        return
    epochs = figure(found, "epochs")
    after = "" if epochs is None else f" after epoch {epochs:,.0f}"
    flip = ", with test-time flip" if found.get("flip") is True else ""
    st.caption(
        f"Last evaluation: {literal(str(found.get('weights'))[:120])}{after}, "
        f"{percent(accuracy)} on {images:,.0f} images "
        f"({literal(str(found.get('data'))[:120])}){flip}."
    )


def settings(config: RunConfig) -> None:
    """Show every setting."""
    with st.expander("Settings"):
        st.json(config.to_dict())


def files(run: Run) -> None:
    """List the files of a run."""
    with st.expander("Files"):
        st.code(str(run.path.resolve()), language=None)
        try:
            found = [
                (str(path.relative_to(run.path)), path.stat())
                for path in kept_files(run)
            ]
        except OSError as error:
            st.error(literal(f"The folder cannot be read: {error}"))
            return
        st.dataframe(
            {
                "File": [name for name, _ in found],
                "Size": [status.st_size for _, status in found],
                "Changed": [moment(status.st_mtime) for _, status in found],
            },
            column_config={"Size": st.column_config.NumberColumn(format="bytes")},
            hide_index=True,
        )


def tensorboard(run: Run) -> None:
    """Tell the command that shows the run in TensorBoard, if it has its files."""
    if any(run.path.glob("events.out.tfevents.*")):
        with st.expander("Open in TensorBoard"):
            st.code(
                f"tensorboard --logdir {shlex.quote(str(run.path.resolve()))}",
                language="bash",
            )
            st.caption("TensorBoard is a program of its own: `pip install tensorboard`")


def kept_files(run: Run) -> list[Path]:
    """List the files of a run, its teachers' included.

    Raises:
        OSError: If the folder cannot be read.
    """
    folders = [run.path, *(f for f in [run.teachers_folder] if f.is_dir())]
    return sorted(
        path
        for folder in folders
        for path in folder.iterdir()  # Raises where `glob` finds nothing.
        if path.is_file() and not path.name.startswith(".")
    )
