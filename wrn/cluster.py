"""Several machines that train one network, as the variable `TF_CONFIG` names them.

Reads the variable without TensorFlow, which must not have started before its
strategy is made.
"""

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from wrn.errors import ConfigError

_VARIABLE = "TF_CONFIG"

#: Kinds of task, all of which train, and how many there may be of each. TensorFlow
#: counts the chief as a worker.
_MOST_TASKS = {"chief": 1, "worker": math.inf}

#: What TensorFlow connects to: a name or number of a machine, and a port.
_ADDRESS = re.compile(r"[^/\s]+:(\d{1,5})", re.ASCII)


@dataclass(frozen=True)
class Cluster:
    """This process's place among the workers of a training.

    Attributes:
        workers: Number of workers, one process a machine.
        chief: Whether this one writes the run: the task of type chief, else
            worker 0.
        address: Its name or number and its port.
    """

    workers: int
    chief: bool
    address: str


def cluster(environment: Mapping[str, str] = os.environ) -> Cluster | None:
    """Read `TF_CONFIG`.

    Returns:
        The cluster; `None` if the variable is not set or names one machine at most.

    Raises:
        ConfigError: If the variable cannot be read, or names machines that do not
            train, such as parameter servers.
    """
    text = environment.get(_VARIABLE, "")
    if not text:
        return None
    try:
        stored = json.loads(text)
        if stored == {}:  # As some launchers set it for one machine.
            return None
        jobs = stored["cluster"]
        tasks = {kind: len(each) for kind, each in jobs.items()}
        listed = [address for each in jobs.values() for address in each]
        if len(listed) < 2 and all(isinstance(each, list) for each in jobs.values()):
            return None
        kind, index = stored["task"]["type"], stored["task"]["index"]
        # Some launchers write the number as text.
        index = int(index) if isinstance(index, str) else index
        known = (
            type(index) is int
            and 0 <= index < tasks[kind]
            and tasks.keys() <= _MOST_TASKS.keys()
            and all(count <= _MOST_TASKS[kind] for kind, count in tasks.items())
            and all(map(_is_address, listed))
            and len(set(listed)) == len(listed)
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        known = False
    if not known:
        raise ConfigError(
            f"{_VARIABLE} must be JSON with a cluster of workers, each with an address "
            "and port of its own, at most one of them a chief, and with this machine's "
            'task: {"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": '
            f'{{"type": "worker", "index": 0}}}}. Received: {text:.200}'
        )
    first = "chief" if tasks.get("chief") else "worker"
    return Cluster(
        len(listed),
        chief=kind == first and index == 0,
        address=jobs[kind][index],
    )


def _is_address(text: str) -> bool:
    found = _ADDRESS.fullmatch(text)
    return found is not None and 0 < int(found[1]) < 2**16
