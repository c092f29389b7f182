"""The moving average of the weights, against one computed apart."""

import numpy as np
import pytest
import tensorflow as tf

from wrn.config import ModelConfig
from wrn.model import build_model
from wrn.training.averaging import WeightAverage, decay_at


@pytest.fixture
def model():
    return build_model(ModelConfig(depth=10, widen_factor=1))


@pytest.fixture
def new_average(model):
    """Return a maker of averages whose statistics are the sum of their weights."""

    def statistics_of(trained):
        total = sum(np.asarray(variable).sum() for variable in trained)
        statistics = [v for v in model.weights if not v.trainable]
        return [np.full(variable.shape, total) for variable in statistics]

    def new(decay, start=0):
        strategy = tf.distribute.get_strategy()
        return WeightAverage(model, decay, strategy, statistics_of, start)

    return new


def walk(model, average, steps):
    """Give the model other weights at each step; yield the step and all weights."""
    rng = np.random.default_rng(0)
    for step in range(1, steps + 1):
        for variable in model.weights:
            variable.assign(rng.normal(size=variable.shape))
        average.after_step(step)
        yield step, [np.asarray(v, np.float64) for v in model.trainable_variables]


def trained(model, average):
    return [
        np.asarray(mine)
        for mine, own in zip(average.variables, model.weights, strict=True)
        if own.trainable
    ]


def test_it_follows_the_weights_every_fifth_step(model):
    average = WeightAverage(model, 0.9, tf.distribute.get_strategy())
    for step, _ in walk(model, average, 60):
        weights = [np.asarray(v, np.float64) for v in model.weights]
        if step < 5:
            expected = weights
        elif step % 5 == 0:
            done = step // 5 - 1
            share = min(0.9, (1 + done) / (10 + done))
            expected = [
                share * old + (1 - share) * new
                for old, new in zip(expected, weights, strict=True)
            ]
    for mine, theirs in zip(average.variables, expected, strict=True):
        np.testing.assert_allclose(np.asarray(mine), theirs, atol=1e-5)


@pytest.mark.parametrize("start", [20, 23])
def test_one_that_begins_late_is_the_plain_mean_from_there_on(
    model, new_average, start
):
    average = new_average(0.999, start)
    counted = []
    for step, weights in walk(model, average, 60):
        if step <= start:
            counted = [weights]
        elif step % 5 == 0:
            counted.append(weights)
        expected = [np.mean(each, axis=0) for each in zip(*counted, strict=True)]
        for mine, theirs in zip(trained(model, average), expected, strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-5)


def test_the_first_weights_are_soon_forgotten():
    assert decay_at(0.99, 0) == pytest.approx(0.1)
    assert decay_at(0.99, 10_000) == 0.99


def test_a_plain_mean_keeps_no_more_than_the_share():
    assert decay_at(0.9, 1, alike=True) == 0.5
    assert decay_at(0.9, 10_000, alike=True) == 0.9


def test_in_place_lends_the_averages_and_gives_the_weights_back(model, new_average):
    average = new_average(0.9)
    for variable in model.weights:
        variable.assign(variable.value + 1)
    before = model.get_weights()
    with average.in_place():
        for variable, mean in zip(model.weights, average.variables, strict=True):
            np.testing.assert_array_equal(variable, mean)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_until_it_begins_the_statistics_are_those_of_the_training(model, new_average):
    average = new_average(0.9, 5)
    for _ in walk(model, average, 5):
        pass
    before = model.get_weights()
    with average.in_place():
        for lent, own in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(lent, own)


def test_the_statistics_are_those_of_the_averages(model, new_average):
    average = new_average(0.9)
    for _ in walk(model, average, 7):
        pass
    total = sum(mean.sum() for mean in trained(model, average))
    with average.in_place():
        for variable in model.weights:
            if not variable.trainable:
                np.testing.assert_allclose(variable, total, rtol=1e-5)


def test_an_interruption_gives_the_weights_back():
    model = build_model(ModelConfig(depth=10, widen_factor=1))
    average = WeightAverage(model, 0.9, tf.distribute.get_strategy())
    for weight in model.weights:
        weight.assign(weight.value + 1)
    before = model.get_weights()
    with pytest.raises(KeyboardInterrupt), average.in_place():
        raise KeyboardInterrupt
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
