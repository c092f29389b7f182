"""Run folders: the only module that reads or writes them.

    runs/WRN-16-2_2026-11-23_14-05-09/
        config.json         every setting
        status.json         state, progress, error; rewritten while it runs
        metrics.jsonl       one record a line: some steps of each epoch, each epoch
        speed.jsonl         timing of each epoch
        last.weights.h5     the checkpoint to resume from
        best.weights.h5     the best weights by the accuracy measured
        evaluation.json     the last evaluation
        architecture.dot    the network's graph (.svg where Graphviz is installed)
        events.out.tfevents.*   the curves for TensorBoard

A person may read, copy, rename and delete a run folder, and may break one: what
cannot be read is reported in words, never guessed.
"""

import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from filelock import FileLock, Timeout

from wrn.config import ModelConfig, OutputConfig, RunConfig, runs_folder
from wrn.errors import ConfigError, RunError

State = Literal[
    "queued", "running", "paused", "stopped", "finished", "failed", "interrupted"
]

#: States of a run that some process is working on.
LIVE_STATES = ("queued", "running", "paused")

#: States from which a run can go on.
RESUMABLE_STATES = ("stopped", "failed", "interrupted")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

#: Beside the run folders: how fast this machine is, by precision.
_SPEED_FILE = "speed.json"

#: Longest line of metrics that is read; ours have about 200 characters.
_LONGEST_LINE = 10_000


@dataclass(frozen=True, kw_only=True)
class Status:
    """Where a run stands.

    Attributes:
        state: What is going on. A run whose process died is `interrupted`.
        created: When the run was made, in seconds since 1970.
        updated: When the status was last written, in seconds since 1970.
        seconds: Time spent training, over all sessions.
        progress: The last `wrn.training.Progress`, as plain JSON types.
        error: Why it failed, in words; empty otherwise.
        traceback: The traceback of the failure; empty otherwise.
        device: Where it ran.
    """

    state: State = "queued"
    created: float = 0.0
    updated: float = 0.0
    seconds: float = 0.0
    progress: Mapping[str, Any] | None = None
    error: str = ""
    traceback: str = ""
    device: str = ""


