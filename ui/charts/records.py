"""Numbers from the records of a run, which may have been edited by hand."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from wrn.runs import figure
from wrn.runs.records import TOO_LARGE

#: Places in epochs and the values there, of each quantity: float64, all finite.
Curves = Mapping[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]

#: What is drawn, and what it is called in the records of steps and of epochs.
_OF_STEPS = {
    "loss": "train_loss",
    "accuracy": "train_accuracy",
    "learning_rate": "learning_rate",
}
_OF_EPOCHS = {"test_loss": "test_loss", "test_accuracy": "test_accuracy"}


def curves(records: Iterable[Mapping[str, Any]], steps: float | None = None) -> Curves:
    """Turn the records of a run into curves for `ui.charts`.

    Args:
        records: What `wrn.runs.Run.metrics` returns.
        steps: Steps an epoch, for a first epoch that has not ended yet.

    Returns:
        `loss`, `accuracy` and `learning_rate` as measured at steps, `test_loss` and
        `test_accuracy` after epochs, in the order of the records. Values that are
        missing or not usable, or have no usable place, are left out.
    """
    records = list(records)
    of_epochs = [record for record in records if record.get("kind") == "epoch"]
    of_steps = [record for record in records if record.get("kind") != "epoch"]
    for record in of_epochs:
        steps = figure(record, "step") or steps
    whole = steps if steps and steps >= 1 else np.nan
    places = _column(of_steps, "epoch") - 1 + _column(of_steps, "step") / whole
    return _pairs(places, of_steps, _OF_STEPS) | _pairs(
        _column(of_epochs, "epoch"), of_epochs, _OF_EPOCHS
    )


def _pairs(
    places: npt.NDArray[np.float64],
    records: Sequence[Mapping[str, Any]],
    names: Mapping[str, str],
) -> dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    pairs = {}
    for quantity, name in names.items():
        values = _column(records, name)
        usable = np.isfinite(places) & np.isfinite(values)
        pairs[quantity] = places[usable], values[usable]
    return pairs


def _column(records: Sequence[Mapping[str, Any]], name: str) -> npt.NDArray[np.float64]:
    """Do for each record what `figure` does, in a fraction of the time; NaN for `None`.

    A page asks for some 40,000 numbers every second.
    """
    values = [record.get(name) for record in records]
    if {*map(type, values)} <= {float, int, type(None)}:
        try:
            column = np.array(values, np.float64)
        except OverflowError:  # An integer of more than 308 digits.
            pass
        else:
            column[~(np.abs(column) < TOO_LARGE)] = np.nan
            return column
    return np.array([figure(record, name) for record in records], np.float64)
