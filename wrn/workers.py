"""How the chief of several workers hands on a run, and how the others take part.

The chief alone has the run folder. It sends the settings, the checkpoint and the
teachers to the others, so no folder need be shared; the images, and a file of initial
weights, must lie at the same path everywhere.
"""

import dataclasses
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wrn.collective import broadcast, lost_workers_named
from wrn.config import RunConfig
from wrn.data import load_cached
from wrn.devices import Devices
from wrn.distillation import keep_teachers, kept_files
from wrn.training import Outcome, Recorder, train


def lead(devices: Devices, config: RunConfig, run: Recorder) -> None:
    """Send the other workers what `follow` waits for.

    Args:
        devices: The chief's.
        config: The run's settings.
        run: The run, with what it resumes from, if it does, and its teachers.

    Raises:
        ClusterError: If a worker was lost.
        WeightsError: If a teacher's file cannot be read.
    """
    keep_teachers(config, run.teachers)
    settings = {"config": config.to_dict(), "precision": devices.precision}
    with lost_workers_named(devices):
        broadcast(devices, json.dumps(settings).encode())
        for file in (run.last_weights, *kept_files(config, run.teachers)):
            broadcast(devices, file.read_bytes() if file.exists() else b"")


def follow(devices: Devices, should_stop: Callable[[], bool] | None = None) -> Outcome:
    """Train along with the chief, and leave nothing on disk.

    Args:
        devices: This worker's.
        should_stop: Asked before every step.

    Returns:
        How the training ended, which is the same on all workers.

    Raises:
        WrnError: As `wrn.training.train`.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        lost_workers_named(devices),
    ):
        settings = json.loads(broadcast(devices, b""))
        config = RunConfig.from_dict(settings["config"])
        devices = dataclasses.replace(devices, precision=settings["precision"])
        run = _NoRun(Path(folder))
        run.teachers.mkdir()
        for file in (run.last_weights, *kept_files(config, run.teachers)):
            if content := broadcast(devices, b""):
                file.write_bytes(content)
        dataset = load_cached(config.data.source)
        return train(config, dataset, run, should_stop=should_stop, devices=devices)


class _NoRun:
    """Takes a training's results and forgets them."""

    def __init__(self, folder: Path) -> None:
        self.last_weights = folder / "last.weights.h5"
        self.best_weights = folder / "best.weights.h5"
        self.teachers = folder / "teachers"

    def record(self, metrics: dict[str, Any]) -> None:
        pass

    def record_speed(self, speed: dict[str, Any]) -> None:
        pass

    def rewind(self, records: int) -> None:
        pass
