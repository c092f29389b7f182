"""The devices that a training or an evaluation runs on, and their precision."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from wrn.cluster import Cluster
from wrn.errors import ClusterError, ConfigError
from wrn.machine.host import best_cpu_precision

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

_making = threading.Lock()
_strategies: dict[frozenset[str], Any] = {}

#: More groups of devices than a strategy has.
_KEYS_OF_A_STRATEGY = 100


@dataclass(frozen=True)
class Devices:
    """Where to compute, and how exactly.

    Attributes:
        strategy: The `tf.distribute` strategy that spans the devices.
        precision: `float32`, `bfloat16` or `float16`.
        gpus: Number of GPUs in this machine.
        where: The same in words, the beginning of a sentence.
        workers: Number of processes that train together, usually one a machine.
        chief: Whether this process is the one that writes the run.
    """

    strategy: Any
    precision: str
    gpus: int
    where: str
    workers: int = 1
    chief: bool = True

    @property
    def description(self) -> str:
        """One sentence for people."""
        return f"{self.where}, in {self.precision}."

    @property
    def policy(self) -> str:
        """The Keras dtype policy of the precision."""
        return _POLICIES[self.precision]

    @property
    def first(self) -> str:
        """The device of what is computed once, such as the measurements."""
        return str(self.strategy.extended.worker_devices[0])

    @property
    def compile(self) -> bool:
        """Whether XLA helps: on GPUs. On the CPU it halves the speed."""
        return self.gpus > 0


def choose(
    precision: str = "auto", devices: str = "auto", cluster: Cluster | None = None
) -> Devices:
    """Set up the devices to compute on.

    With a cluster it must come before all else that TensorFlow does in the process,
    and returns when every worker has come.

    Args:
        precision: A precision, or `auto` for the fastest that the devices have.
        devices: `auto` for every GPU, else the CPU; `cpu`; or a list such as
            `gpu:0,gpu:1`.
        cluster: The workers to train with, if there are others.

    Raises:
        ConfigError: If there are no such devices, or no such precision.
        ClusterError: If this worker's port is in use.
    """
    if precision not in ("auto", *_POLICIES):
        raise ConfigError(
            f"precision must be auto, {', '.join(_POLICIES)}. Received: {precision!r}"
        )
    # Several workers' strategy must find TensorFlow's runtime unstarted.
    names = _selected(devices, _physical() if cluster else _logical())
    gpus = [_gpu(name) for name in names if name.startswith("gpu")]
    if cluster:
        strategy = _strategy_of_workers(names, gpus, cluster.address)
    elif len(names) > 1:
        strategy = _mirrored(names)
    else:
        strategy = tf.distribute.OneDeviceStrategy(names[0])
    chosen = _best_precision(gpus) if precision == "auto" else precision
    if gpus:
        where = f"Computing on {len(gpus)} GPU{'s' * (len(gpus) > 1)}: " + ", ".join(
            map(_gpu_name, gpus)
        )
    elif len(names) > 1:
        where = f"Computing on {', '.join(names)}"
    elif devices == "auto":
        where = "No GPU found: computing on the CPU"
    else:
        where = "Computing on the CPU"
    workers = cluster.workers if cluster else 1
    if cluster:
        where += f", as one of {workers} workers"
    return Devices(
        strategy,
        chosen,
        len(gpus),
        where,
        workers=workers,
        chief=cluster is None or cluster.chief,
    )


def _selected(devices: str, known: list[str]) -> list[str]:
    """Return the names of the devices asked for, all of one kind."""
    if devices == "auto":
        return [name for name in known if name.startswith("gpu")] or ["cpu:0"]
    names = ["cpu:0" if n.strip() == "cpu" else n.strip() for n in devices.split(",")]
    kinds = {name.partition(":")[0] for name in names}
    if not set(names) <= set(known) or len(kinds) > 1 or len(set(names)) < len(names):
        raise ConfigError(
            "devices must be auto, cpu, or a list of one kind, none twice, out of "
            f"{', '.join(known)}. Received: {devices!r}"
        )
    return names


def _physical() -> list[str]:
    return _names(tf.config.list_physical_devices)


def _logical() -> list[str]:
    return _names(tf.config.list_logical_devices)


def _names(list_devices: Callable[[str], list[Any]]) -> list[str]:
    return [
        f"{kind.lower()}:{index}"
        for kind in ("CPU", "GPU")
        for index in range(len(list_devices(kind)))
    ]


def _mirrored(names: list[str]) -> Any:
    """Return the one strategy of these devices that this process has.

    Each new one counts its groups of devices and their operations from the same start,
    and TensorFlow refuses a number that it knows of other devices or shapes: so there
    is one for each set of devices, which begins where no other has come to.
    """
    key = frozenset(names)
    with _making:
        if key not in _strategies:
            kind = tf.distribute.MirroredStrategy
            kind._collective_key_base = _KEYS_OF_A_STRATEGY * len(_strategies)
            _strategies[key] = kind(names)
        return _strategies[key]


def _strategy_of_workers(names: list[str], gpus: list[Any], address: str) -> Any:
    """Make the strategy of several workers, which takes every GPU that it sees."""
    tf.config.set_visible_devices(gpus, "GPU")
    if not gpus and len(names) > 1:
        raise ConfigError(
            "devices of several workers must be auto, cpu or GPUs. "
            f"Received: {','.join(names)!r}"
        )
    try:
        with _signals_end_the_process():
            return tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.UnknownError as error:
        raise ClusterError(
            "A worker must have its port for itself. Received: "
            f"{address} ({error.message}); an earlier training may still run there, or "
            "another worker with the same index"
        ) from error


@contextmanager
def _signals_end_the_process() -> Iterator[None]:
    """Let Ctrl-C end a process that waits, in C++, for workers that never come."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.SIG_DFL) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _best_precision(gpus: list[Any]) -> str:
    """Return the fastest precision that each of the GPUs has; without one, the CPU."""
    if not gpus:
        return best_cpu_precision()
    capability = min(_capability(gpu) for gpu in gpus)
    if capability >= _BFLOAT16_CAPABILITY:
        return "bfloat16"
    return "float16" if capability >= _FLOAT16_CAPABILITY else "float32"


def _gpu(name: str) -> Any:
    """Return the physical GPU of a name such as `gpu:1`."""
    return tf.config.list_physical_devices("GPU")[int(name.partition(":")[2])]


def _gpu_name(gpu: Any) -> str:
    details = tf.config.experimental.get_device_details(gpu)
    return str(details.get("device_name", gpu.name))


def _capability(gpu: Any) -> tuple[int, int]:
    details = tf.config.experimental.get_device_details(gpu)
    return tuple(details.get("compute_capability", (0, 0)))
