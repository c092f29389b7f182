"""The memory that a container or a batch job still may take: Linux's control groups.

What the machine has free is no measure inside them: whoever takes more than their
limit is killed.
"""

import re
from collections.abc import Iterator
from pathlib import Path

#: By version: the files of limit and usage in bytes, and what `memory.stat` calls the
#: part of the usage that is copies of files, given back when it is wanted.
_FILES = {
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    2: ("memory.max", "memory.current", "inactive_file"),
}


def free_memory(
    membership: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> int | None:
    """Return the bytes that this process may still take.

    Args:
        membership: The file that lists the process's groups.
        root: Where the groups are mounted.

    Returns:
        The least that its groups leave, at least 0; `None` if none has a limit, as on
        other systems than Linux.

    Source:
        docs.kernel.org, admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
    """
    left = (_left(version, folder) for version, folder in _groups(membership, root))
    return min((each for each in left if each is not None), default=None)


def _groups(membership: Path, root: Path) -> Iterator[tuple[int, Path]]:
    """Yield the version and the folder of each group, the outer ones included."""
    for line in _text(membership).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if "memory" in controllers.split(","):
            version, mount = 1, root / "memory"
        elif not controllers:
            version, mount = 2, root
        else:
            continue
        # A container may see its own group as the mount, under the host's path.
        inner = mount / path.lstrip("/")
        around = (inner, *inner.parents)
        yield from ((version, each) for each in around if each.is_relative_to(mount))


def _left(version: int, group: Path) -> int | None:
    """Return what one group leaves, `None` if it has no limit."""
    limit, usage, cached = _FILES[version]
    try:
        allowed, taken = (int(_text(group / name)) for name in (limit, usage))
    except ValueError:  # "max", or there is no such file.
        return None
    found = re.search(rf"^{cached} (\d+)$", _text(group / "memory.stat"), re.MULTILINE)
    return max(allowed - taken + (int(found[1]) if found else 0), 0)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
