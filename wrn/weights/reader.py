"""Any weight file as plain arrays, through a child process with limits.

The HDF5 library has memory faults that a damaged or hostile file can trigger, so
weights are never read in this process: `child.py` reads them in a process of its own,
bounded in memory and time, and hands back raw numbers and JSON, which are checked
again here. It leaves out what a resume needs besides; `wrn.training.checkpoint` reads
that from a run's own folder, after the weights have passed here.
"""

import errno
import json
import math
import os
import signal
import stat
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wrn.errors import WeightsError
from wrn.text import printable
from wrn.weights.child import NO_ROOM, quote

Array = NDArray[np.float32]

#: A checkpoint holds three times as much: its averages, the weights that are trained,
#: and the optimizer's velocity.
MAX_FILE_BYTES = 4 * 2**30
#: What the child may compute, beside a share for each byte. A WRN-28-10 takes less
#: than a second.
MIN_CPU_SECONDS = 8.0
SLOWEST_BYTES_PER_SECOND = 100e6
#: By the clock it may take so many times as long: a training can have all cores.
PATIENCE = 8

#: The texts of a file and of its archive, as JSON.
MAX_MANIFEST_BYTES = 64 * 2**20

#: What a process is ended by that computes for too long, and by a system that has no
#: memory left; Windows knows neither.
_SIGXCPU = getattr(signal, "SIGXCPU", None)
_SIGKILL = getattr(signal, "SIGKILL", None)

CHILD = Path(__file__).with_name("child.py")

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
ZIP_SIGNATURE = b"PK\x03\x04"
#: What people upload by mistake, by its first bytes.
FOREIGN_SIGNATURES = {
    b"": "an empty file",
    b"version https://git-lfs": "a Git LFS pointer, which stands for the real file",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x1f\x8b": "a gzip archive",
    b"\x80": "a Python pickle",
    b"%PDF": "a PDF document",
    b"{": "JSON text",
    b"<": "an HTML or XML page",
}


@dataclass(frozen=True, eq=False)
class Dump:
    """What the child process found in a file, before anything is interpreted.

    Attributes:
        arrays: Every dataset, float32, by its path from the root.
        groups: The paths of all groups, the root `""` included.
        attributes: Texts by group path and attribute name.
        archive: The JSON texts beside the weights in a `.keras` archive; empty
            for a bare HDF5 file.
    """

    arrays: dict[str, Array]
    groups: frozenset[str]
    attributes: dict[str, dict[str, list[str]]]
    archive: dict[str, str]


def dump(path: str | Path) -> Dump:
    """Read every array of an HDF5 file or `.keras` archive.

    Args:
        path: The file. Its name is not looked at.

    Returns:
        Its arrays and texts, all values finite.

    Raises:
        WeightsError: If it is no such file, is damaged, or holds anything but
            plain arrays of finite floating-point numbers. Or if the machine has no
            room or no process left to read it with.
    """
    # Unlike `resolve` it leaves a circle of links to be told by the first access.
    path = Path(os.path.realpath(path))
    size = _check_file(path)
    try:
        with tempfile.TemporaryDirectory(prefix="wrn-") as folder:
            _run_child(path, Path(folder), cpu_seconds(size))
            try:
                return _load(Path(folder))
            except (OSError, ValueError, TypeError, KeyError, RecursionError):
                raise _crashed() from None
    except OSError as error:
        raise _hindered(error.strerror or str(error)) from None


def cpu_seconds(size: int) -> int:
    """Return the seconds of computing that reading a file of `size` bytes may take."""
    return math.ceil(MIN_CPU_SECONDS + size / SLOWEST_BYTES_PER_SECOND)


