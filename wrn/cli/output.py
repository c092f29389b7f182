"""What a command prints: reports on stdout, progress and errors on stderr."""

import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from wrn.errors import RunError
from wrn.files import replace_file


def print_json(report: Any) -> None:
    """Print plain JSON types."""
    print(json.dumps(report, indent=2))


def print_table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows under a header, in columns that are as wide as they need."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        cells = (cell.ljust(w) for cell, w in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def check_writable(path: Path | None, *others: Path | None) -> None:
    """Refuse a file that could not be written, before the work for it is done.

    Args:
        path: The file, if any is to be written.
        others: Files that it must not replace.

    Raises:
        RunError: If it is one of the others or a folder, or its folder is missing or
            read-only.
    """
    for other in others:
        # A device, such as /dev/stdout, takes several.
        regular = path and (path.is_file() or not path.exists())
        if path and other and regular and path.resolve() == other.resolve():
            raise RunError(
                f"{path} must be a file of its own. Received: one that is read, or "
                "written to, besides"
            )
    if path and (os.path.isdir(path) or not os.path.isdir(path.parent)):
        raise RunError(
            f"{path} must be a file in a folder that exists. Received: "
            + ("a folder" if os.path.isdir(path) else "no such folder")
        )
    if path and not os.access(_written(path), os.W_OK):
        raise RunError(
            f"{path} must be a file that can be written. Received: no access"
        )


def _written(path: Path) -> Path:
    """Return what `write` changes: the folder of a file, or a device itself."""
    is_device = path.exists() and not path.is_file()
    return path if is_device else path.resolve().parent


def write(path: Path, content: bytes) -> None:
    """Write a file.

    Raises:
        RunError: If it cannot be written.
    """
    try:
        if _written(path) == path:
            path.write_bytes(content)  # a device, such as /dev/stdout
        else:
            replace_file(path.resolve(), content)
    except OSError as error:
        raise RunError(
            f"{path} must be a file that can be written. Received: {error.strerror}"
        ) from None


def complain(error: object, code: int) -> int:
    """Print an error as one line on stderr and return the exit code."""
    line = " ".join(str(error).split())
    print(f"wrn: {line}", file=sys.stderr)
    return code


class Bar:
    """A progress bar on stderr, where that is a terminal."""

    def __init__(self, unit: str, *, quiet: bool) -> None:
        from tqdm import tqdm

        self._bar = tqdm(unit=f" {unit}", disable=True if quiet else None, leave=False)

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def show(self, done: int, total: int) -> None:
        """Move the bar to `done` of `total`."""
        self._bar.total = total
        self._bar.update(done - self._bar.n)


class ProgressBar:
    """Shows a training: a bar on a terminal, a line an epoch elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        from tqdm import tqdm

        self._bar = tqdm(unit=" steps", disable=True if quiet else None, leave=False)
        self._lines = not quiet and self._bar.disable
        self._said = 0

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def show(self, progress: Any) -> None:
        """Show where the training stands."""
        self._bar.total = progress.epochs * progress.steps or None
        done = (progress.epoch - 1) * progress.steps + progress.step
        self._bar.update(done - self._bar.n)
        facts = f"epoch {progress.epoch}/{progress.epochs}"
        if progress.loss is not None:
            facts += f" loss {progress.loss:.4f} accuracy {progress.accuracy:.2%}"
        self._bar.set_description_str(facts, refresh=False)
        ended = progress.phase == "testing" and progress.epoch > self._said
        if self._lines and ended:
            self._said = progress.epoch
            # Nobody to tell is no reason to end a training.
            with suppress(OSError, ValueError):
                print(facts, file=sys.stderr, flush=True)
