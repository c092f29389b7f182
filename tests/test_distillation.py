"""Knowledge distillation, against the same done by hand."""

import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import ROOT
from tests.trainings import assert_same_arrays, small
from wrn import storing, weights
from wrn.config import DataConfig, ModelConfig
from wrn.devices import choose
from wrn.distillation import Teachers, distances
from wrn.errors import ConfigError, WeightsError
from wrn.model import build_model
from wrn.preprocessing import GcnZca, MeanStd, PerImage
from wrn.runs import RunStore, Status
from wrn.session import Session
from wrn.teacher_files import read_teachers
from wrn.training import train
from wrn.wiring import AUTHORS, FAMILIES, wiring_of

#: Not the statistics of any images at hand.
STATISTICS = MeanStd(mean=(90.0, 100.0, 110.0), std=(50.0, 60.0, 70.0))
TEACHER = ModelConfig(depth=10, widen_factor=2)
SHARE, TEMPERATURE = 0.7, 3.0


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def distances_by_hand(logits, taught, temperature):
    wanted = softmax(taught.astype(np.float64) / temperature)
    found = softmax(logits.astype(np.float64) / temperature)
    return temperature**2 * (wanted * np.log(wanted / found)).sum(axis=1)


def some_logits():
    generator = np.random.default_rng(3)
    return generator.normal(0, 4, (2, 6, 10)).astype(np.float32)


def test_distances_are_divergences_of_softened_probabilities():
    logits, taught = some_logits()
    for temperature in (1.0, TEMPERATURE):
        expected = distances_by_hand(logits, taught, temperature)
        assert expected.min() > 0.1
        found = distances(logits, taught, temperature)
        np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_allclose(distances(taught, taught, 2.0), 0.0, atol=1e-5)


def test_their_gradient_is_the_difference_of_the_probabilities():
    """Equation 2 of the paper, times the temperature squared."""
    logits, taught = some_logits()
    with tf.GradientTape() as tape:
        variable = tf.Variable(logits)
        total = tf.reduce_sum(distances(variable, taught, TEMPERATURE))
    expected = TEMPERATURE * (
        softmax(logits / TEMPERATURE) - softmax(taught / TEMPERATURE)
    )
    np.testing.assert_allclose(tape.gradient(total, variable), expected, atol=1e-5)


def write_teacher(
    path, config=TEACHER, wiring=AUTHORS, preprocessing=STATISTICS, seed=7
):
    """Write a network of random weights with what it did to its images."""
    model = build_model(config, wiring, seed=seed)
    # So that its answers are not all alike.
    dense = model.get_layer("dense")
    dense.kernel.assign(10 * dense.kernel)
    metadata = {
        "model": config.to_dict(),
        "wiring": wiring.to_dict(),
        "train": {"seed": seed},
        "commit": "abc",
    }
    if preprocessing:
        metadata["preprocessing"] = preprocessing.to_dict()
    arrays = preprocessing.arrays() if preprocessing else None
    weights.save(path, model, metadata, preprocessing=arrays)
    return model


def distilling(*paths, preprocessing="mean-std", **settings):
    """Return the settings of a training by teachers, on images as they are."""
    config = small(
        dropout=0.0,
        teacher=", ".join(map(str, paths)),
        teacher_share=SHARE,
        temperature=TEMPERATURE,
        **settings,
    )
    data = DataConfig(
        source="synthetic", preprocessing=preprocessing, flip=False, crop_padding=0
    )
    return dataclasses.replace(config, data=data)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "large.weights.h5"


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")


def session_of(config, dataset, folder, precision="float32", devices="auto"):
    chosen = choose(precision, devices)
    teachers = read_teachers(config, folder / "teachers")
    return Session(config, dataset, chosen, teachers=teachers)


def first_images(dataset, count=40):
    """Return images as the student and the teacher see them, and labels."""
    images = STATISTICS.apply(dataset.train.images[:count].astype(np.float32))
    return images, dataset.train.labels[:count].astype(np.int32)


