"""What all workers and replicas of a training do together.

Every worker must call these in the same order: each waits for the others.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from wrn.data import Dataset
from wrn.devices import Devices
from wrn.errors import ClusterError, DataError, WeightsError
from wrn.tracing import traced

#: Bytes that are broadcast at once; they travel as float32, four times the size. Two
#: sizes: for each another graph is traced, and of many TensorFlow complains.
_SHORT_BYTES = 2**12
_CHUNK_BYTES = 2**22

#: What TensorFlow raises when another worker is gone.
_LOSSES = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
)


def means(strategy: Any, variables: Sequence[Any]) -> list[Any]:
    """Return each variable's mean over all replicas. Call it in a graph.

    Args:
        strategy: The `tf.distribute` strategy.
        variables: Keras variables made in its scope. Those that are trained are
            the same on all replicas and taken as they are.
    """
    values = strategy.run(lambda: [tf.identity(each.value) for each in variables])
    return [
        strategy.experimental_local_results(value)[0]
        if variable.trainable
        else strategy.reduce("MEAN", value, axis=None)
        for variable, value in zip(variables, values, strict=True)
    ]


def sums(values: Sequence[Any]) -> list[Any]:
    """Return each tensor's sum over all replicas. Call it on each, in a graph.

    `ReplicaContext.all_reduce` does the same, and makes its result differentiable:
    by a function in a registry of TensorFlow's that is never emptied, and that holds
    the graph and with it all weights.
    """

    def add_up(strategy: Any, *values: Any) -> Any:
        pairs = [(value, value) for value in values]
        return strategy.extended.batch_reduce_to(tf.distribute.ReduceOp.SUM, pairs)

    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return list(values)
    return list(context.merge_call(add_up, args=values))


def agreed(devices: Devices, should_stop: Callable[[], bool]) -> Callable[[], bool]:
    """Return a question that is answered yes on all workers if it is on one."""
    if devices.workers == 1:
        return should_stop
    return lambda: any_says_so(devices, should_stop())


def any_says_so(devices: Devices, mine: bool) -> bool:
    """Return on all workers whether one of them at least says yes."""
    if devices.workers == 1:
        return mine
    return float(_sum(devices.strategy, tf.constant(float(mine)))) > 0


def of_chief(devices: Devices, values: Sequence[Any]) -> Sequence[Any]:
    """Return the chief's values, which are plain JSON types, on all workers."""
    if devices.workers == 1:
        return values
    received = json.loads(broadcast(devices, json.dumps(values).encode()))
    return list(received)


def refuse_other_images(devices: Devices, dataset: Dataset) -> None:
    """Make sure that every worker has the images that the chief has.

    Raises:
        DataError: On all workers, if one of them has others.
    """
    (chiefs,) = of_chief(devices, [dataset.identity])
    if any_says_so(devices, not dataset.is_of(chiefs)):
        raise DataError(
            "All workers must have the same images, in the same order. Received: "
            f"others on one of them, in {dataset.source}"
        )


def refuse_other_weights(devices: Devices, contents: Sequence[object]) -> None:
    """Make sure that every worker begins with the weights that the chief begins with.

    The chief's file may have been another when it was sent: that of a run which trains.

    Args:
        devices: This worker's.
        contents: What stands for the content of its files of initial weights.

    Raises:
        WeightsError: On all workers, if one of them has others.
    """
    if any_says_so(devices, of_chief(devices, contents) != contents):
        raise WeightsError(
            "initial_weights must stay as they are while a training starts. Received: "
            "files that changed after they were sent to the other workers"
        )


def broadcast(devices: Devices, content: bytes) -> bytes:
    """Give every worker the chief's bytes; those of the others are not looked at."""
    # Parts of 16 bits, which float32 holds exactly.
    size = [len(content) >> 16 * part & 0xFFFF for part in range(4)]
    parts = _of_first(devices, np.array(size)).astype(int).tolist()
    length = sum(part << 16 * place for place, part in enumerate(parts))
    room = _SHORT_BYTES if length <= _SHORT_BYTES else _CHUNK_BYTES
    received = bytearray()
    for start in range(0, length, room):
        chunk = np.zeros(room)
        if devices.chief:
            part = np.frombuffer(content[start : start + room], np.uint8)
            chunk[: len(part)] = part
        received += _of_first(devices, chunk).astype(np.uint8).tobytes()
    return bytes(received[:length])


@contextmanager
def lost_workers_named(devices: Devices) -> Iterator[None]:
    """Say in words if another worker is lost while something is done.

    Raises:
        ClusterError: If it is.
    """
    try:
        yield
    except _LOSSES as error:
        if devices.workers == 1:
            raise
        raise ClusterError(
            f"All {devices.workers} workers must live to the end of the training. "
            "Received: one was lost. Start all again with --resume to go on from the "
            "last checkpoint"
        ) from error


@traced
def _sum(strategy: Any, value: Any) -> Any:
    return strategy.reduce("SUM", strategy.run(tf.identity, (value,)), axis=None)


def _of_first(devices: Devices, values: Any) -> Any:
    """Return the first replica's numbers, which are the chief's, on all workers."""
    mine = values if devices.chief else np.zeros_like(values)
    tensor = tf.constant(mine, tf.float32)
    return np.asarray(_sum_of_firsts(devices.strategy, tensor))


@traced
def _sum_of_firsts(strategy: Any, value: Any) -> Any:
    """Add up the values of the first replica and nothing of the others."""

    def first_only(value: Any) -> Any:
        context = tf.distribute.get_replica_context()
        first = tf.equal(context.replica_id_in_sync_group, 0)
        return tf.where(first, value, tf.zeros_like(value))

    return strategy.reduce("SUM", strategy.run(first_only, (value,)), axis=None)