class Run:
    """One run folder.

    Attributes:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        """Take a folder that exists."""
        self.path = path
        self._lock = FileLock(path / ".lock", thread_local=False)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def last_weights(self) -> Path:
        """The checkpoint to resume from."""
        return self.path / "last.weights.h5"

    @property
    def best_weights(self) -> Path:
        """The weights with the best accuracy measured so far."""
        return self.path / "best.weights.h5"

    @property
    def weights(self) -> list[Path]:
        """The weight files that exist, last first."""
        return [p for p in (self.last_weights, self.best_weights) if p.is_file()]

    # Settings and status

    def config(self) -> RunConfig:
        """Read the settings.

        Raises:
            RunError: If `config.json` is missing or damaged.
        """
        try:
            return RunConfig.from_json((self.path / "config.json").read_text("utf-8"))
        except (OSError, UnicodeDecodeError, ConfigError) as error:
            raise RunError(
                f"Run {self.name} must have a readable config.json. Received: {error}"
            ) from None

    def status(self) -> Status:
        """Read where the run stands.

        Raises:
            RunError: If `status.json` is missing or damaged.
        """
        stored = self._read_json("status.json")
        try:
            status = Status(**stored)
            good = status.state in get_args(State) and all(
                isinstance(value, int | float)
                for value in (status.created, status.updated, status.seconds)
            )
        except TypeError:
            good = False
        if not good:
            raise RunError(
                f"Run {self.name} must have a status.json with a known state. "
                f"Received: {stored!r:.200}"
            )
        if status.state in LIVE_STATES and not self.is_owned():
            return Status(**{**vars(status), "state": "interrupted"})
        return status

    def write_status(self, status: Status) -> None:
        """Replace the status, atomically."""
        self._write_json("status.json", vars(status))

    # Ownership

    def acquire(self) -> None:
        """Claim the run for this process, until `release` or the process's end.

        Raises:
            RunError: If another process, or another job of this one, has it.
        """
        try:
            # Somebody who only looks at the run holds the lock for an instant.
            self._lock.acquire(timeout=2)
        except Timeout:
            raise RunError(
                f"Run {self.name} must be idle. Received: it is in use, here or in "
                "another process"
            ) from None

    def release(self) -> None:
        """Give the run up."""
        self._lock.release()

    def is_owned(self) -> bool:
        """Whether a living process works on the run. The kernel frees a dead one's."""
        if self._lock.is_locked:
            return True
        probe = FileLock(self.path / ".lock", thread_local=False)
        try:
            probe.acquire(timeout=0)
        except Timeout:
            return True
        except OSError:
            # A read-only copy: nobody can be working on it.
            return False
        probe.release()
        return False

    # Metrics

    def record(self, metrics: Mapping[str, Any]) -> None:
        """Append one record to `metrics.jsonl`."""
        self._append("metrics.jsonl", metrics)

    def record_speed(self, speed: Mapping[str, Any]) -> None:
        """Append one record to `speed.jsonl`."""
        self._append("speed.jsonl", speed)

    def rewind(self, records: int) -> None:
        """Keep the first `records` of the metrics and forget what came after.

        Raises:
            RunError: If there are fewer, so that some were lost.
        """
        path = self.path / "metrics.jsonl"
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        if len(lines) < records:
            raise RunError(
                f"metrics.jsonl of run {self.name} must have the {records} records of "
                f"the checkpoint. Received: {len(lines)}"
            )
        _replace(path, b"".join(lines[:records]))

    def metrics(
        self, kind: Literal["step", "epoch"] | None = None
    ) -> list[dict[str, Any]]:
        """Read the metrics.

        Args:
            kind: Only records of this kind.

        Returns:
            The records in order. Lines that are no records (the last one may be
            half written) are left out.
        """
        return [
            record
            for record in self._read_lines("metrics.jsonl")
            if kind is None or record.get("kind") == kind
        ]

    def speed(self) -> list[dict[str, Any]]:
        """Read the timing of each epoch."""
        return self._read_lines("speed.jsonl")

    # Evaluation and plot

    def evaluation(self) -> dict[str, Any] | None:
        """Read the last evaluation, `None` if there is none.

        Raises:
            RunError: If it is damaged.
        """
        if not (self.path / "evaluation.json").exists():
            return None
        return self._read_json("evaluation.json")

    def write_evaluation(self, evaluation: Mapping[str, Any]) -> None:
        """Replace the evaluation, atomically."""
        self._write_json("evaluation.json", evaluation)

    def write_file(self, name: str, content: bytes) -> None:
        """Replace another file of the run, atomically."""
        _replace(self.path / name, content)

    # Files

    def _read_json(self, name: str) -> dict[str, Any]:
        try:
            stored = json.loads((self.path / name).read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise RunError(
                f"Run {self.name} must have a readable {name}. Received: {error}"
            ) from None
        if not isinstance(stored, dict):
            raise RunError(
                f"{name} of run {self.name} must hold a JSON object. "
                f"Received: {stored!r:.200}"
            )
        return stored

    def _write_json(self, name: str, content: Mapping[str, Any]) -> None:
        _replace(
            self.path / name, (json.dumps(dict(content), indent=2) + "\n").encode()
        )

    def _append(self, name: str, record: Mapping[str, Any]) -> None:
        with (self.path / name).open("a", encoding="utf-8") as file:
            file.write(json.dumps(dict(record)) + "\n")

    def _read_lines(self, name: str) -> list[dict[str, Any]]:
        try:
            lines = (self.path / name).read_bytes().splitlines()
        except OSError:
            return []
        records = []
        for line in lines:
            try:
                record = json.loads(line) if len(line) < _LONGEST_LINE else None
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict):
                records.append(record)
        return records