def attention_by_hand(features):
    strength = tf.reduce_sum(features**2, axis=-1)
    flat = tf.reshape(strength, (len(strength), -1))
    return flat / tf.sqrt(tf.reduce_sum(flat**2, axis=1, keepdims=True))


def looking(model):
    """Return a model of depth 10 that tells what its three groups put out."""
    groups = [model.get_layer(f"group{n}_block1_add").output for n in (1, 2, 3)]
    return keras.Model(model.input, [model.output, *groups])


def attention_loss_by_hand(told, taught):
    """Return how far the attention of each image is."""
    return sum(
        tf.reduce_mean((attention_by_hand(a) - attention_by_hand(b)) ** 2, axis=1)
        for a, b in zip(told, taught, strict=True)
    )


def loss_by_hand(logits, taught, labels, smoothing):
    """Return the loss of each image, less what has no gradient, as tensors."""
    targets = np.full(logits.shape, smoothing / 10, np.float32)
    targets[np.arange(len(labels)), labels] += 1 - smoothing
    of_labels = -tf.reduce_sum(targets * tf.nn.log_softmax(logits), axis=1)
    wanted = tf.nn.softmax(taught / TEMPERATURE)
    of_teacher = -tf.reduce_sum(
        wanted * tf.nn.log_softmax(logits / TEMPERATURE), axis=1
    )
    far = distances_by_hand(logits.numpy(), taught.numpy(), TEMPERATURE)
    told = (1 - SHARE) * of_labels.numpy() + SHARE * far
    return (1 - SHARE) * of_labels + SHARE * TEMPERATURE**2 * of_teacher, told


def assert_first_step(model, before, gradients):
    """Compare with the first step of Nesterov, from a velocity of zero."""
    for variable, weight, gradient in zip(
        model.trainable_variables, before, gradients, strict=True
    ):
        expected = -0.1 * 1.9 * gradient
        wrong = np.linalg.norm(np.asarray(variable) - weight - expected)
        # Here and there an activation that is all but 0 is cut off by one alone.
        assert wrong < 2e-2 * np.linalg.norm(expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("smoothing", "radius", "attention_weight"),
    [(0.0, 0.0, 0.0), (0.1, 0.0, 0.0), (0.0, 0.3, 0.0), (0.0, 0.0, 3000.0)],
)
def test_a_step_descends_the_loss_of_labels_and_teacher(
    dataset, path, tmp_path, smoothing, radius, attention_weight
):
    teacher = write_teacher(path)
    config = distilling(
        path,
        weight_decay=0.0,
        label_smoothing=smoothing,
        sam_radius=radius,
        attention_weight=attention_weight,
    )
    session = session_of(config, dataset, tmp_path)
    images, labels = first_images(dataset)
    twin = build_model(config.model, wiring_of(config))
    twin.set_weights(session.model.get_weights())
    taught, *wanted = looking(teacher)(images, training=False)
    student = looking(twin)

    def gradients_and_losses():
        with tf.GradientTape() as tape:
            logits, *groups = student(images, training=True)
            losses, told = loss_by_hand(logits, taught, labels, smoothing)
            far = attention_weight * attention_loss_by_hand(groups, wanted)
            loss = tf.reduce_mean(losses + far)
            # Else a loss without it would pass.
            assert not attention_weight or far.numpy().min() > 0.1
            told = told + far.numpy()
        gradients = tape.gradient(loss, twin.trainable_variables)
        return [gradient.numpy() for gradient in gradients], told

    before = [np.asarray(variable) for variable in twin.trainable_variables]
    gradients, expected = gradients_and_losses()
    if radius:
        # The gradient is taken where the loss is highest nearby.
        norm = np.sqrt(sum((each.astype(np.float64) ** 2).sum() for each in gradients))
        for variable, weight, gradient in zip(
            twin.trainable_variables, before, gradients, strict=True
        ):
            variable.assign(weight + radius * gradient / norm)
        plain, (gradients, _) = gradients, gradients_and_losses()
        # Else a step without it would pass.
        assert np.linalg.norm(gradients[0] - plain[0]) > np.linalg.norm(plain[0]) / 5
    told, _ = session.step(0, np.arange(40, dtype=np.int32), 0.1)
    assert told == pytest.approx(expected.sum(), rel=1e-4)
    assert_first_step(session.model, before, gradients)


