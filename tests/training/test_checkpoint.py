"""What a checkpoint says of the training, where somebody edited it."""

import json
from dataclasses import asdict

import h5py
import pytest

from tests.trainings import small
from wrn.errors import RunError
from wrn.runs import RunStore
from wrn.training.checkpoint import State, Sums
from wrn.training.loop import train

CONFIG = small(epochs=1)


@pytest.mark.parametrize(
    "edited",
    [
        {"epoch": -1},
        {"epoch": 1.0},
        {"step": "x"},
        {"records": 2},
        {"test_accuracy": 1.5},
        {"best_accuracy": "x"},
        {"interval": {"loss": float("nan"), "correct": 0, "images": 0}},
        {"whole": {"loss": 0.0, "correct": 0, "images": None}},
        {"nobody": "knows"},
    ],
    ids=str,
)
def test_a_state_that_no_training_wrote_is_refused(edited):
    state = State(3, 2, 30, 0.25, 0.5, Sums(1.5, 2, 4), Sums(3.0, 5, 8))
    assert State.from_json(json.dumps(asdict(state))) == state
    with pytest.raises((ValueError, TypeError)):
        State.from_json(json.dumps(asdict(state) | edited))


@pytest.mark.slow
def test_a_checkpoint_of_another_place_is_refused(tmp_path, dataset):
    run = RunStore(tmp_path).create(CONFIG, "first")
    train(CONFIG, dataset, run)
    metrics = run.metrics()
    with h5py.File(run.last_weights) as file:
        state = json.loads(file["training/state"][()])
    for edited in ({"epoch": 2}, {"step": 1000}, {"records": -1}):
        with h5py.File(run.last_weights, "a") as file:
            del file["training/state"]
            file["training/state"] = json.dumps(state | edited).encode()
        with pytest.raises(RunError, match=r"last\.weights\.h5 must be a checkpoint"):
            train(CONFIG, dataset, run)
        assert run.metrics() == metrics
