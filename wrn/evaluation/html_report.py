"""The result of an evaluation as one HTML file that needs nothing else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from numpy.typing import NDArray

from wrn.data.pictures import data_address
from wrn.evaluation import Evaluation
from wrn.text import rounded

#: Mistakes that are shown.
MISTAKES = 24

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    # Names of files and classes come from outside.
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def to_html(
    report: Mapping[str, Any], evaluation: Evaluation, images: NDArray[np.uint8]
) -> str:
    """Write a report as a page: figures, tables and the most confident mistakes.

    Args:
        report: What `wrn.evaluation.report` returned, with `flip`, and with `asked`,
            how many images there were.
        evaluation: The evaluation behind it.
        images: uint8 (n, 32, 32, 3), the images in the same order.

    Returns:
        HTML without scripts, pictures included, that loads nothing from anywhere.
    """
    low, high = report["interval"]
    calibrated = report["calibration"]
    return _TEMPLATES.get_template("evaluation.html").render(
        report=report,
        figures=[
            ("Accuracy", f"{report['accuracy']:.2%}"),
            ("95% interval", f"{low:.2%} – {high:.2%}"),
            ("Loss", rounded(report["loss"], 4)),
            ("Calibration error", f"{calibrated['error']:.2%}"),
        ],
        classes=list(
            zip(report["class_names"], report["per_class_accuracy"], strict=True)
        ),
        confusion=[
            (name, [(count, round(100 * count / max(1, sum(row)))) for count in row])
            for name, row in zip(
                report["class_names"], report["confusion"], strict=True
            )
        ],
        calibration=[
            row
            for row in zip(
                calibrated["confidence"],
                calibrated["accuracy"],
                calibrated["counts"],
                strict=True,
            )
            if row[2]
        ],
        mistakes=_mistakes(evaluation, images, report["class_names"]),
    )


def _mistakes(
    evaluation: Evaluation, images: NDArray[np.uint8], names: list[str]
) -> list[dict[str, str]]:
    return [
        {
            "data": data_address(images[index]),
            "true": names[evaluation.labels[index]],
            "predicted": names[evaluation.predictions[index]],
            "probability": f"{evaluation.probabilities[index].max():.0%}",
        }
        for index in evaluation.most_confident(correct=False)[:MISTAKES].tolist()
    ]
