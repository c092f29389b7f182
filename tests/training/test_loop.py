"""The training loop: exact and resumable. On two devices: test_two_devices.py."""

import dataclasses
import json
from dataclasses import replace
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from tests.trainings import arrays, assert_same_arrays, small
from wrn import weights
from wrn.architecture.wiring import FAMILIES
from wrn.config import (
    DataConfig,
    ModelConfig,
    OutputConfig,
)
from wrn.data import Images
from wrn.devices import choose
from wrn.errors import ConfigError, DivergedError, RunError
from wrn.evaluation import evaluate
from wrn.restoring import load_weights
from wrn.runs import RunStore
from wrn.training.feasibility import images_a_step
from wrn.training.loop import train
from wrn.training.randomness import image_order, step_seed
from wrn.training.session import Session

pytestmark = pytest.mark.slow


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")


def test_nobody_leaves_before_the_chief_has_saved(store, dataset, monkeypatch):
    """A launcher that sees a worker end may kill the others."""
    waits = []

    def wait(devices, mine):
        waits.append((run.last_weights.exists(), mine))
        return mine

    monkeypatch.setattr("wrn.training.loop.any_says_so", wait)
    run = store.create(small(), "run")
    train(small(), dataset, run, should_stop=lambda: True)
    assert waits == [(True, False)]


def test_it_learns_and_records(store, dataset):
    config = small(epochs=12, dropout=0.0, learning_rate=0.2)
    config = dataclasses.replace(config, data=DataConfig(flip=False))
    run = store.create(config, "learns")
    seen = []
    outcome = train(config, dataset, run, on_progress=seen.append)
    assert outcome.finished
    assert outcome.test_accuracy > 0.6
    epochs = run.metrics("epoch")
    assert [record["epoch"] for record in epochs] == list(range(1, 13))
    assert epochs[-1]["test_accuracy"] == outcome.test_accuracy
    assert outcome.best_accuracy == max(r["test_accuracy"] for r in epochs)
    steps = run.metrics("step")
    assert [r["step"] for r in steps if r["epoch"] == 1] == [1, 2, 3, 4, 5]
    assert epochs[0]["train_loss"] == pytest.approx(
        np.mean([r["train_loss"] for r in steps if r["epoch"] == 1]), abs=1e-6
    )
    assert {"training", "testing"} == {p.phase for p in seen}
    assert seen[-1].epoch == 12
    # What evaluating the saved weights tells is what the training told.
    loaded = load_weights(run.last_weights, precision="float32")
    again = evaluate(loaded.classifier, dataset.test.images, dataset.test.labels)
    assert again.accuracy == outcome.test_accuracy
    assert again.loss == pytest.approx(epochs[-1]["test_loss"], abs=1e-5)


@pytest.mark.parametrize(
    ("stop_at", "settings"),
    [
        (3, {}),
        (5, {"averaging": 0.9, "averaging_from": 0.3, "sam_radius": 0.05}),
        (
            8,
            {
                "averaging": 0.9,
                "mixup": 0.4,
                "mixup_until": 0.9,
                "first_size": 24,
                "full_size_from": 0.5,
                # With the scaling of the loss.
                "precision": "float16",
            },
        ),
    ],
)
def test_stopped_and_resumed_ends_exactly_like_uninterrupted(
    store, dataset, stop_at, settings
):
    config = small(**settings)
    whole = store.create(config, "whole")
    train(config, dataset, whole)
    parts = store.create(config, "parts")
    asked = iter(range(1000))
    outcome = train(config, dataset, parts, should_stop=lambda: next(asked) == stop_at)
    assert not outcome.finished
    assert train(config, dataset, parts).finished
    assert_same_arrays(whole.last_weights, parts.last_weights)
    metrics = [run.path / "metrics.jsonl" for run in (whole, parts)]
    assert metrics[0].read_bytes() == metrics[1].read_bytes()