def test_several_teachers_answer_with_the_mean_of_their_logits(tmp_path):
    paths = [tmp_path / f"{each}.weights.h5" for each in "abc"]
    models = [
        write_teacher(paths[0]),
        write_teacher(paths[1], ModelConfig(depth=10, widen_factor=1), seed=8),
        write_teacher(paths[2], wiring=FAMILIES["titu1994"], seed=9),
    ]
    files = read_teachers(distilling(*paths), tmp_path / "teachers")
    images = np.random.default_rng(5).normal(size=(6, 32, 32, 3)).astype(np.float32)
    each = [np.asarray(model(images, training=False)) for model in models]
    assert np.abs(each[0] - each[1]).min() > 1e-3
    found = Teachers(files, "float32").answers(images).logits
    np.testing.assert_allclose(found, sum(each) / 3, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_other_precisions_tell_about_the_same(dataset, path, tmp_path, precision):
    write_teacher(path)
    told = []
    for each in ("float32", precision):
        session = session_of(distilling(path), dataset, tmp_path, each)
        told.append(session.step(0, np.arange(40, dtype=np.int32), 0.1)[0])
    assert told[1] == pytest.approx(told[0], rel=0.05)
    assert told[1] != told[0]


# Every replica normalizes and compares its own images.
TWO_DEVICES = """
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)
import sys
from pathlib import Path
from tests.test_distillation import *
from wrn.data import load_cached

path = Path(sys.argv[1])
teacher = write_teacher(path)
config = distilling(path, devices="cpu:0,cpu:1", weight_decay=0.0)
dataset = load_cached("synthetic")
session = session_of(config, dataset, path.parent, devices="cpu:0,cpu:1")
twin = build_model(config.model, wiring_of(config))
twin.set_weights(session.model.get_weights())
before = [np.asarray(variable) for variable in twin.trainable_variables]
images, labels = first_images(dataset)
gradients, expected = 0, 0
for half in (slice(20), slice(20, 40)):
    taught = teacher(images[half], training=False)
    with tf.GradientTape() as tape:
        logits = twin(images[half], training=True)
        losses, by_hand = loss_by_hand(logits, taught, labels[half], 0.0)
        loss = tf.reduce_sum(losses) / 40
    found = tape.gradient(loss, twin.trainable_variables)
    found = [each.numpy() for each in found]
    gradients = [a + b for a, b in zip(gradients, found)] if gradients else found
    expected += by_hand.sum()
told, _ = session.step(0, np.arange(40, dtype=np.int32), 0.1)
np.testing.assert_allclose(told, expected, rtol=1e-4)
assert_first_step(session.model, before, gradients)
"""


@pytest.mark.slow
def test_on_two_devices_each_asks_the_teacher_about_its_own_images(path):
    subprocess.run(
        [sys.executable, "-c", TWO_DEVICES, str(path)],
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        timeout=300,
    )


@pytest.mark.slow
def test_resumed_it_ends_exactly_like_uninterrupted(store, dataset, path):
    """The run keeps its teachers: the files are needed no more."""
    other = path.with_name("other.weights.h5")
    write_teacher(path)
    write_teacher(other, seed=8)
    config = distilling(path, other, mixup=0.3, first_size=24)
    whole, parts = store.create(config, "whole"), store.create(config, "parts")
    train(config, dataset, whole)
    asked = iter(range(1000))
    train(config, dataset, parts, should_stop=lambda: next(asked) == 5)
    path.unlink()
    other.unlink()
    assert train(config, dataset, parts).finished
    assert_same_arrays(whole.last_weights, parts.last_weights)


@pytest.mark.slow
def test_file_and_card_tell_of_the_teachers_and_of_no_path(
    store, dataset, path, tmp_path, monkeypatch
):
    other = path.with_name("other.weights.h5")
    write_teacher(path)
    write_teacher(other, seed=8)
    config = distilling(path, other, epochs=1)
    run = store.create(config, "student")
    train(config, dataset, run)
    told = weights.read(run.last_weights).metadata
    first, second = told["teachers"]
    assert first["file"] == "large.weights.h5"
    assert first["model"]["widen_factor"] == 2
    assert first["train"]["seed"] == 7
    assert first["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert second["file"] == "other.weights.h5"
    assert second["train"]["seed"] == 8
    # The student sees what the teacher knows.
    assert told["preprocessing"] == STATISTICS.to_dict()
    monkeypatch.setattr("wrn.storing.load_cached", lambda source: dataset)
    run.write_status(Status(state="finished"))
    card = storing.store(run, "synthetic", folder=tmp_path / "models")
    assert card["teachers"] == told["teachers"]
    names = card["settings"]["train"]["teacher"]
    assert names == "large.weights.h5,other.weights.h5"
    assert str(tmp_path) not in json.dumps([card, told])


@pytest.mark.parametrize(
    ("teacher", "settings", "refusal", "message"),
    [
        (
            {"config": ModelConfig(depth=10, widen_factor=1, classes=100)},
            {},
            ConfigError,
            r"teacher must know 10 classes\. Received: .*, which knows 100",
        ),
        (
            {"wiring": FAMILIES["asmith26"]},
            {"first_size": 24},
            ConfigError,
            r"first_size must be 32 with the teacher .*Received: 24",
        ),
        (
            {"preprocessing": PerImage()},
            {},
            ConfigError,
            r"trained with preprocessing mean-std, .*, trained with per-image",
        ),
        (
            {},
            {"preprocessing": "keras-zca"},
            ConfigError,
            r"mean-std for .*Received: keras-zca",
        ),
        ({"preprocessing": None}, {}, WeightsError, r"teacher must be .*tells how"),
    ],
)
def test_a_teacher_that_does_not_suit_is_refused(
    path, teacher, settings, refusal, message
):
    write_teacher(path, **teacher)
    with pytest.raises(refusal, match=message):
        read_teachers(distilling(path, **settings), path.with_name("teachers"))


def statistics(kind, first):
    """Return the figures of a preprocessing, of which one is given."""
    if kind == "mean-std":
        return MeanStd(mean=(first, 100.0, 110.0), std=(50.0, 60.0, 70.0))
    mean = np.zeros(3072, np.float32)
    mean[0] = first
    return GcnZca(mean=mean, matrix=np.eye(3072, dtype=np.float32))


@pytest.mark.parametrize("kind", ["mean-std", "gcn-zca"])
def test_teachers_of_other_statistics_are_refused(path, kind):
    """Those of one kind are told in words, those of the other are arrays."""
    other, folder = path.with_name("other.weights.h5"), path.with_name("teachers")
    write_teacher(path, preprocessing=statistics(kind, 90.0))
    config = distilling(path, other, preprocessing=kind)
    write_teacher(other, preprocessing=statistics(kind, 90.5))
    with pytest.raises(
        ConfigError, match=r"Received: .*other.* are not those of the first"
    ):
        read_teachers(config, folder)
    shutil.rmtree(folder)
    write_teacher(other, preprocessing=statistics(kind, 90.0))
    assert len(read_teachers(config, folder)) == 2


@pytest.mark.parametrize("content", [None, b"no weights"])
def test_a_file_that_is_none_is_named(path, content):
    kept = path.with_name("teachers")
    if content:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"^teacher .*large\.weights\.h5: "):
        read_teachers(distilling(path), kept)
    assert not kept.exists()


def test_without_a_teacher_there_is_none(tmp_path):
    assert read_teachers(small(), tmp_path / "teachers") == []
    assert not (tmp_path / "teachers").exists()
