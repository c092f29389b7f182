"""Settings that name several files, with commas between, as a line of CSV does."""

import csv
import io
import os
from collections.abc import Iterable
from pathlib import PurePath

from wrn.errors import ConfigError
from wrn.naming import known_as


def check(setting: str, value: str) -> None:
    """Refuse a list that does not name a file at every place.

    Raises:
        ConfigError: If it does not.
    """
    try:
        files = _split(value)
    except csv.Error:
        files = [""]
    if not all(files) or set("\r\n") & set(value):
        raise ConfigError(
            f"{setting} must be a weight file, or several with commas between; a path "
            "with a comma goes in double quotes, and none has line breaks. "
            f"Received: {value!r:.200}"
        )


def files(value: str) -> tuple[str, ...]:
    """Return the files that a setting names, one by one, `~` expanded."""
    return tuple(os.path.expanduser(part) for part in _split(value))


def joined(paths: Iterable[object]) -> str:
    """Return the setting that names these files."""
    return ", ".join(_quoted(str(path)) for path in paths)


def without_folders(value: str) -> str:
    """Return a setting as others may see it: files by their names alone."""
    return joined(known_as(PurePath(file)) for file in files(value))


def _quoted(path: str) -> str:
    cell = io.StringIO()
    csv.writer(cell, lineterminator="").writerow([path])
    return cell.getvalue()


def _split(value: str) -> list[str]:
    rows = csv.reader([value] if value else [], skipinitialspace=True, strict=True)
    return [part.strip() for row in rows for part in row]