@pytest.mark.parametrize(
    ("before", "after"), [("float16", "float32"), ("float32", "float16")]
)
def test_it_resumes_where_devices_have_another_precision(store, dataset, before, after):
    config = small(precision="auto")
    run = store.create(config, "moved")
    asked = iter(range(1000))
    train(
        config,
        dataset,
        run,
        should_stop=lambda: next(asked) == 3,
        devices=choose(before, "cpu"),
    )
    kept = arrays(run.last_weights)
    moved = choose(after, "cpu")
    train(config, dataset, run, should_stop=lambda: True, devices=moved)
    taken_up = arrays(run.last_weights)
    optimizer = [name for name in kept if name.startswith("optimizer/")]
    assert len(optimizer) > 20
    for name in optimizer:
        np.testing.assert_array_equal(taken_up[name], kept[name], err_msg=name)
    assert train(config, dataset, run, devices=choose(after, "cpu")).finished
    losses = [record["train_loss"] for record in run.metrics("epoch")]
    whole = store.create(config, "whole")
    train(config, dataset, whole, devices=choose("float32", "cpu"))
    expected = [record["train_loss"] for record in whole.metrics("epoch")]
    np.testing.assert_allclose(losses, expected, rtol=0.02)


@pytest.mark.parametrize(("stops", "trained"), [(True, False), (False, True)])
def test_weights_that_are_no_numbers_never_replace_a_checkpoint(
    store, dataset, monkeypatch, stops, trained
):
    """Stopped before a record tells, or at the end of an epoch.

    In 16 bits the steps with NaN are left out, but not what batch norm averages.
    """
    run = store.create(small(), "diverges")
    asked = iter(range(1000))
    train(small(), dataset, run, should_stop=lambda: next(asked) == 3)
    kept = run.last_weights.read_bytes()
    step = Session.step

    def diverging(self, *arguments):
        figures = step(self, *arguments)
        variables = [v for v in self.model.weights if v.trainable == trained]
        broken = next(v for v in variables if "seed" not in v.path)
        broken.assign(np.full(broken.shape, np.nan))
        return figures

    monkeypatch.setattr(Session, "step", diverging)
    asked = iter(range(1000))
    with pytest.raises(DivergedError, match=r"finite numbers.*epoch 1"):
        train(small(), dataset, run, should_stop=lambda: stops and next(asked) == 1)
    assert run.last_weights.read_bytes() == kept
    assert not run.best_weights.exists()
    monkeypatch.undo()
    assert train(small(), dataset, run).finished


def test_a_checkpoint_of_other_settings_is_refused_in_one_line(store, dataset):
    run = store.create(small(epochs=1), "edited")
    train(run.config(), dataset, run)
    other = small(epochs=2, optimizer="sgd", averaging=0.9)
    with pytest.raises(RunError, match=r"must be a checkpoint of .*Rec") as refused:
        train(other, dataset, run)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"batch_size": 25}, "one with batch_size 50"),
        ({"milestones": (0.5,)}, "one with milestones"),
        ({"seed": 9}, "one with seed"),
        ({"dropout": 0.3}, "one with dropout 0.2"),
    ],
)
def test_a_checkpoint_of_a_training_with_other_steps_is_refused(
    store, dataset, changed, told
):
    run = store.create(small(epochs=2, batch_size=50), "edited")
    train(run.config(), dataset, run, should_stop=iter([False, True]).__next__)
    other = small(epochs=2, batch_size=50)
    group = "model" if "dropout" in changed else "train"
    settings = getattr(other, group).replace(**changed)
    other = replace(other, **{group: settings})
    with pytest.raises(RunError, match=rf"Received: {told}"):
        train(other, dataset, run)


def test_a_network_whose_files_would_not_be_read_again_is_refused(store, dataset):
    config = small(epochs=1)
    run = store.create(config, "huge")
    config = replace(config, model=ModelConfig(depth=52, widen_factor=20))
    with pytest.raises(ConfigError, match=r"1,024 MiB.*Received: WRN-52-20, .* 1,1"):
        train(config, dataset, run)


