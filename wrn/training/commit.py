"""Which version of this code runs, for the record that a training leaves."""

import functools
import subprocess
from pathlib import Path

#: The checkout, where the code is run from one.
ROOT = Path(__file__).resolve().parents[2]

#: Seconds after which Git is given up.
_GIT_SECONDS = 10


@functools.cache
def commit(folder: Path = ROOT) -> str:
    """Return the short hash of the commit that is checked out.

    Args:
        folder: A checkout's top folder.

    Returns:
        Such as `7421038`, or `7421038-dirty` where tracked files were changed since;
        empty without a checkout or without Git.
    """
    if not (folder / ".git").exists():
        return ""
    try:
        return subprocess.run(
            ["git", "describe", "--always", "--dirty", "--exclude=*"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
