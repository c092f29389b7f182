import keras
import numpy as np
import pytest

from wrn.config import TrainConfig
from wrn.optimizer import build_optimizer


def torch_sgd(weights, gradients, rates, momentum, decay, nesterov):
    """SGD as in torch/optim's sgd.lua, with dampening 0, in float64."""
    w, v = weights.astype(np.float64), None
    for g, rate in zip(gradients, rates, strict=True):
        g = g + decay * w
        v = g.copy() if v is None else momentum * v + g
        w = w - rate * (g + momentum * v if nesterov else v)
    return w


@pytest.mark.parametrize("optimizer", ["nesterov", "sgd"])
@pytest.mark.parametrize("momentum", [0.9, 0.0])
def test_steps_equal_torchs(optimizer, momentum, random):
    weights = random.normal(0, 1, (3, 4)).astype(np.float32)
    gradients = random.normal(0, 1, (12, 3, 4)).astype(np.float32)
    # The rate drops in the middle: a velocity that held the rate would lag behind.
    rates = [0.1] * 6 + [0.02] * 6
    train = TrainConfig(optimizer=optimizer, momentum=momentum, weight_decay=0.05)
    sgd = build_optimizer(train)
    variable = keras.Variable(weights)
    sgd.build([variable])
    for gradient, rate in zip(gradients, rates, strict=True):
        sgd.learning_rate.assign(rate)
        sgd.apply([keras.ops.convert_to_tensor(gradient)], [variable])
    expected = torch_sgd(
        weights, gradients, rates, momentum, 0.05, optimizer == "nesterov"
    )
    np.testing.assert_allclose(variable.numpy(), expected, rtol=2e-5, atol=2e-6)


def test_reset_momentum_forgets_the_velocity(random):
    sgd = build_optimizer(TrainConfig(weight_decay=0.0))
    variable = keras.Variable(np.zeros(3, np.float32))
    sgd.build([variable])
    gradient = keras.ops.ones(3)
    sgd.apply([gradient], [variable])
    first = variable.numpy().copy()
    sgd.reset_momentum()
    sgd.apply([gradient], [variable])
    np.testing.assert_allclose(variable.numpy(), 2 * first, rtol=1e-6)