def test_a_checkpoint_of_other_images_is_refused(store, dataset):
    run = store.create(small(epochs=2), "moved")
    train(run.config(), dataset, run, should_stop=iter([False, True]).__next__)
    images = dataset.train.images
    reordered = [array[::-1].copy() for array in vars(dataset.train).values()]
    other = replace(dataset, train=Images(*reordered))
    with pytest.raises(RunError, match="Received: one of other images"):
        train(run.config(), other, run)
    inverted = replace(dataset, train=replace(dataset.train, images=~images))
    with pytest.raises(RunError, match="Received: one of other images"):
        train(run.config(), inverted, run)
    # Those of each set sorted by class, their labels are alike.
    renamed = replace(dataset, class_names=tuple("abcdefghij"))
    with pytest.raises(
        RunError, match=r"other images: it knows airplane, .*are of a, b"
    ):
        train(run.config(), renamed, run)


def test_records_after_the_checkpoint_are_forgotten(store, dataset):
    config = small(epochs=1)
    run = store.create(config, "killed")
    train(config, dataset, run)
    before = run.metrics()
    run.record({"kind": "step", "epoch": 2, "step": 1})
    train(config, dataset, run)
    assert run.metrics() == before


def test_stops_before_the_next_step(store, dataset):
    config = small()
    run = store.create(config, "stopped")
    steps = []
    train(
        config,
        dataset,
        run,
        on_progress=lambda p: steps.append(p.step) if p.phase == "training" else None,
        should_stop=lambda: len(steps) == 2,
    )
    assert steps == [1, 2]
    with h5py.File(run.last_weights) as file:
        state = json.loads(file["training/state"][()])
    assert (state["epoch"], state["step"]) == (0, 2)


def test_one_seed_one_result(store, dataset):
    runs = []
    for name, seed in [("one", 1), ("two", 1), ("other", 2)]:
        config = small(epochs=1, seed=seed)
        runs.append(store.create(config, name))
        train(config, dataset, runs[-1])
    assert_same_arrays(runs[0].last_weights, runs[1].last_weights)
    kernels = [arrays(run.last_weights)["layers/dense/vars/0"] for run in runs]
    assert (kernels[0] != kernels[2]).any()


@pytest.mark.parametrize("family", ["asmith26", "edward2-v1"])
def test_network_of_another_program_trains_resumes_and_evaluates(
    store, dataset, family
):
    config = small(epochs=2, wiring=family)
    run = store.create(config, family)
    asked = iter(range(1000))
    train(config, dataset, run, should_stop=lambda: next(asked) == 7)
    outcome = train(config, dataset, run)
    assert outcome.finished
    loaded = load_weights(run.last_weights, precision="float32")
    recognized = weights.recognize(weights.read(run.last_weights))
    assert (recognized.wiring, recognized.certain) == (FAMILIES[family], True)
    again = evaluate(loaded.classifier, dataset.test.images, dataset.test.labels)
    assert again.accuracy == outcome.test_accuracy


def test_a_dense_layer_that_takes_every_pixel_wants_full_size_images(store, dataset):
    config = small(wiring="asmith26", first_size=16)
    with pytest.raises(ConfigError, match=r"first_size must be 32 .*Received: 16"):
        train(config, dataset, store.create(config, "small"))


def test_best_weights_are_of_the_best_epoch(store, dataset):
    config = small(epochs=4, learning_rate=1.0, schedule="constant")
    run = store.create(config, "best")
    outcome = train(config, dataset, run)
    loaded = load_weights(run.best_weights, precision="float32")
    found = evaluate(loaded.classifier, dataset.test.images, dataset.test.labels)
    assert found.accuracy == outcome.best_accuracy


def test_only_the_last_weights_where_asked(store, dataset):
    config = dataclasses.replace(
        small(epochs=1), output=OutputConfig(checkpoints="last", save_plot=False)
    )
    run = store.create(config, "last")
    train(config, dataset, run)
    assert run.weights == [run.last_weights]


