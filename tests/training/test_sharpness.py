"""Sharpness-aware minimization, against the same step done by hand."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.trainings import small
from wrn.architecture.wiring import wiring_of
from wrn.config import DataConfig
from wrn.devices import choose
from wrn.model import build_model
from wrn.training.session import Session
from wrn.training.sharpness import worst_nearby

RADIUS = 0.3


def test_the_worst_weights_lie_along_the_gradient():
    generator = np.random.default_rng(0)
    shapes = [(3, 2), (4,)]
    weights = [generator.normal(size=shape).astype(np.float32) for shape in shapes]
    gradients = [generator.normal(size=shape).astype(np.float32) for shape in shapes]
    found = worst_nearby(
        [tf.Variable(weight) for weight in weights],
        [tf.constant(1000 * gradient) for gradient in gradients],
        RADIUS,
    )
    norm = np.sqrt(sum((gradient**2).sum() for gradient in gradients))
    for after, before, gradient in zip(found, weights, gradients, strict=True):
        expected = before + RADIUS * gradient / norm
        np.testing.assert_allclose(after.numpy(), expected, rtol=1e-5)


def test_weights_without_gradient_stay():
    found = worst_nearby([tf.constant([1.0, 2.0])], [tf.zeros(2)], RADIUS)
    np.testing.assert_array_equal(found[0], [1.0, 2.0])


def training(radius):
    """Return the settings of a training on images as they are."""
    config = small(dropout=0.0, sam_radius=radius, weight_decay=0.01)
    data = DataConfig(source="synthetic", flip=False, crop_padding=0)
    return dataclasses.replace(config, data=data)


def gradients_by_hand(model, images, labels):
    """Return the mean loss's gradients, in NumPy."""
    with tf.GradientTape() as tape:
        logits = model(images, training=True)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        loss = tf.reduce_mean(losses)
    variables = [variable.value for variable in model.trainable_variables]
    return [gradient.numpy() for gradient in tape.gradient(loss, variables)]


@pytest.mark.slow
def test_a_step_descends_by_the_gradient_at_the_worst_weights(dataset):
    config = training(RADIUS)
    session = Session(config, dataset, choose("float32"))
    images = session.preprocessing.apply(dataset.train.images[:40].astype(np.float32))
    labels = dataset.train.labels[:40].astype(np.int32)
    twin = build_model(config.model, wiring_of(config))
    twin.set_weights(session.model.get_weights())
    before = [np.asarray(variable) for variable in twin.trainable_variables]
    first = gradients_by_hand(twin, images, labels)
    norm = np.sqrt(sum((gradient.astype(np.float64) ** 2).sum() for gradient in first))
    for variable, weight, gradient in zip(
        twin.trainable_variables, before, first, strict=True
    ):
        variable.assign(weight + RADIUS * gradient / norm)
    second = gradients_by_hand(twin, images, labels)
    session.step(0, np.arange(40, dtype=np.int32), 0.1)
    moved = 0.0
    for variable, weight, plain, sharp in zip(
        session.model.trainable_variables, before, first, second, strict=True
    ):
        # The first step of Nesterov, from a velocity of zero, with the decay of the
        # weights as they were.
        expected = weight - 0.1 * 1.9 * (sharp + 0.01 * weight)
        np.testing.assert_allclose(np.asarray(variable), expected, atol=2e-5)
        moved = max(moved, np.abs(0.1 * 1.9 * (sharp - plain)).max())
    # Else a step without it would have passed.
    assert moved > 1e-3


@pytest.mark.slow
def test_loss_hits_and_moving_statistics_are_those_of_the_weights_themselves(dataset):
    told, statistics = [], []
    for radius in (0.0, RADIUS):
        session = Session(training(radius), dataset, choose("float32"))
        told.append(session.step(0, np.arange(40, dtype=np.int32), 0.1))
        model = session.model
        statistics.append([np.asarray(v) for v in model.non_trainable_variables])
    assert told[0] == told[1]
    assert statistics[0]
    for one, two in zip(*statistics, strict=True):
        np.testing.assert_array_equal(one, two)
