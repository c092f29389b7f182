"""Knowledge distillation, against the same done by hand."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import ROOT
from tests.teachers import SHARE, STATISTICS, TEMPERATURE, distilling, write_teacher
from tests.trainings import small
from wrn.architecture.wiring import FAMILIES, wiring_of
from wrn.config import ModelConfig
from wrn.devices import choose
from wrn.model import build_model
from wrn.training.distillation import Answers, Teachers, distances
from wrn.training.loss import image_losses
from wrn.training.session import Session
from wrn.training.teacher_files import read_teachers


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


@pytest.fixture
def path(tmp_path):
    return tmp_path / "large.weights.h5"


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


@pytest.mark.slow
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
    found = Teachers(files, "float32", look=True).answers(images)
    np.testing.assert_allclose(found.logits, sum(each) / 3, rtol=1e-4, atol=1e-4)
    seen = [looking(model)(images, training=False)[1:] for model in models]
    for group in range(3):
        maps = [attention_by_hand(of_model[group]).numpy() for of_model in seen]
        assert np.abs(maps[0] - maps[1]).max() > 1e-3
        np.testing.assert_allclose(
            found.attention[group], sum(maps) / 3, rtol=1e-3, atol=1e-5
        )
    # Asked for their logits alone, they tell no more.
    assert Teachers(files, "float32").answers(images).attention == []


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_other_precisions_tell_about_the_same(dataset, path, tmp_path, precision):
    write_teacher(path)
    told = []
    for each in ("float32", precision):
        config = distilling(path, attention_weight=100.0)
        session = session_of(config, dataset, tmp_path, each)
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
from tests.training.test_distillation import *
from wrn.data import load_cached

path = Path(sys.argv[1])
teacher = write_teacher(path)
config = distilling(
    path, devices="cpu:0,cpu:1", weight_decay=0.0, attention_weight=3000.0
)
dataset = load_cached("synthetic")
session = session_of(config, dataset, path.parent, devices="cpu:0,cpu:1")
twin = build_model(config.model, wiring_of(config))
twin.set_weights(session.model.get_weights())
before = [np.asarray(variable) for variable in twin.trainable_variables]
images, labels = first_images(dataset)
gradients, expected = 0, 0
for half in (slice(20), slice(20, 40)):
    taught, *wanted = looking(teacher)(images[half], training=False)
    with tf.GradientTape() as tape:
        logits, *groups = looking(twin)(images[half], training=True)
        losses, by_hand = loss_by_hand(logits, taught, labels[half], 0.0)
        far = 3000.0 * attention_loss_by_hand(groups, wanted)
        loss = tf.reduce_sum(losses + far) / 40
        by_hand = by_hand + far.numpy()
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


def test_blends_are_taught_too(random):
    logits = (tf.constant(random.normal(size=(6, 10)), tf.float32) for _ in range(2))
    told, taught = (Answers(each, []) for each in logits)
    labels, mixed = tf.range(6), tf.constant(0.8)
    alone = small(mixup=0.2)
    both = small(mixup=0.2, teacher="t.h5", teacher_share=0.7, temperature=3.0)
    found = image_losses(both, labels, told, mixed=mixed, taught=taught)
    own = image_losses(alone, labels, told, mixed=mixed)
    far = distances(told.logits, taught.logits, 3.0)
    np.testing.assert_allclose(found, 0.3 * own + 0.7 * far, rtol=1e-5)
