"""The folder that holds the runs."""

import itertools
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from wrn import naming
from wrn.config import ModelConfig, OutputConfig, RunConfig, runs_folder
from wrn.errors import RunError
from wrn.files import UNFINISHED, replace_file
from wrn.runs.run import LOCK, Run, gone
from wrn.runs.status import Status

#: Beside the run folders: how fast this machine is, by precision.
_SPEED_FILE = "speed.json"

#: Where deleted runs are kept, and how long: a week.
_BIN = ".deleted"
KEPT_SECONDS = 7 * 86_400


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
            name: Its name; by default the network's and the time. A run of that name
                which failed or was interrupted before its first step is deleted, as by
                `delete`.

        Returns:
            The run, in state `queued`.

        Raises:
            RunError: If the name is not usable or taken, or the folder cannot be
                written.
        """
        run = Run(self._new_folder(config.model, name))
        try:
            run.acquire()
            run.write_file("config.json", config.to_json().encode())
            run.write_status(Status(created=time.time(), updated=time.time()))
        except BaseException as error:
            # Half a run would only block its name.
            run.release()
            shutil.rmtree(run.path, ignore_errors=True)
            if isinstance(error, OSError | RunError):
                raise self._not_writable(error) from None
            raise
        return run

    def _new_folder(self, model: ModelConfig, name: str | None) -> Path:
        while True:
            path = self.root / _checked_name(
                self._free_name(model) if name is None else name
            )
            try:
                self.root.mkdir(parents=True, exist_ok=True)
                path.mkdir()
                return path
            except OSError as error:
                if not os.path.lexists(path):
                    raise self._not_writable(error) from None
                # A name that nobody chose can be another one.
                if name and not self._cleared(name):
                    raise RunError(
                        "A new run must have a name of its own. "
                        f"Received: {name}, which exists"
                    ) from None

    def _cleared(self, name: str) -> bool:
        """Put away a run that ended before it learned anything, for another try."""
        try:
            run = self.open(name)
            if _is_unmade(run):
                # Killed as it was made.
                _remove(run.path)
                return True
            ended = run.status().state in ("failed", "interrupted")
            if not ended or run.metrics() or run.weights:
                return False
            self.delete(name)
        except RunError:
            return False
        return True

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
        """List the runs, newest first."""
        paths = [path for path in self._folders() if naming.is_name(path.name)]
        return [Run(path) for path in sorted(paths, key=_made, reverse=True)]

    def misnamed(self) -> Sequence[str]:
        """List, by name, the folders of runs that somebody renamed as none may be."""
        return sorted(
            path.name for path in self._folders() if not naming.is_name(path.name)
        )

    def _folders(self) -> Iterator[Path]:
        """Find the folders of runs; what is hidden is none."""
        if self.root.is_dir():
            for path in self.root.iterdir():
                hidden = path.name.startswith(".")
                if path.is_dir() and not hidden and _holds_a_run(path):
                    yield path

    def measured_speeds(self) -> dict[str, Any]:
        """Read what `write_measured_speed` kept: anything, if somebody edited it."""
        try:
            stored = json.loads((self.root / _SPEED_FILE).read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return stored if isinstance(stored, dict) else {}

    def write_measured_speed(self, key: str, speed: Mapping[str, Any]) -> None:
        """Keep a measured speed beside the runs, one for each key.

        Raises:
            RunError: If the folder cannot be written.
        """
        speeds = {**self.measured_speeds(), key: dict(speed)}
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            replace_file(
                self.root / _SPEED_FILE, (json.dumps(speeds, indent=2) + "\n").encode()
            )
        except OSError as error:
            raise self._not_writable(error) from None

    def delete(self, name: str) -> float:
        """Put a run away with all its files, for `restore`.

        What was put away longer than `KEPT_SECONDS` ago is gone with it.

        Returns:
            When that was, by which `deleted` tells it from others of its name.

        Raises:
            RunError: If there is none, or a process is working on it.
        """
        run = self.open(name)
        self._forget_old()
        run.acquire()
        try:
            if not _holds_a_run(run.path):
                # Another has deleted it while this one waited, whose lock made it anew.
                _remove(run.path)
                raise gone(name)
            if os.name == "nt":
                run.release()  # There an open file keeps its folder.
            self._bin.mkdir(exist_ok=True)
            if (self._bin / name).exists():
                # An earlier run of that name makes way; it can be restored, too.
                earlier = _free(name, self._bin, self.root)
                (self._bin / name).rename(self._bin / earlier)
            put_away = self._bin / name
            if run.path.is_symlink():
                # As it is, a relative link would lead elsewhere from there.
                put_away.symlink_to(run.path.resolve())
                run.path.unlink()
            else:
                # At once, so that nobody sees half a run.
                run.path.rename(put_away)
            os.utime(put_away)
            return put_away.stat().st_mtime
        except FileNotFoundError:
            raise gone(name) from None
        except OSError as error:
            raise self._not_writable(error) from None
        finally:
            run.release()

    def deleted(self) -> dict[str, float]:
        """Return the runs that can be restored, the last one first.

        Returns:
            When each was deleted, in seconds since 1970, by its name.
        """
        try:
            paths = [path for path in self._bin.iterdir() if path.is_dir()]
            dated = [(path.stat().st_mtime, path.name) for path in paths]
        except OSError:
            return {}
        return {name: moment for moment, name in sorted(dated, reverse=True)}

    def restore(self, name: str) -> Run:
        """Bring a deleted run back.

        Raises:
            RunError: If it is gone, or there is a run of that name again.
        """
        path = self.root / _checked_name(name)
        if path.exists() and _is_unmade(Run(path)):
            _remove(path)
        if path.exists():
            raise RunError(
                f"A run that is brought back must have a name of its own. "
                f"Received: {name}, which exists"
            )
        try:
            (self._bin / name).rename(path)
        except OSError as error:
            raise RunError(
                f"There must be a deleted run of that name. Received: {name}: "
                f"{error.strerror}"
            ) from None
        return Run(path)

    def forget(self, name: str) -> None:
        """Remove a deleted run for good.

        Raises:
            RunError: If there is no deleted run of that name.
        """
        if name not in self.deleted():
            raise RunError(
                f"There must be a deleted run of that name. Received: {name}"
            )
        _remove(self._bin / name)

    def _not_writable(self, error: Exception) -> RunError:
        return RunError(
            f"The runs folder {self.root} must be writable; WRN_HOME names another "
            f"one. Received: {error}"
        )

    @property
    def _bin(self) -> Path:
        return self.root / _BIN

    def _forget_old(self) -> None:
        for name, moment in self.deleted().items():
            if time.time() - moment > KEPT_SECONDS:
                _remove(self._bin / name)

    def _free_name(self, model: ModelConfig) -> str:
        base = f"{model.name}_{time.strftime('%Y-%m-%d_%H-%M-%S')}"
        return _free(base, self.root)


def _remove(path: Path) -> None:
    """Remove a run for good: of one that a link leads to, the link."""
    if path.is_symlink():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path, ignore_errors=True)


def _holds_a_run(path: Path) -> bool:
    """Whether a folder is one of a run; one that cannot be looked into may be."""
    try:
        names = os.listdir(path)
    except OSError:
        return True
    return "config.json" in names or "status.json" in names


def _is_unmade(run: Run) -> bool:
    """Whether a folder is what a process has left that was killed as it made it."""
    try:
        names = set(os.listdir(run.path))
    except OSError:
        return False
    made = {name for name in names if not name.startswith(UNFINISHED)}
    return made <= {LOCK, "config.json"} and not run.is_owned()


def _free(base: str, *folders: Path) -> str:
    """Return a name that nothing in the folders has: this one, or it with a number."""
    # Names have an end; the number must fit.
    numbered = (f"{base[: naming.LONGEST - 4]}_{n}" for n in itertools.count(2))
    names = itertools.chain([base], numbered)
    return next(
        name
        for name in names
        if not any((folder / name).exists() for folder in folders)
    )


def _checked_name(name: str) -> str:
    """Return a name that cannot leave the runs folder."""
    if not naming.is_name(name):
        raise RunError(f"A run's name must be {naming.RULE}. Received: {name!r:.120}")
    return name


def _made(path: Path) -> float:
    """Return when a run was made, as its folder tells."""
    try:
        return (path / "config.json").stat().st_mtime
    except OSError:
        return 0.0
