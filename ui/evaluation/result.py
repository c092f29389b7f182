"""The result of an evaluation: figures, charts and a gallery of images."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from ui import charts
from ui.evaluation.diagnosis import show_diagnosis
from ui.evaluation.gallery import choose_cell, gallery
from ui.live_chart import live_chart
from ui.text import literal
from wrn.data import Images
from wrn.text import counted, rounded

if TYPE_CHECKING:
    from wrn.evaluation import Evaluation
    from wrn.evaluation.diagnosis import Diagnosis

#: How many confusions are told to those who cannot see the matrix.
MOST_CONFUSIONS = 5


@dataclass(frozen=True)
class Evaluated:
    """A result with what is needed to show it.

    Attributes:
        report: What `wrn.evaluation.report` returned.
        evaluation: The probabilities behind it.
        images: The images, in the same order.
        seconds: How long it took.
        identity: Stands for the content of the weight file.
        diagnosis: What was found out about it.
        card_accuracy: What its card says, a fraction of 1.
    """

    report: dict[str, Any]
    evaluation: "Evaluation"
    images: Images
    seconds: float
    identity: str
    diagnosis: "Diagnosis | None" = None
    card_accuracy: float | None = None


def found_out(result: Evaluated | None, identity: str) -> "Diagnosis | None":
    """Return what an evaluation found out about a file.

    Args:
        result: The last evaluation, if there is one.
        identity: Stands for the content of the file.

    Returns:
        `None` if it was of another file, or of random weights.
    """
    known = result.diagnosis if result and result.identity == identity else None
    return None if known and known.random else known


def show(
    result: Evaluated, said: Sequence[str] = (), chosen: str | None = None
) -> None:
    """Show a result.

    Args:
        result: The result.
        said: Notes that stand on the page already.
        chosen: Identity of the weights that are chosen now, if any are.
    """
    report = result.report
    st.header(f"{report['name']} on {literal(report['data'])}")
    current = chosen in (None, result.identity)
    if not current:
        st.info(
            f"This result is of {literal(report['weights'])}. Press **Evaluate** for "
            "the weights that are chosen now."
        )
    st.caption(
        f"{literal(report['weights'])}, {report['images']:,} test images in "
        f"{result.seconds:.1f} s, computed in {report['precision']}"
        + (", each averaged with its mirror image." if report["flip"] else ".")
    )
    if report["images"] < report["asked"]:
        again = " Press **Evaluate** for all of them." if current else ""
        st.info(
            f"Stopped after {report['images']:,} of {report['asked']:,} images.{again}"
        )
    if report["synthetic"]:
        st.warning(
            "Synthetic images: this accuracy says nothing about photographs and is "
            "not to be compared with figures for CIFAR-10."
        )
    _metrics(result)
    diagnosis = report.get("diagnosis")
    warned = diagnosis["sentence"] if diagnosis and diagnosis["random"] else ""
    for note in report["notes"]:
        if note not in (*said, warned):
            st.caption(literal(note))
    if diagnosis:
        show_diagnosis(diagnosis)
    _charts(report)
    _downloads(result)
    gallery(result.evaluation, result.report["class_names"], result.images.images)


def _metrics(result: Evaluated) -> None:
    report = result.report
    low, high = report["interval"]
    shown = {
        "Accuracy" + " (synthetic)" * report["synthetic"]: (
            f"{report['accuracy']:.2%}",
            "Share of the images whose most probable class is the true one.",
        ),
        "95% interval": (
            f"{100 * low:.1f}–{high:.1%}",
            "Wilson interval: where the accuracy on endless images of this kind "
            "would be. More images make it narrower.",
        ),
        "Loss": (
            rounded(report["loss"], 4),
            "Mean cross-entropy in nats. Guessing among ten classes has 2.3026.",
        ),
        "Calibration error": (
            f"{report['calibration']['error']:.2%}",
            "Expected calibration error: by how much the probability of the predicted "
            "class and the share of right answers differ, on average.",
        ),
        "Images": (
            f"{report['images']:,}",
            f"Test images classified, from the first on: "
            f"{report['images'] / max(result.seconds, 1e-3):,.0f} a second.",
        ),
    }
    if result.card_accuracy is not None:
        shown["On its card"] = (
            f"{result.card_accuracy:.2%}",
            "What the card beside the stored weights says, of all test images"
            + (" with test-time flip." if report["flip"] else "."),
        )
    if report["published"]:
        best, *_ = report["published"]
        shown["Published"] = (
            f"{1 - best['test_error']:.2%}",
            f"Accuracy on the lossless images, {best['preprocessing']}: "
            f"{best['source']}.",
        )
    with st.grid(len(shown), min_column_width=140, key="result_metrics"):
        for label, (value, help) in shown.items():
            st.metric(label, value, help=help, border=True)


def _charts(report: dict[str, Any]) -> None:
    names = report["class_names"]
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Accuracy by class**")
        accuracies = np.array(report["per_class_accuracy"], np.float64)
        live_chart(
            charts.per_class_accuracy(accuracies, names),
            key="per_class",
            height=400,
            alt="Accuracy of each class: "
            + ", ".join(
                f"{name} {'no images' if np.isnan(value) else f'{value:.0%}'}"
                for name, value in zip(names, accuracies, strict=True)
            ),
        )
        st.markdown("**Calibration**")
        calibrated = report["calibration"]
        live_chart(
            charts.reliability(calibrated),
            key="reliability",
            height=250,
            alt="How often the network is right by how sure it is: "
            + ", ".join(
                f"{confidence:.0%} sure, {right:.0%} right of {counted(count, 'image')}"
                for confidence, right, count in zip(
                    calibrated["confidence"],
                    calibrated["accuracy"],
                    calibrated["counts"],
                    strict=True,
                )
                if confidence is not None
            ),
        )
    with right:
        st.markdown(
            "**Confusion matrix** :gray[· a click on a cell shows its images below]"
        )
        live_chart(
            charts.confusion_matrix(report["confusion"], names),
            key="confusion",
            height=690,
            alt=confusions(report["confusion"], names),
            square=True,
            on_click=choose_cell,
        )


def confusions(matrix: Sequence[Sequence[int]], names: Sequence[str]) -> str:
    """Tell, where the confusion matrix cannot be seen, what is confused most often.

    Args:
        matrix: Number of images by true class (rows) and predicted class (columns).
        names: Name of each class.
    """
    mistakes = np.array(matrix)
    np.fill_diagonal(mistakes, 0)
    most = np.argsort(-mistakes, axis=None, kind="stable")[:MOST_CONFUSIONS]
    pairs = [divmod(place, len(names)) for place in most.tolist()]
    told = [
        f"{names[true]} taken for {names[predicted]} {mistakes[true, predicted]:,}"
        for true, predicted in pairs
        if mistakes[true, predicted]
    ]
    return "Number of images by true and predicted class. Most often confused: " + (
        ", ".join(told) or "none"
    )


def _downloads(result: Evaluated) -> None:
    """Offer the report and the predictions as files."""
    report = result.report
    name = f"{report['name']}-evaluation"
    with st.container(horizontal=True, key="result_downloads"):
        st.download_button(
            "Report as JSON",
            lambda: json.dumps(report, indent=1),
            f"{name}.json",
            "application/json",
            on_click="ignore",
            help="Every figure on this page, and what it depends on.",
        )
        st.download_button(
            "Report as a page",
            lambda: _page(result),
            f"{name}.html",
            "text/html",
            on_click="ignore",
            help="One HTML file with figures, tables and mistakes, to send or print.",
        )
        st.download_button(
            "Predictions as CSV",
            lambda: result.evaluation.to_csv(report["class_names"]),
            f"{name}.csv",
            "text/csv",
            on_click="ignore",
            help="What each image is, what it was taken for, and all probabilities.",
        )


def _page(result: Evaluated) -> str:
    # Loads TensorFlow, which is there by now.
    from wrn.evaluation.html_report import to_html

    return to_html(result.report, result.evaluation, result.images.images)
