"""Numbers from records that may have been edited by hand."""

import math

import numpy as np
import pytest

from ui.charts.records import curves, figure

HUGE = 10**400


def step(epoch: object, place: object, **measured: object) -> dict[str, object]:
    return {"kind": "step", "epoch": epoch, "step": place, **measured}


def epoch(number: object, place: object = 4, **measured: object) -> dict[str, object]:
    return {"kind": "epoch", "epoch": number, "step": place, **measured}


def listed(drawn: object) -> dict[str, tuple[list[float], list[float]]]:
    return {name: (x.tolist(), y.tolist()) for name, (x, y) in drawn.items()}


def test_steps_lie_within_their_epoch_and_tests_at_its_end():
    records = [
        step(1, 2, train_loss=2.0, train_accuracy=0.25, learning_rate=0.1),
        step(1, 4, train_loss=1.5, train_accuracy=0.5, learning_rate=0.1),
        epoch(1, test_loss=1.75, test_accuracy=0.375),
        step(2, 2, train_loss=1.0, train_accuracy=0.75, learning_rate=0.02),
    ]
    assert listed(curves(records)) == {
        "loss": ([0.5, 1.0, 1.5], [2.0, 1.5, 1.0]),
        "accuracy": ([0.5, 1.0, 1.5], [0.25, 0.5, 0.75]),
        "learning_rate": ([0.5, 1.0, 1.5], [0.1, 0.1, 0.02]),
        "test_loss": ([1.0], [1.75]),
        "test_accuracy": ([1.0], [0.375]),
    }


def test_an_epoch_that_has_not_ended():
    records = [step(1, 5, train_loss=2.0)]
    assert all(len(x) == 0 for x, _ in curves(records).values())
    drawn = listed(curves(records, steps=20))
    assert drawn["loss"] == ([0.25], [2.0])
    assert drawn["accuracy"] == ([], [])


def test_a_run_without_records_has_the_same_curves():
    assert curves([]).keys() == curves([step(1, 1, train_loss=1.0)]).keys()


@pytest.mark.parametrize(
    "value",
    [None, math.nan, math.inf, -math.inf, "0.5", True, [1], {}, HUGE, -HUGE, 1e15],
)
def test_what_is_no_usable_number_is_left_out(value):
    assert figure({"loss": value}, "loss") is None
    good = [step(1, place, train_loss=place / 8) for place in (1, 3)]
    for bad in (step(1, 2, train_loss=value), step(value, 2, train_loss=1.0)):
        drawn = listed(curves([good[0], bad, good[1]], steps=4))
        assert drawn["loss"] == ([0.25, 0.75], [0.125, 0.375])
    # A place that is no number, and steps an epoch that are none.
    drawn = listed(curves([*good, step(1, value, train_loss=1.0), epoch(1, value)], 4))
    assert drawn["loss"] == ([0.25, 0.75], [0.125, 0.375])


@pytest.mark.parametrize("value", [0, 3, -0.5, 1e14])
def test_numbers_are_taken_as_they_are(value):
    assert figure({"loss": value}, "loss") == value
    drawn = curves([step(1, 1, train_loss=value)], steps=1)
    assert np.array_equal(drawn["loss"], [[1.0], [value]])


@pytest.mark.parametrize("value", [-0.01, 1.01, 5, 94.2])
def test_an_accuracy_beyond_0_to_1_is_left_out(value):
    assert figure({"test_accuracy": value}, "test_accuracy") is None
    assert figure({"test_accuracy": 1}, "test_accuracy") == 1


def test_a_record_that_is_none():
    assert figure(None, "loss") is None


@pytest.mark.parametrize("steps", [0, 0.5, -4, 1e-300])
def test_an_epoch_of_less_than_a_step_has_no_places(steps):
    records = [step(1, 2, train_loss=1.0), epoch(1, steps, test_loss=1.0)]
    drawn = listed(curves(records, steps))
    assert drawn["loss"] == ([], [])
    assert drawn["test_loss"] == ([1.0], [1.0])
