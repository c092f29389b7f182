"""The moving average of the weights, against one computed apart."""

import numpy as np
import pytest
import tensorflow as tf

from wrn.averaging import WeightAverage, decay_at
from wrn.config import ModelConfig
from wrn.model import build_model


@pytest.fixture
def model():
    return build_model(ModelConfig(depth=10, widen_factor=1))


@pytest.fixture
def average(model):
    return WeightAverage(model, 0.9, tf.distribute.get_strategy())


def test_it_follows_the_weights_every_fifth_step(model, average):
    rng = np.random.default_rng(0)
    expected = [np.asarray(v, np.float64) for v in model.variables]
    for step in range(1, 61):
        for variable in model.variables:
            variable.assign(rng.normal(size=variable.shape))
        average.after_step(step)
        if step < 5:
            expected = [np.asarray(new, np.float64) for new in model.variables]
        elif step % 5 == 0:
            done = step // 5 - 1
            share = min(0.9, (1 + done) / (10 + done))
            expected = [
                share * old + (1 - share) * np.asarray(new)
                for old, new in zip(expected, model.variables, strict=True)
            ]
    for mine, theirs in zip(average.variables, expected, strict=True):
        np.testing.assert_allclose(np.asarray(mine), theirs, atol=1e-5)


def test_the_first_weights_are_soon_forgotten():
    assert decay_at(0.99, 0) == pytest.approx(0.1)
    assert decay_at(0.99, 10_000) == 0.99


def test_in_place_lends_the_averages_and_gives_the_weights_back(model, average):
    for variable in model.variables:
        variable.assign(variable.value + 1)
    before = model.get_weights()
    with average.in_place():
        for variable, mean in zip(model.variables, average.variables, strict=True):
            np.testing.assert_array_equal(variable, mean)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
