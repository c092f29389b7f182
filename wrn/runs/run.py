"""One run folder."""

import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

from filelock import FileLock, Timeout

from wrn.config import RunConfig
from wrn.errors import ConfigError, RunError
from wrn.files import SMALL, UNFINISHED, named, replace_file
from wrn.naming import BEST_WEIGHTS, LAST_WEIGHTS
from wrn.runs.notes import Notes
from wrn.runs.records import figure, read_records, without_halves
from wrn.runs.status import LIVE_STATES, State, Status

#: The file that a process locks as long as it works on the run.
LOCK = ".lock"

#: How much of a log's end is read.
_LONGEST_TAIL_BYTES = 50_000


class Run:
    """One run folder.

    Attributes:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        """Take a folder that exists."""
        self.path = path
        self._lock = FileLock(path / LOCK, thread_local=False)
        self._locked: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def last_weights(self) -> Path:
        """The checkpoint to resume from."""
        return self.path / LAST_WEIGHTS

    @property
    def best_weights(self) -> Path:
        """The weights with the best accuracy measured so far."""
        return self.path / BEST_WEIGHTS

    @property
    def teachers_folder(self) -> Path:
        """The folder where the files of the teachers are kept, if there are any."""
        return self.path / "teachers"

    @property
    def weights(self) -> list[Path]:
        """The weight files that exist, last first."""
        # os.path, unlike Path, answers for a folder that may not be looked into.
        return [p for p in (self.last_weights, self.best_weights) if os.path.isfile(p)]

    def label_of(self, weights: Path) -> str:
        """Return what to call one of its weight files, such as `first/last`."""
        return f"{self.name}/{weights.name.partition('.')[0]}"

    # Settings and status

    def config(self) -> RunConfig:
        """Read the settings.

        Raises:
            RunError: If `config.json` is missing or damaged.
        """
        try:
            return RunConfig.from_json(
                (self.path / "config.json").read_text("utf-8-sig")
            )
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
            good = (
                status.state in get_args(State)
                and all(
                    figure(stored, name) is not None
                    for name in ("created", "updated", "seconds")
                    if name in stored
                )
                and all(
                    isinstance(text, str)
                    for text in (
                        status.error,
                        status.advice,
                        status.traceback,
                        status.device,
                    )
                )
            )
        except TypeError:
            good = False
        if not good:
            raise RunError(
                f"Run {self.name} must have a status.json as this program writes it. "
                f"Received: {stored!r:.200}"
            )
        if status.state in LIVE_STATES and not self.is_owned():
            return replace(status, state="interrupted")
        return status

    def is_complete(self) -> bool:
        """Whether all epochs that its settings ask for are done.

        Raises:
            RunError: If settings or status are damaged.
        """
        status = self.status()
        asked_for = self.config().train.epochs
        # All that were asked for when it finished; somebody may have raised them.
        done = figure(status.progress, "epochs") or 0
        return status.state == "finished" and asked_for <= done

    def write_status(self, status: Status) -> None:
        """Replace the status, atomically.

        Raises:
            RunError: If the folder was moved, and another has its name.
        """
        self._refuse_another_folder()
        self._write_json("status.json", vars(status))

    # Ownership

    def acquire(self) -> None:
        """Claim the run for this process, until `release` or the process's end.

        Raises:
            RunError: If another process, or another job of this one, has it, or the
                folder cannot be written.
        """
        try:
            if not self.path.is_dir():  # The lock would make it.
                raise gone(self.name)
            # Somebody who only looks at the run holds the lock for an instant.
            self._lock.acquire(timeout=2)
        except Timeout:
            raise RunError(
                f"Run {self.name} must be idle. Received: it is in use, here or in "
                "another process"
            ) from None
        except OSError as error:
            raise RunError(
                f"The folder of run {self.name} must be writable. Received: {error}"
            ) from None
        self._locked = _identity(self.path / LOCK)

    def release(self) -> None:
        """Give the run up."""
        self._lock.release()

    def is_owned(self) -> bool:
        """Whether a living process works on the run. The kernel frees a dead one's."""
        return self._lock.is_locked or _is_locked(self.path / LOCK)

    def _refuse_another_folder(self) -> None:
        """Refuse to write where the folder was moved and another has its name now.

        Raises:
            RunError: If so.
        """
        there = _identity(self.path / LOCK)
        if self._lock.is_locked and there not in (None, self._locked):
            raise RunError(
                f"The folder of run {self.name} must stay where it is while it is "
                "trained. Received: another one of that name"
            )

    # Metrics

    def record(self, metrics: Mapping[str, Any]) -> None:
        """Append one record to `metrics.jsonl`.

        It is on the disk before the checkpoint that counts it.

        Raises:
            RunError: If the folder was moved, and another has its name.
        """
        self._refuse_another_folder()
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
        content = path.read_bytes() if path.exists() else b""
        # An editor may leave blank lines, which are no records.
        lines = [line for line in content.splitlines(keepends=True) if line.strip()]
        if len(lines) < records:
            raise RunError(
                f"metrics.jsonl of run {self.name} must have the {records} records of "
                f"the checkpoint. Received: {len(lines)}"
            )
        replace_file(path, b"".join(lines[:records]))

    def sweep(self) -> None:
        """Remove what a session that was killed has left half written.

        Small files stay: somebody may be writing notes just now.
        """
        for path in self.path.glob(f"{UNFINISHED}*"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path.suffix != SMALL:
                path.unlink(missing_ok=True)

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
            for record in read_records(self.path / "metrics.jsonl")
            if kind is None or record.get("kind") == kind
        ]

    def speed(self) -> list[dict[str, Any]]:
        """Read the timing of each epoch."""
        return read_records(self.path / "speed.jsonl")

    # Log and notes

    def log(self, text: str) -> None:
        """Append a line to `log.txt`, with the time."""
        moment = time.strftime("%Y-%m-%d %H:%M:%S")
        line = " ".join(text.split())
        # A file's name may be no UTF-8.
        with (self.path / "log.txt").open(
            "a", encoding="utf-8", errors="backslashreplace"
        ) as file:
            file.write(f"{moment}  {line}\n")

    def log_tail(self, lines: int) -> str:
        """Read the last lines of the log; empty where there is none."""
        try:
            with (self.path / "log.txt").open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - _LONGEST_TAIL_BYTES))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def notes(self) -> Notes:
        """Read what a person wrote about the run; damaged notes count as none."""
        try:
            return Notes.of(self._read_json("notes.json"))
        except RunError:
            return Notes()

    def write_notes(self, notes: Notes) -> None:
        """Replace what a person wrote about the run, atomically."""
        self._write_json("notes.json", vars(notes))

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
        replace_file(self.path / name, content)

    # Files

    def _read_json(self, name: str) -> dict[str, Any]:
        try:
            # Some editors put a mark before the first character.
            stored = json.loads((self.path / name).read_text("utf-8-sig"))
            stored = without_halves(stored)
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
        replace_file(
            self.path / name, (json.dumps(dict(content), indent=2) + "\n").encode()
        )

    def _append(self, name: str, record: Mapping[str, Any]) -> None:
        path = self.path / name
        with named(path), path.open("ab+") as file:
            if file.tell():
                # A kill may have left the last line without its end, or an editor.
                file.seek(-1, os.SEEK_END)
                file.write(b"" if file.read() == b"\n" else b"\n")
            file.write(json.dumps(dict(record)).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def gone(name: str) -> RunError:
    """Make the error of a run that was moved or deleted meanwhile."""
    return RunError(
        f"There must be a run of that name. Received: {name}, which is gone"
    )


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another in its place; `None` without one."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _is_locked(path: Path) -> bool:
    """Whether a process holds a lock. Looking makes no file, and disturbs no other."""
    try:
        import fcntl
    except ImportError:  # Windows: looking is trying.
        probe = FileLock(path, thread_local=False)
        try:
            if path.exists():
                probe.acquire(timeout=0)
        except Timeout:
            return True
        except OSError:
            return False
        probe.release()
        return False
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # A file system without locks: nobody can have one.
        return False
    finally:
        os.close(file)
    return False
