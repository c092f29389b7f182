"""Trainings that start from a weight file in place of random weights."""

import dataclasses
import json

import numpy as np
import pytest

from tests.teachers import write_teacher
from tests.trainings import arrays, assert_same_arrays, small
from wrn import storing, weights
from wrn.config import ModelConfig
from wrn.errors import ConfigError, WeightsError
from wrn.initial_weights import read_initial_weights
from wrn.runs import RunStore, Status
from wrn.training import train

pytestmark = pytest.mark.slow


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")


@pytest.fixture
def first(store, dataset):
    """A finished training, of which others take the weights."""
    config = small(epochs=1, seed=4)
    run = store.create(config, "first")
    train(config, dataset, run)
    return run.last_weights


def test_it_starts_from_the_weights_of_the_file(store, dataset, first):
    """Without learning or decay, the weights of the file are those at the end."""
    config = small(epochs=1, initial_weights=str(first), learning_rate=0.0)
    run = store.create(config, "still")
    train(config, dataset, run)
    before, after = arrays(first), arrays(run.last_weights)
    trained = [name for name in before if name.startswith("layers/")]
    kernels = [name for name in trained if before[name].ndim > 1]
    assert len(kernels) == 10
    for name in kernels:
        np.testing.assert_array_equal(before[name], after[name], err_msg=name)


def test_home_may_be_a_tilde(first, monkeypatch):
    monkeypatch.setenv("HOME", str(first.parent))
    monkeypatch.setenv("USERPROFILE", str(first.parent))
    found, origin = read_initial_weights(small(initial_weights=f"~/{first.name}"))
    assert found.config.name == "WRN-10-1"
    assert origin["file"] == first.name
    assert small(teacher="~/a, b").train.teachers == (str(first.parent / "a"), "b")


def test_averages_begin_at_them_too(store, dataset, first):
    config = small(
        epochs=1, initial_weights=str(first), learning_rate=0.0, averaging=0.99
    )
    run = store.create(config, "average")
    train(config, dataset, run)
    name = "layers/dense/vars/0"
    # Averages of equal weights differ from them by rounding alone.
    np.testing.assert_allclose(
        arrays(first)[name], arrays(run.last_weights)[name], rtol=1e-5, atol=1e-7
    )


def test_a_resumed_training_needs_them_no_more(store, dataset, first):
    config = small(initial_weights=str(first))
    whole, parts = store.create(config, "whole"), store.create(config, "parts")
    train(config, dataset, whole)
    asked = iter(range(1000))
    train(config, dataset, parts, should_stop=lambda: next(asked) == 6)
    first.unlink()
    assert train(config, dataset, parts).finished
    assert_same_arrays(whole.last_weights, parts.last_weights)


def test_file_and_card_tell_where_they_came_from(
    store, dataset, first, tmp_path, monkeypatch
):
    config = small(epochs=1, initial_weights=str(first))
    run = store.create(config, "second")
    asked = iter(range(1000))
    train(config, dataset, run, should_stop=lambda: next(asked) == 2)
    train(config, dataset, run)
    told = weights.read(run.last_weights).metadata
    assert told["initial"]["file"] == "last.weights.h5"
    assert told["initial"]["train"]["seed"] == 4
    assert told["initial"]["result"]["epochs"] == 1
    monkeypatch.setattr("wrn.storing.load_cached", lambda source: dataset)
    run.write_status(Status(state="finished"))
    card = storing.store(run, "synthetic", folder=tmp_path / "models")
    assert card["initial"] == told["initial"]
    assert card["settings"]["train"]["initial_weights"] == "last.weights.h5"
    assert str(tmp_path) not in json.dumps([card, told])


def test_weights_of_another_network_are_refused(store, dataset, first):
    config = small(initial_weights=str(first))
    wider = dataclasses.replace(config, model=ModelConfig(depth=10, widen_factor=2))
    with pytest.raises(
        ConfigError, match=r"must hold WRN-10-2 for 10 .*Received: .*WRN-10-1 for 10"
    ):
        train(wider, dataset, store.create(wider, "wider"))
    wired = small(initial_weights=str(first), wiring="edward2-v2")
    with pytest.raises(ConfigError, match=r"wired as edward2-v2.*wired as authors"):
        train(wired, dataset, store.create(wired, "wired"))


def test_classes_must_be_the_same_and_dropout_need_not(tmp_path):
    path = tmp_path / "other.weights.h5"
    config = small(dropout=0.0, initial_weights=str(path))
    write_teacher(path, config.model.replace(dropout=0.3))
    found, _ = read_initial_weights(config)
    assert found.config.dropout == 0.3
    write_teacher(path, config.model.replace(classes=100))
    with pytest.raises(ConfigError, match=r"for 10 classes, .*for 100 classes"):
        read_initial_weights(config)


def test_a_missing_file_is_named(store, dataset, tmp_path):
    config = small(initial_weights=str(tmp_path / "none.h5"))
    with pytest.raises(WeightsError, match=r"^initial_weights .*none\.h5"):
        train(config, dataset, store.create(config, "missing"))