def test_damaged_checkpoint_is_refused_in_words(store, dataset):
    config = small(epochs=1)
    run = store.create(config, "damaged")
    run.last_weights.write_bytes(b"not a weight file")
    with pytest.raises(RunError, match=r"last\.weights\.h5 must be a checkpoint"):
        train(config, dataset, run)


def test_checkpoint_of_another_network_is_refused(store, dataset):
    run = store.create(small(epochs=1), "mixed")
    train(small(epochs=1), dataset, run)
    wider = dataclasses.replace(
        small(epochs=2), model=ModelConfig(depth=10, widen_factor=2)
    )
    with pytest.raises(RunError, match="WRN-10-2"):
        train(wider, dataset, run)


def test_other_number_of_classes_is_refused(store, dataset):
    config = dataclasses.replace(
        small(), model=ModelConfig(depth=10, widen_factor=1, classes=7)
    )
    with pytest.raises(ConfigError, match="classes must be 10"):
        train(config, dataset, store.create(config, "classes"))


def test_orders_are_permutations_that_differ():
    orders = [image_order(0, epoch, 1000, 960) for epoch in range(3)]
    for order in orders:
        assert len(set(order.tolist())) == 960
        assert order.min() >= 0
        assert order.max() < 1000
    assert (orders[0] != orders[1]).any()
    np.testing.assert_array_equal(orders[1], image_order(0, 1, 1000, 960))


def test_seeds_of_steps_and_streams_differ():
    seeds = {
        step_seed(s, stream, n) for s in (0, 1) for stream in (1, 2) for n in range(500)
    }
    assert len(seeds) == 2 * 2 * 500


def test_weight_decay_reaches_the_batch_norm_scales(store, dataset):
    """With a huge decay and no learning from images, all weights shrink alike."""
    config = small(epochs=1, weight_decay=1.0, momentum=0.0, learning_rate=0.5)
    config = dataclasses.replace(
        config, train=config.train.replace(schedule="constant")
    )
    run = store.create(config, "decay")
    train(config, dataset, run)
    for name, array in arrays(run.last_weights).items():
        if "vars/0" in name and "batch_norm" in name:
            assert array.mean() < 0.2, f"{name} began at 1 and must have shrunk"


@pytest.mark.parametrize("optimizer", ["nesterov", "keras-nesterov"])
def test_velocities_at_a_drop(store, dataset, optimizer):
    """The authors' code forgets them when the rate drops, Keras keeps them.

    The rate drops to zero at the second epoch. What moves the weights then is what
    is left in the velocities.
    """
    config = small(
        dropout=0.0,
        optimizer=optimizer,
        schedule="steps",
        milestones=[1.0],
        drop_factor=0.0,
        decayed="kernels",
    )
    run = store.create(config, "drop")
    asked = iter(range(1000))
    train(config, dataset, run, should_stop=lambda: next(asked) == 5)
    before = arrays(run.last_weights)
    train(config, dataset, run)
    after = arrays(run.last_weights)
    name = "layers/dense/vars/0"
    assert (before[name] != after[name]).any() == (optimizer == "keras-nesterov")


def test_batch_that_cannot_be_shared_is_refused(store, dataset):
    config = small()
    devices = choose("float32", "cpu")
    three = SimpleNamespace(num_replicas_in_sync=3, extended=devices.strategy.extended)
    devices = dataclasses.replace(devices, strategy=three)
    with pytest.raises(ConfigError, match="batch_size must be a multiple of 3"):
        train(config, dataset, store.create(config, "share"), devices=devices)


@pytest.mark.parametrize(
    ("images", "replicas", "wanted"),
    [(1000, 1, 128), (100, 1, 100), (1000, 4, 128), (101, 2, 100), (2, 2, 2)],
)
def test_a_step_takes_a_batch_or_all_that_can_be_shared(images, replicas, wanted):
    assert images_a_step(128, images, replicas) == wanted


def test_more_devices_than_images_are_refused():
    with pytest.raises(ConfigError, match=r"Received: 4 for 3 images"):
        images_a_step(128, 3, 4)
