"""Several machines that train one network, as the variable `TF_CONFIG` names them.

Reads the variable without TensorFlow, which must not have started before its
strategy is made.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from wrn.errors import ConfigError

_VARIABLE = "TF_CONFIG"

#: Kinds of task that train. TensorFlow counts the chief as a worker.
_TRAINING_TASKS = ("chief", "worker")


@dataclass(frozen=True)
class Cluster:
    """This process's place among the workers of a training.

    Attributes:
        workers: Number of workers, one process a machine.
        chief: Whether this one writes the run: the task of type chief, else
            worker 0.
    """

    workers: int
    chief: bool


def cluster(environment: Mapping[str, str] = os.environ) -> Cluster | None:
    """Read `TF_CONFIG`.

    Returns:
        The cluster; `None` if the variable is not set or names fewer than two
        workers.

    Raises:
        ConfigError: If the variable cannot be read.
    """
    text = environment.get(_VARIABLE, "")
    if not text:
        return None
    try:
        stored = json.loads(text)
        listed = {kind: stored["cluster"].get(kind, []) for kind in _TRAINING_TASKS}
        tasks = {kind: len(each) for kind, each in listed.items()}
        workers = sum(tasks.values())
        lists = all(isinstance(each, list) for each in listed.values())
        if lists and workers < 2:
            return None
        kind, index = stored["task"]["type"], stored["task"]["index"]
        # Some launchers write the number as text.
        index = int(index) if isinstance(index, str) else index
        known = lists and type(index) is int and 0 <= index < tasks.get(kind, 0)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        known = False
    if not known:
        raise ConfigError(
            f"{_VARIABLE} must be JSON with a cluster of workers and this machine's "
            'task: {"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": '
            f'{{"type": "worker", "index": 0}}}}. Received: {text:.200}'
        )
    return Cluster(
        workers, chief=kind == ("chief" if tasks["chief"] else "worker") and index == 0
    )