def _check_file(path: Path) -> int:
    """Return the size of a file that begins like a weight file."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise WeightsError(
                f"A weight file is expected. Received: {path}, which is no file"
            )
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        raise WeightsError(
            f"A weight file is expected. Received: {path} ({error.strerror})"
        ) from None
    if not start.startswith((HDF5_SIGNATURE, ZIP_SIGNATURE)):
        raise WeightsError(
            "A weight file must be HDF5 (.h5, .hdf5) or a .keras archive. "
            f"Received: {_describe(start)}"
        )
    if status.st_size > MAX_FILE_BYTES:
        raise WeightsError(
            f"A weight file must have at most {MAX_FILE_BYTES // 2**20:,} MiB. "
            f"Received: {status.st_size // 2**20:,} MiB"
        )
    return status.st_size


def _describe(start: bytes) -> str:
    """Name a kind of file by its first bytes."""
    for signature, name in FOREIGN_SIGNATURES.items():
        if start == signature or (signature and start.startswith(signature)):
            return name
    if start.isascii() and all(c.isprintable() or c.isspace() for c in start.decode()):
        return "text"
    return f"a file that begins with the bytes {start[:8].hex(' ')}"


def _run_child(path: Path, folder: Path, seconds: int) -> None:
    """Run `child.py` on a file with `folder` as its working directory."""
    too_long = WeightsError(
        f"Reading the file must take at most {seconds} seconds of computing. Received: "
        "one that takes longer; it is damaged, or was made to"
    )
    # Kept are only the variables without which Python may not start.
    kept = {"SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"} & os.environ.keys()
    environment = {name: os.environ[name] for name in kept} | {
        "HDF5_PLUGIN_PRELOAD": "::",  # no plugin is ever loaded
        "HDF5_USE_FILE_LOCKING": "FALSE",
        # Each thread of the algebra library reserves address space.
        "OPENBLAS_NUM_THREADS": "1",
    }
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(CHILD), str(path), str(seconds)],
            cwd=folder,
            env=environment,
            timeout=PATIENCE * seconds,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Ctrl-C is for this process to obey, which may want what is read.
            start_new_session=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise too_long from None
    if _SIGXCPU and done.returncode == -_SIGXCPU:
        raise too_long
    if done.returncode == NO_ROOM:
        raise _hindered(os.strerror(errno.ENOSPC))
    if _SIGKILL and done.returncode == -_SIGKILL:
        raise _hindered("The process was killed, as it is where memory runs out")
    if done.returncode:
        raise _crashed()


def _hindered(cause: str) -> WeightsError:
    return WeightsError(
        "Reading a weight file takes a process, and room in a temporary folder "
        f"(TMPDIR names another one). Received: {cause}"
    )


def _crashed() -> WeightsError:
    return WeightsError(
        "The HDF5 library failed on this file: it is damaged, or was made to do harm. "
        "Expected an intact weight file; copy or download it again"
    )


def _load(folder: Path) -> Dump:
    """Check and load what the child wrote; it may have been taken over."""
    if _size(folder / "manifest.json") > MAX_MANIFEST_BYTES:
        raise ValueError("the child's manifest is too long")
    manifest = json.loads((folder / "manifest.json").read_bytes())
    if "refusal" in manifest:
        raise WeightsError(printable(str(manifest["refusal"]), 600))
    shapes = {str(path): _checked_shape(shape) for path, shape in manifest["datasets"]}
    if _size(folder / "arrays.f32") != 4 * sum(map(math.prod, shapes.values())):
        raise ValueError("the child's arrays and manifest disagree")
    arrays = {}
    with (folder / "arrays.f32").open("rb") as file:
        for path, shape in shapes.items():
            flat = np.fromfile(file, "<f4", math.prod(shape))
            arrays[path] = _checked_finite(path, flat.reshape(shape))
    return Dump(
        arrays=arrays,
        groups=frozenset(map(str, manifest["groups"])),
        attributes={
            str(path): {str(name): list(map(str, texts)) for name, texts in of.items()}
            for path, of in manifest["attributes"].items()
        },
        archive={str(k): str(v) for k, v in manifest["archive"].items()},
    )


def _size(path: Path) -> int:
    """Return the size of a file that is one, no link or pipe."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("the child must leave files")
    return status.st_size


def _checked_shape(shape: Any) -> tuple[int, ...]:
    if not all(type(length) is int and length >= 0 for length in shape):
        raise ValueError("a shape must consist of lengths")
    return tuple(shape)


def _checked_finite(path: str, array: Array) -> Array:
    finite = np.isfinite(array)
    if not finite.all():
        raise WeightsError(
            f"{quote(path)} must hold finite numbers. Received: "
            f"{np.count_nonzero(~finite):,} of {array.size:,} are NaN or infinite"
        )
    return array
