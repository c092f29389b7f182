"""The devices that a training or an evaluation runs on, and their precision."""

import functools
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from wrn.errors import ConfigError
from wrn.host import best_cpu_precision

#: CUDA compute capability from which GPUs multiply bfloat16 (Ampere) and float16
#: (Volta) matrices in their tensor cores.
_BFLOAT16_CAPABILITY = (8, 0)
_FLOAT16_CAPABILITY = (7, 0)

#: Keras dtype policy of each precision.
_POLICIES = {
    "float32": "float32",
    "bfloat16": "mixed_bfloat16",
    "float16": "mixed_float16",
}


@dataclass(frozen=True)
class Devices:
    """Where to compute, and how exactly.

    Attributes:
        strategy: The `tf.distribute` strategy that spans the devices.
        precision: `float32`, `bfloat16` or `float16`.
        gpus: Number of GPUs.
        description: One sentence for people.
    """

    strategy: Any
    precision: str
    gpus: int
    description: str

    @property
    def policy(self) -> str:
        """The Keras dtype policy of the precision."""
        return _POLICIES[self.precision]

    @property
    def compile(self) -> bool:
        """Whether XLA helps: on GPUs. On the CPU it halves the speed."""
        return self.gpus > 0


def choose(precision: str = "auto") -> Devices:
    """Take every visible GPU, else the CPU.

    Args:
        precision: A precision, or `auto` for the fastest that the devices have.

    Raises:
        ConfigError: If the devices cannot be set up.
    """
    gpus = tf.config.list_physical_devices("GPU")
    _let_memory_grow()
    logical = tf.config.list_logical_devices("GPU")
    if len(logical) > 1:
        strategy = tf.distribute.MirroredStrategy([gpu.name for gpu in logical])
    else:
        strategy = tf.distribute.OneDeviceStrategy("GPU:0" if logical else "CPU:0")
    chosen = best_precision() if precision == "auto" else precision
    if chosen not in _POLICIES:
        raise ConfigError(
            f"precision must be auto, {', '.join(_POLICIES)}. Received: {precision!r}"
        )
    if gpus:
        names = [_gpu_name(gpu) for gpu in gpus]
        where = f"Computing on {len(gpus)} GPU{'s' * (len(gpus) > 1)}: " + ", ".join(
            names
        )
    else:
        where = "No GPU found: computing on the CPU"
    return Devices(strategy, chosen, len(logical), f"{where}, in {chosen}.")


def best_precision() -> str:
    """Return the fastest precision that every device has."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return best_cpu_precision()
    capability = min(_capability(gpu) for gpu in gpus)
    if capability >= _BFLOAT16_CAPABILITY:
        return "bfloat16"
    return "float16" if capability >= _FLOAT16_CAPABILITY else "float32"


@functools.cache
def _let_memory_grow() -> None:
    """Leave GPU memory to other programs until it is needed."""
    for gpu in tf.config.list_physical_devices("GPU"):
        # Refused once TensorFlow has started, which only costs the courtesy.
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:
            return


def _gpu_name(gpu: Any) -> str:
    details = tf.config.experimental.get_device_details(gpu)
    return str(details.get("device_name", gpu.name))


def _capability(gpu: Any) -> tuple[int, int]:
    details = tf.config.experimental.get_device_details(gpu)
    return tuple(details.get("compute_capability", (0, 0)))
