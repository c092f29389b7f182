"""How good a network is, what it sees, and what a weight file does not say of itself.

evaluation    accuracy and what goes with it
calibration   whether it is right as often as it says
explain       what it sees in one image
html_report   the result as a file of its own
diagnosis     finds out by trying what a file does not record
trials        one network as each of the things that it could be
moments       whether it sees what it saw in training, without labels
"""

from wrn.evaluation.evaluation import (
    Z95,
    Evaluation,
    check_classes,
    evaluate,
    evaluate_growing,
    keep,
    origin_note,
    report,
    wilson_interval,
)

__all__ = [
    "Z95",
    "Evaluation",
    "check_classes",
    "evaluate",
    "evaluate_growing",
    "keep",
    "origin_note",
    "report",
    "wilson_interval",
]
