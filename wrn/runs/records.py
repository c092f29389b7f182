"""Files of one JSON object a line, to which lines are appended while they are read."""

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wrn.text import encodable

#: Longest line that is read; ours have about 200 characters.
LONGEST_LINE = 10_000

#: Numbers from here on are no measurement of ours.
TOO_LARGE = 1e15

#: Files whose records are kept, so that only new lines are parsed: a page reads the
#: metrics of a training every second, which are many thousand lines in the end.
_KEPT_FILES = 16


class _Records:
    """The records of one file, as far as it was read."""

    def __init__(self) -> None:
        self._content = b""
        self._records: list[dict[str, Any]] = []

    def update(self, content: bytes) -> list[dict[str, Any]]:
        """Parse what is new in the file; all of it if the beginning has changed."""
        if not content.startswith(self._content):
            self._content, self._records = b"", []
        # The last line may be half written.
        end = content.rfind(b"\n") + 1
        self._records += _parse(content[len(self._content) : end])
        self._content = content[:end]
        return self._records + _parse(content[end:])


_kept: OrderedDict[Path, _Records] = OrderedDict()
_lock = threading.Lock()


def read_records(path: Path) -> list[dict[str, Any]]:
    """Read the records of a file.

    Args:
        path: The file; one that is missing has no records.

    Returns:
        The JSON objects in order, not to be changed. Lines that are none are left out.
    """
    try:
        content = path.read_bytes()
    except OSError:
        return []
    with _lock:
        kept = _kept.setdefault(path, _Records())
        _kept.move_to_end(path)
        if len(_kept) > _KEPT_FILES:
            _kept.popitem(last=False)
        return kept.update(content)


def figure(record: Mapping[str, Any] | None, name: str) -> float | None:
    """Return a number of a record; `None` if it is missing or no usable number.

    An accuracy is usable from 0 to 1.
    """
    value = record.get(name) if isinstance(record, Mapping) else None
    # True and False are integers to Python.
    if type(value) is not float and type(value) is not int:
        return None
    # False for NaN too.
    usable = 0 <= value <= 1 if name.endswith("accuracy") else abs(value) < TOO_LARGE
    return float(value) if usable else None


def _parse(content: bytes) -> list[dict[str, Any]]:
    records = []
    for line in content.splitlines():
        try:
            record = json.loads(line) if len(line) < LONGEST_LINE else None
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            # Few lines have an escape; ours have none.
            records.append(without_halves(record) if b"\\u" in line else record)
    return records


def without_halves(stored: Any) -> Any:
    """Return what JSON held without halves of characters: no output takes them."""
    return json.loads(encodable(json.dumps(stored, ensure_ascii=False)))