class RunStore:
    """The folder that holds the runs.

    Attributes:
        root: The folder. It is made with the first run.
    """

    def __init__(self, root: Path | None = None) -> None:
        """Take a folder; by default `WRN_HOME`, else `runs`."""
        self.root = runs_folder(OutputConfig()) if root is None else root

    def create(self, config: RunConfig, name: str | None = None) -> Run:
        """Make a new run, owned by this process.

        Args:
            config: Its settings.
            name: Its name; by default the network's and the time.

        Returns:
            The run, in state `queued`.

        Raises:
            RunError: If the name is not usable or taken, or the folder cannot be
                written.
        """
        name = name or self._free_name(config.model)
        path = self.root / _checked_name(name)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            path.mkdir()
        except FileExistsError:
            raise RunError(
                f"A new run must have a name of its own. Received: {name}, which exists"
            ) from None
        except OSError as error:
            raise RunError(
                f"The runs folder {self.root} must be writable. Received: {error}"
            ) from None
        run = Run(path)
        run.acquire()
        run.write_file("config.json", config.to_json().encode())
        run.write_status(Status(created=time.time(), updated=time.time()))
        return run

    def open(self, name: str) -> Run:
        """Find a run by its name.

        Raises:
            RunError: If there is none.
        """
        path = self.root / _checked_name(name)
        if not path.is_dir():
            raise RunError(
                f"There must be a run of that name in {self.root}. Received: {name}"
            )
        return Run(path)

    def list(self) -> list[Run]:
        """List the runs, newest first by the name's time or the folder's."""
        if not self.root.is_dir():
            return []
        paths = [
            path
            for path in self.root.iterdir()
            if path.is_dir()
            and _NAME.fullmatch(path.name)
            and ((path / "config.json").exists() or (path / "status.json").exists())
        ]
        return [Run(path) for path in sorted(paths, key=_made, reverse=True)]

    def measured_speeds(self) -> dict[str, Any]:
        """Read what `write_measured_speed` kept: anything, if somebody edited it."""
        try:
            stored = json.loads((self.root / _SPEED_FILE).read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return stored if isinstance(stored, dict) else {}

    def write_measured_speed(self, precision: str, speed: Mapping[str, Any]) -> None:
        """Keep a measured speed beside the runs, one for each precision.

        Raises:
            RunError: If the folder cannot be written.
        """
        speeds = {**self.measured_speeds(), precision: dict(speed)}
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            _replace(
                self.root / _SPEED_FILE, (json.dumps(speeds, indent=2) + "\n").encode()
            )
        except OSError as error:
            raise RunError(
                f"The runs folder {self.root} must be writable. Received: {error}"
            ) from None

    def delete(self, name: str) -> None:
        """Delete a run with all its files.

        Raises:
            RunError: If there is none, or a process is working on it.
        """
        run = self.open(name)
        run.acquire()
        run.release()
        # Renamed first, so that nobody sees half a run.
        doomed = self.root / f".{uuid.uuid4().hex}"
        run.path.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)

    def _free_name(self, model: ModelConfig) -> str:
        base = f"{model.name}_{time.strftime('%Y-%m-%d_%H-%M-%S')}"
        names = [base, *(f"{base}_{number}" for number in range(2, 1000))]
        return next(name for name in names if not (self.root / name).exists())


def _checked_name(name: str) -> str:
    """Return a name that cannot leave the runs folder."""
    if not _NAME.fullmatch(name):
        raise RunError(
            "A run's name must be 1 to 100 letters, digits, dots, dashes and "
            f"underscores, the first a letter or digit. Received: {name!r:.120}"
        )
    return name


def _made(path: Path) -> float:
    """Return when a run was made, as its folder tells."""
    try:
        return (path / "config.json").stat().st_mtime
    except OSError:
        return 0.0


def _replace(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old content or the new, never half."""
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
