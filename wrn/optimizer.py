"""SGD with momentum exactly as in the authors' code.

Keras's own SGD differs twice: its weight decay is decoupled from the gradient, and
its velocity holds the learning rate, so that a lower rate takes effect late.
"""

from typing import Any

import keras
import tensorflow as tf

from wrn.config import TrainConfig


class CoupledSGD(keras.optimizers.SGD):
    """SGD with Torch's momentum and the weight decay inside the gradient.

    For each weight w with gradient g, velocity v, rate lr, momentum m, decay d:

        g <- g + d * w
        v <- m * v + g
        w <- w - lr * (g + m * v)    with Nesterov, else w - lr * v

    Source:
        torch/optim sgd.lua, with dampening 0, as the authors' train.lua calls it.
    """

    def __init__(self, *, coupled_weight_decay: float = 0.0, **kwargs: Any) -> None:
        """Take the decay beside the settings of Keras's SGD."""
        super().__init__(**kwargs)
        self.coupled_weight_decay = coupled_weight_decay

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable in place."""
        gradient = gradient + self.coupled_weight_decay * variable
        if not self.momentum:
            self.assign_sub(variable, learning_rate * gradient)
            return
        velocity = self.momentums[self._get_variable_index(variable)]
        new_velocity = self.momentum * velocity + gradient
        self.assign(velocity, new_velocity)
        step = (
            gradient + self.momentum * new_velocity if self.nesterov else new_velocity
        )
        self.assign_sub(variable, learning_rate * step)

    def reset_momentum(self) -> None:
        """Set every velocity to zero."""
        for velocity in self.momentums:
            velocity.assign(tf.zeros_like(velocity))


def build_optimizer(train: TrainConfig) -> CoupledSGD:
    """Build the optimizer of a training. Its learning rate is set at each step."""
    return CoupledSGD(
        learning_rate=train.learning_rate,
        momentum=train.momentum,
        nesterov=train.optimizer == "nesterov",
        coupled_weight_decay=train.weight_decay,
    )
