"""What a training's session hands to its parts: settings, streams, statistics."""

import dataclasses
import gc
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tests.trainings import small
from wrn.config import DataConfig
from wrn.data import select
from wrn.devices import choose
from wrn.evaluation import evaluate
from wrn.model import build_model
from wrn.restoring import load_weights
from wrn.runs import RunStore
from wrn.training import session as module
from wrn.training.batch_statistics import BatchStatistics
from wrn.training.loop import train
from wrn.training.randomness import AUGMENTATION, DROPOUT, ORDER, image_order, step_seed
from wrn.training.session import Session

pytestmark = pytest.mark.slow


def new_session(config, dataset):
    return Session(config, dataset, choose("float32", "cpu"))


def test_each_step_gets_its_size_its_share_and_its_streams(dataset, monkeypatch):
    """Of 4 epochs of 5 steps: 24, 28 and 32 pixels, mixup in the first half."""
    settings = {"first_size": 24, "full_size_from": 0.5, "mixup": 1, "mixup_until": 0.5}
    session = new_session(small(epochs=4, seed=3, averaging=0.9, **settings), dataset)
    assert session.steps == 5
    asked, averaged = [], []

    def step(*arguments):
        asked.append(arguments)
        return 0.0, 0

    monkeypatch.setattr(session, "_step", step)
    session.average = SimpleNamespace(after_step=averaged.append)
    for number in range(20):
        session.step(number, np.arange(40, dtype=np.int32), 0.1)
    sizes = [arguments[4] for arguments in asked]
    assert sizes == [24] * 5 + [28] * 5 + [32] * 10
    assert [arguments[5] is not None for arguments in asked] == [True] * 10 + [
        False
    ] * 10
    assert averaged == list(range(1, 21))
    for number, arguments in enumerate(asked):
        streams = [step_seed(3, stream, number) for stream in (AUGMENTATION, DROPOUT)]
        np.testing.assert_array_equal(arguments[1], streams)
    # No two steps, and no two streams, have one seed.
    seeds = np.concatenate([arguments[1].numpy() for arguments in asked])
    assert len({tuple(seed) for seed in seeds.tolist()}) == 40


def graphs():
    """Count the graphs that TensorFlow keeps, each with the weights that it uses."""
    gc.collect()
    return sum(type(each).__name__ == "FuncGraph" for each in gc.get_objects())


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_a_training_that_has_ended_leaves_the_memory(dataset, precision):
    config = small(averaging=0.9, averaging_from=0.5, sam_radius=0.05, mixup=0.2)
    before = graphs()
    session = Session(config, dataset, choose(precision, "cpu"))
    for number in range(2 * session.steps):
        session.step(number, np.arange(40, dtype=np.int32), 0.1)
    assert session.measure(session.split.held_out, lambda: False)
    assert graphs() > before
    del session
    assert graphs() == before


def test_a_late_average_begins_where_it_was_asked_to(dataset, monkeypatch):
    begun = []

    def average(model, share, strategy, statistics, start):
        begun.append((share, start))

    monkeypatch.setattr(module, "WeightAverage", average)
    for averaging_from, start in ((0.0, 0), (0.5, 5), (0.25, 2), (0.29, 2), (0.7, 7)):
        settings = {"averaging": 0.9, "averaging_from": averaging_from}
        new_session(small(epochs=2, **settings), dataset)
        assert begun.pop() == (0.9, start)


def test_preprocessing_is_fitted_without_the_images_held_out(dataset):
    config = small()
    config = dataclasses.replace(config, data=DataConfig(validation=100, limit=60))
    session = new_session(config, dataset)
    pixels = select(dataset, config.data).train.images.astype(np.float64)
    assert len(pixels) == 60
    fitted = session.preprocessing
    np.testing.assert_allclose(fitted.mean, pixels.mean((0, 1, 2)), rtol=1e-6)
    others = dataset.train.images.astype(np.float64).mean((0, 1, 2))
    assert np.abs(np.asarray(fitted.mean) - others).max() > 0.05


def test_what_is_measured_is_what_is_saved(dataset, tmp_path):
    """The average: the weights themselves are elsewhere."""
    run = RunStore(tmp_path / "runs").create(small(averaging=0.5, seed=5), "averaged")
    test = dataset.test
    train(run.config(), dataset, run)
    (_, last) = run.metrics("epoch")
    loaded = load_weights(run.last_weights, precision="float32")
    found = evaluate(loaded.classifier, test.images, test.labels)
    assert found.accuracy == last["test_accuracy"]
    assert found.loss == pytest.approx(last["test_loss"], abs=1e-5)
    # The rate of an epoch is that of its last step.
    assert last["learning_rate"] == run.metrics("step")[-1]["learning_rate"]


