"""The optimizers against NumPy."""

import keras
import numpy as np
import pytest

from wrn.config import ModelConfig, TrainConfig
from wrn.model import build_model
from wrn.training.optimizer import build_optimizer


def torch_sgd(weights, gradients, rates, momentum, decay, nesterov):
    """SGD as in torch/optim's sgd.lua, with dampening 0, in float64."""
    w, v = weights.astype(np.float64), None
    for g, rate in zip(gradients, rates, strict=True):
        g = g + decay * w
        v = g.copy() if v is None else momentum * v + g
        w = w - rate * (g + momentum * v if nesterov else v)
    return w


def keras_nesterov(weights, gradients, rates, momentum, decay):
    """SGD as Keras 2 has it, with the gradient of an L2 penalty, in float64."""
    w, v = weights.astype(np.float64), 0.0
    for g, rate in zip(gradients, rates, strict=True):
        # keras.regularizers.l2(decay / 2) adds decay / 2 * sum(w^2) to the loss.
        g = g + decay * w
        v = momentum * v - rate * g
        w = w + momentum * v - rate * g
    return w


#: The rate drops in the middle: a velocity that holds the rate lags behind.
RATES = [0.1] * 6 + [0.02] * 6


def take_steps(train, weights, gradients):
    """Return the weights after steps of the optimizer, and the optimizer."""
    sgd = build_optimizer(train)
    variable = keras.Variable(weights, name="kernel")
    sgd.build([variable])
    for gradient, rate in zip(gradients, RATES, strict=True):
        sgd.learning_rate.assign(rate)
        sgd.apply([keras.ops.convert_to_tensor(gradient)], [variable])
    return variable.numpy(), sgd


@pytest.fixture
def weights(random):
    return random.normal(0, 1, (3, 4)).astype(np.float32)


@pytest.fixture
def gradients(random):
    return random.normal(0, 1, (12, 3, 4)).astype(np.float32)


@pytest.mark.parametrize("optimizer", ["nesterov", "sgd"])
@pytest.mark.parametrize("momentum", [0.9, 0.0])
def test_steps_equal_torchs(optimizer, momentum, weights, gradients):
    train = TrainConfig(optimizer=optimizer, momentum=momentum, weight_decay=0.05)
    found, _ = take_steps(train, weights, gradients)
    expected = torch_sgd(
        weights, gradients, RATES, momentum, 0.05, optimizer == "nesterov"
    )
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("momentum", [0.9, 0.0])
def test_steps_equal_keras_2s(momentum, weights, gradients):
    train = TrainConfig(
        optimizer="keras-nesterov", momentum=momentum, weight_decay=0.05
    )
    found, _ = take_steps(train, weights, gradients)
    expected = keras_nesterov(weights, gradients, RATES, momentum, 0.05)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6)
    torchs = torch_sgd(weights, gradients, RATES, momentum, 0.05, True)
    # They differ only by where the rate is: in the velocity, or outside.
    assert (np.abs(torchs - expected).max() > 0.01) == (momentum > 0)


@pytest.mark.parametrize("decayed", ["all weights", "kernels"])
def test_what_decays(decayed):
    """By the paper every weight does, biases and batch-norm parameters too."""
    model = build_model(ModelConfig(depth=10, widen_factor=1))
    sgd = build_optimizer(
        TrainConfig(weight_decay=0.5, decayed=decayed, learning_rate=0.1)
    )
    variables = model.trainable_variables
    for variable in variables:
        variable.assign(np.ones(variable.shape))
    sgd.build(variables)
    sgd.apply([keras.ops.zeros(variable.shape) for variable in variables], variables)
    for variable in variables:
        # Nesterov's first step is 1.9 gradients long.
        decays = decayed == "all weights" or len(variable.shape) > 1
        expected = 1 - 0.1 * 1.9 * 0.5 if decays else 1.0
        np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-6)
    assert sum(len(variable.shape) == 1 for variable in variables) == 7 * 2 + 1


@pytest.mark.parametrize("optimizer", ["nesterov", "keras-nesterov"])
def test_only_the_authors_optimizer_forgets_its_velocity_at_a_drop(
    optimizer, weights, gradients
):
    train = TrainConfig(optimizer=optimizer, weight_decay=0.0)
    _, sgd = take_steps(train, weights, gradients)
    (before,) = [velocity.numpy().copy() for velocity in sgd.momentums]
    sgd.at_drop()
    (after,) = [velocity.numpy() for velocity in sgd.momentums]
    if optimizer == "nesterov":
        assert (after == 0).all()
    else:
        np.testing.assert_array_equal(after, before)
