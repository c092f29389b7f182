"""SGD with momentum exactly as in the authors' code, and as Keras does it.

Keras's own SGD differs twice: its weight decay is decoupled from the gradient, and
its velocity holds the learning rate, so that a lower rate takes effect late. The
decay is inside the gradient in both classes here.
"""

from typing import Any

import tensorflow as tf

from wrn.config import TrainConfig
from wrn.own_keras import keras
from wrn.training.collective import sums


class CoupledSGD(keras.optimizers.SGD):
    """SGD with Torch's momentum and the weight decay inside the gradient.

    For each weight w with gradient g, velocity v, rate lr, momentum m, decay d:

        g <- g + d * w           for the weights that decay
        v <- m * v + g
        w <- w - lr * (g + m * v)    with Nesterov, else w - lr * v

    Source:
        torch/optim sgd.lua, with dampening 0, as the authors' train.lua calls it.
    """

    def __init__(
        self,
        *,
        coupled_weight_decay: float = 0.0,
        only_kernels: bool = False,
        **kwargs: Any,
    ) -> None:
        """Take the decay, and what decays, beside the settings of Keras's SGD."""
        super().__init__(**kwargs)
        self.coupled_weight_decay = coupled_weight_decay
        self.only_kernels = only_kernels
        self._decays: list[bool] = []

    def build(self, variables: Any) -> None:
        """Make the velocities, and note which variables decay."""
        # Noted here, since `update_step` may be given TensorFlow's variables, which
        # have other names.
        self._decays = [not self.only_kernels or v.name == "kernel" for v in variables]
        super().build(variables)

    def _all_reduce_sum_gradients(self, pairs: Any) -> Any:
        """Add up the replicas' gradients, where Keras does. See `sums` for why."""
        gradients, variables = zip(*pairs, strict=True)
        return list(zip(sums(gradients), variables, strict=True))

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable in place."""
        if self._decays[self._get_variable_index(variable)]:
            gradient = gradient + self.coupled_weight_decay * variable
        self.descend(gradient, variable, learning_rate)

    def descend(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable by a gradient that holds the decay already."""
        if not self.momentum:
            self.assign_sub(variable, learning_rate * gradient)
            return
        velocity = self.momentums[self._get_variable_index(variable)]
        # The last two lines of the formula: traced and run as one operation, not six.
        tf.raw_ops.ResourceApplyMomentum(
            var=variable.handle,
            accum=velocity.value.handle,
            lr=learning_rate,
            grad=gradient,
            momentum=self.momentum,
            use_nesterov=self.nesterov,
        )

    def at_drop(self) -> None:
        """Set every velocity to zero: the authors' code makes a new state here.

        To be called when the learning rate has dropped, before the next step.
        """
        for velocity in self.momentums:
            velocity.assign(tf.zeros_like(velocity))


class KerasSGD(CoupledSGD):
    """SGD whose velocity holds the learning rate and is kept at drops, as Keras's.

    With the letters of `CoupledSGD` and the same decay:

        v <- m * v - lr * g
        w <- w + m * v - lr * g      with Nesterov, else w + v
    """

    def descend(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable by Keras's own step."""
        keras.optimizers.SGD.update_step(self, gradient, variable, learning_rate)

    def at_drop(self) -> None:
        """Keep every velocity."""


def build_optimizer(train: TrainConfig) -> CoupledSGD:
    """Build the optimizer of a training. Its learning rate is set at each step."""
    kind = KerasSGD if train.optimizer == "keras-nesterov" else CoupledSGD
    return kind(
        learning_rate=train.learning_rate,
        momentum=train.momentum,
        nesterov=train.optimizer != "sgd",
        coupled_weight_decay=train.weight_decay,
        only_kernels=train.decayed == "kernels",
    )