def test_of_equal_epochs_the_first_is_the_best(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(Session, "measure", lambda *arguments: (1.0, 0.5))
    run = RunStore(tmp_path / "runs").create(small(epochs=2), "even")
    train(run.config(), dataset, run)
    assert load_weights(run.best_weights).metadata["result"]["epochs"] == 1


def test_both_gradients_of_a_sharpness_step_see_the_same(dataset, monkeypatch):
    """At no distance they are one: same dropout, same blends."""
    batch = tf.constant(
        np.random.default_rng(0).normal(size=(8, 32, 32, 3)), tf.float32
    )
    labels, seed = tf.range(8), tf.constant([1, 2])
    found = []
    for radius in (0.0, 1e-6):
        session = new_session(small(dropout=0.5, sam_radius=radius), dataset)
        found.append(session._gradients(batch, labels, seed, tf.constant(0.7))[2])
    for plain, sharp in zip(*found, strict=True):
        scale = np.abs(plain).max()
        np.testing.assert_allclose(sharp, plain, atol=2e-3 * scale)


def test_statistics_of_an_average_are_of_all_images_each_batch_drawn_anew(
    dataset, monkeypatch
):
    config = small()
    data = DataConfig(crop_padding=2, cutout=6)
    config = dataclasses.replace(config, data=data)
    session = new_session(config, dataset)
    statistics = BatchStatistics(
        config,
        session.split.train.images,
        session.preprocessing,
        policy="float32",
        batch_size=50,
    )
    asked = []
    monkeypatch.setattr(
        statistics, "_forward", lambda indices, seed: asked.append((indices, seed))
    )
    statistics.of([v.value for v in session.model.trainable_variables])
    indices = np.concatenate([each.numpy() for each, _ in asked])
    np.testing.assert_array_equal(indices, np.arange(200))
    assert len({tuple(seed.numpy()) for _, seed in asked}) == 4


def test_the_initial_weights_follow_from_the_seed(dataset):
    models = {seed: new_session(small(seed=seed), dataset).model for seed in (0, 3)}
    kernels = [model.get_layer("conv1").kernel.numpy() for model in models.values()]
    assert abs(np.corrcoef(*(kernel.ravel() for kernel in kernels))[0, 1]) < 0.2
    expected = build_model(small(seed=3).model, seed=3)
    for own, other in zip(models[3].weights, expected.weights, strict=True):
        np.testing.assert_array_equal(own, other)


def test_the_order_follows_from_the_seed():
    orders = [image_order(seed, 0, 200, 200) for seed in (0, 1)]
    assert (orders[0] != orders[1]).any()
    assert step_seed(0, ORDER, 1) != step_seed(0, AUGMENTATION, 1)


def test_statistics_of_an_average_are_of_the_images_that_are_trained_on(
    dataset, monkeypatch
):
    given = []
    monkeypatch.setattr(
        module, "BatchStatistics", lambda *args, **kwargs: given.append((args, kwargs))
    )
    config = small(averaging=0.9, averaging_from=0.5, precision="bfloat16")
    config = dataclasses.replace(config, data=DataConfig(validation=100))
    session = Session(config, dataset, choose("bfloat16", "cpu"))
    (((_, images, fitted), options),) = given
    assert images is session.split.train.images
    assert fitted is session.preprocessing
    assert options == {"policy": "mixed_bfloat16", "batch_size": 40}


def test_each_replica_draws_its_own_dropout_for_its_share(dataset, monkeypatch):
    session = Session(small(), dataset, choose("float32", "cpu"))
    session._learn = lambda batch, targets, seed, mixed: (targets, seed)
    strategy = SimpleNamespace(num_replicas_in_sync=2)
    session.devices = SimpleNamespace(strategy=strategy)
    seeds = tf.constant([[1, 2], [3, 4]])
    found = []
    for replica in range(2):
        context = SimpleNamespace(replica_id_in_sync_group=replica)
        monkeypatch.setattr(tf.distribute, "get_replica_context", lambda c=context: c)
        step = session._replica_step(
            tf.range(40), seeds, session._images, session._labels, 32
        )
        found.append(step)
    (first, one), (second, other) = found
    labels = np.concatenate([first, second])
    np.testing.assert_array_equal(labels, dataset.train.labels[:40])
    assert (one != other).numpy().any()


def test_no_seed_repeats_another_ones_orders():
    drawn = {
        image_order(seed, epoch, 50, 50).tobytes()
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(drawn) == 9
