"""Trainings that start from a weight file in place of random weights."""

import dataclasses
import json

import numpy as np
import pytest

from tests.teachers import write_teacher
from tests.trainings import arrays, assert_same_arrays, small
from wrn import weights
from wrn.config import ModelConfig
from wrn.config.file_lists import files, joined
from wrn.errors import ConfigError, WeightsError
from wrn.model import build_model
from wrn.runs import RunStore, Status
from wrn.stored import storing
from wrn.training.initial_weights import read_initial_weights
from wrn.training.loop import train
from wrn.weights.origins import epochs_before

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


def test_several_files_are_averaged(store, dataset, first, tmp_path):
    """Layer by layer, in NumPy, from what the files hold."""
    other = store.create(small(epochs=1, seed=5), "other")
    train(other.config(), dataset, other)
    paths = (first, other.last_weights)
    config = small(epochs=1, initial_weights=f"{first}, {other.last_weights}")
    found, origins = read_initial_weights(config)
    assert [origin["train"]["seed"] for origin in origins] == [4, 5]
    one, two = (weights.recognize(weights.read(path)).arrays for path in paths)
    for layer, arrays_of_layer in one.items():
        for name, value in arrays_of_layer.items():
            expected = (np.float64(value) + np.float64(two[layer][name])) / 2
            np.testing.assert_array_equal(
                found.arrays[layer][name], expected.astype(np.float32)
            )
    assert not np.array_equal(one["dense"]["kernel"], two["dense"]["kernel"])
    still = dataclasses.replace(config, train=config.train.replace(learning_rate=0.0))
    run = store.create(still, "still")
    train(still, dataset, run)
    end = weights.read(run.last_weights)
    np.testing.assert_array_equal(
        weights.recognize(end).arrays["dense"]["kernel"],
        found.arrays["dense"]["kernel"],
    )
    assert end.metadata["initial"] == origins
    assert epochs_before(end.metadata) == 2
    again = store.create(small(epochs=1, initial_weights=f"{first},{first}"), "again")
    train(again.config(), dataset, again)
    assert epochs_before(weights.read(again.last_weights).metadata) == 1


def test_each_file_of_several_must_suit(first, tmp_path):
    other = tmp_path / "other.weights.h5"
    write_teacher(other, ModelConfig(depth=10, widen_factor=2))
    with pytest.raises(ConfigError, match=r"must hold WRN-10-1 .*other\.weights\.h5, "):
        read_initial_weights(small(initial_weights=f"{first},{other}"))
    with pytest.raises(WeightsError, match=r"none\.h5: .*Commas stand between files,"):
        read_initial_weights(small(initial_weights=f"{first},none.h5"))


def test_what_was_taught_something_else_is_not_averaged(first, tmp_path):
    """One on whitened images, one on other classes; what is not told may be."""
    file = weights.read(first)
    model = build_model(small().model)
    weights.fill(model, weights.recognize(file))
    paths = [tmp_path / f"{name}.weights.h5" for name in ("whitened", "cars", "other")]
    data = file.metadata["data"]
    told = [
        {"preprocessing": {"kind": "gcn-zca"}},
        {"data": data | {"class_names": ["car", *data["class_names"][1:]]}},
        {"preprocessing": 3, "data": {"class_names": None}},
    ]
    for path, each in zip(paths, told, strict=True):
        weights.save(path, model, {"model": file.metadata["model"], **each})
    for path, words in zip(
        paths, ("mean-std, .*gcn-zca", "airplane.*car"), strict=False
    ):
        with pytest.raises(ConfigError, match=f"preprocessed alike.*{words}"):
            read_initial_weights(small(initial_weights=f"{first},{path}"))
    read_initial_weights(small(initial_weights=f"{first},{paths[2]}"))


@pytest.mark.parametrize("value", ["a.h5,", ",", "a.h5,,b.h5", '"a.h5', "a\rb", " "])
def test_lists_of_files_that_lack_one_are_refused(value):
    with pytest.raises(ConfigError, match=r"initial_weights .*several with commas"):
        small(initial_weights=value)


def test_a_path_with_a_comma_goes_in_quotes(first):
    odd = first.parent / 'a, "odd" one.weights.h5'
    first.rename(odd)
    value = joined([odd, odd])
    assert value.count('"') == 12
    config = small(initial_weights=value, teacher=f"~/b.h5, {joined([odd])}")
    assert config.train.initial_files == (str(odd), str(odd))
    assert config.train.teachers[1] == str(odd)
    assert files(config.train.without_paths().initial_weights) == (odd.name, odd.name)
    assert read_initial_weights(config)[0] is not None


def test_home_may_be_a_tilde(first, monkeypatch):
    monkeypatch.setenv("HOME", str(first.parent))
    monkeypatch.setenv("USERPROFILE", str(first.parent))
    found, [origin] = read_initial_weights(small(initial_weights=f"~/{first.name}"))
    assert found.config.name == "WRN-10-1"
    assert origin["file"] == f"first/{first.name}"
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
    [initial] = told["initial"]
    assert initial["file"] == "first/last.weights.h5"
    assert initial["train"]["seed"] == 4
    assert initial["result"]["epochs"] == 1
    monkeypatch.setattr("wrn.stored.storing.load_cached", lambda source: dataset)
    run.write_status(Status(state="finished"))
    card = storing.store(run, "synthetic", folder=tmp_path / "models")
    assert card["initial"] == told["initial"]
    assert card["settings"]["train"]["initial_weights"] == "first/last.weights.h5"
    assert str(tmp_path) not in json.dumps([card, told])


def test_weights_of_another_network_are_refused(store, dataset, first):
    config = small(initial_weights=str(first))
    wider = dataclasses.replace(config, model=ModelConfig(depth=10, widen_factor=2))
    with pytest.raises(
        ConfigError, match=r"must hold WRN-10-2 for 10 .*Received: .*WRN-10-1 for 10"
    ):
        train(wider, dataset, store.create(wider, "wider"))
    wired = small(initial_weights=str(first), wiring="edward2-v2")
    with pytest.raises(ConfigError, match=r"the wiring edward2-v2.*the wiring authors"):
        train(wired, dataset, store.create(wired, "wired"))


def test_classes_must_be_the_same_and_dropout_need_not(tmp_path):
    path = tmp_path / "other.weights.h5"
    config = small(dropout=0.0, initial_weights=str(path))
    write_teacher(path, config.model.replace(dropout=0.3))
    found, _ = read_initial_weights(config)
    assert found.config.dropout == 0.3
    write_teacher(path, config.model.replace(classes=100))
    with pytest.raises(ConfigError, match=r"for 10 classes .*for 100 classes"):
        read_initial_weights(config)


def test_a_missing_file_is_named(store, dataset, tmp_path):
    config = small(initial_weights=str(tmp_path / "none.h5"))
    with pytest.raises(WeightsError, match=r"^initial_weights .*none\.h5"):
        train(config, dataset, store.create(config, "missing"))
