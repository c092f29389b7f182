"""How the chief of several workers hands on a run, and how the others take part.

The chief alone has the run folder. It sends the settings and every weight file to the
others, so no folder need be shared and all have the same; the images must lie at the
same path everywhere.
"""

import dataclasses
import json
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

from wrn.config import RunConfig, file_lists
from wrn.data import load_cached
from wrn.devices import Devices
from wrn.naming import BEST_WEIGHTS, LAST_WEIGHTS, known_as
from wrn.training.collective import broadcast, lost_workers_named
from wrn.training.initial_weights import read_initial_weights
from wrn.training.loop import Outcome, Recorder, train
from wrn.training.teacher_files import kept_files, read_teachers


def lead(devices: Devices, config: RunConfig, run: Recorder) -> None:
    """Send the other workers what `follow` waits for.

    Args:
        devices: The chief's.
        config: The run's settings.
        run: The run, with what it resumes from, if it does.

    Raises:
        ClusterError: If a worker was lost.
        ConfigError: If the initial weights are of another network.
        WeightsError: If a file of initial weights or of a teacher cannot be read.
    """
    # Files that do not suit are refused before they are sent.
    read_teachers(config, run.teachers_folder)
    resumes = run.last_weights.exists()
    if not resumes:
        read_initial_weights(config)
    settings = {"config": config.to_dict(), "precision": devices.precision}
    with lost_workers_named(devices):
        broadcast(devices, json.dumps(settings).encode())
        initial = [Path(path) for path in config.train.initial_files]
        for file in _weight_files(config, run):
            wanted = file.is_file() and not (resumes and file in initial)
            broadcast(devices, file.read_bytes() if wanted else b"")


def follow(devices: Devices, should_stop: Callable[[], bool] | None = None) -> Outcome:
    """Train along with the chief, and leave nothing on disk.

    Args:
        devices: This worker's.
        should_stop: Asked before every step.

    Returns:
        How the training ended, which is the same on all workers.

    Raises:
        WrnError: As `wrn.training.loop.train`.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        lost_workers_named(devices),
    ):
        settings = json.loads(broadcast(devices, b""))
        config = RunConfig.from_dict(settings["config"])
        devices = dataclasses.replace(devices, precision=settings["precision"])
        run = _NoRun(Path(folder))
        received = file_lists.joined(
            run.initial_folder / str(number) / known_as(PurePath(path))
            for number, path in enumerate(config.train.initial_files, 1)
        )
        train_config = config.train.replace(initial_weights=received)
        config = dataclasses.replace(config, train=train_config)
        for file in _weight_files(config, run):
            if content := broadcast(devices, b""):
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
        dataset = load_cached(config.data.source)
        return train(config, dataset, run, should_stop=should_stop, devices=devices)


def _weight_files(config: RunConfig, run: Recorder) -> list[Path]:
    """Return every file that a training may read, in the order they are sent in."""
    initial = map(Path, config.train.initial_files)
    return [run.last_weights, *kept_files(config, run.teachers_folder), *initial]


class _NoRun:
    """Takes a training's results and forgets them."""

    def __init__(self, folder: Path) -> None:
        self.last_weights = folder / LAST_WEIGHTS
        self.best_weights = folder / BEST_WEIGHTS
        self.teachers_folder = folder / "teachers"
        self.initial_folder = folder / "initial"

    def record(self, metrics: dict[str, Any]) -> None:
        pass

    def record_speed(self, speed: dict[str, Any]) -> None:
        pass

    def rewind(self, records: int) -> None:
        pass
