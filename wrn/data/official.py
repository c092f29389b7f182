"""The official CIFAR-10 files for Python: the archive, or its unpacked folder.

Six pickles of 10,000 images each. They are read by an unpickler that knows NumPy
arrays and plain containers and nothing else, and the archive is read in memory:
no file is created under a name that it chose.
"""

import codecs
import gzip
import hashlib
import io
import pickle
import re
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wrn.config import FULL_SIZE
from wrn.data.dataset import (
    CLASS_NAMES,
    Dataset,
    Images,
    OnProgress,
)
from wrn.errors import DataError

#: MD5 of each official file, as torchvision lists them.
OFFICIAL_MD5 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
IMAGES_PER_BATCH = 10_000

# The official batches have 31 MB each and the archive unpacks to 186 MB. The
# bounds stop a small hostile file from filling the memory.
MAX_BATCH_BYTES = 50_000_000
MAX_ARCHIVE_BYTES = 400_000_000


def read_archive(path: Path, source: str, on_progress: OnProgress) -> Dataset:
    """Read `cifar-10-python.tar.gz`.

    Args:
        path: The archive.
        source: The source as the user named it.
        on_progress: Told the fraction done.

    Returns:
        The dataset: 50,000 training and 10,000 test images.

    Raises:
        DataError: If the archive is damaged, or lacks a batch, or a batch is not
            as it should be.
    """
    on_progress(0.0, f"Unpacking {path.name}")
    try:
        with gzip.open(path) as file:
            content = file.read(MAX_ARCHIVE_BYTES + 1)
        if len(content) > MAX_ARCHIVE_BYTES:
            raise DataError(
                f"{path} must unpack to at most {MAX_ARCHIVE_BYTES:,} bytes, as the "
                "official archive does. Received: more"
            )
        batches = _batches_in_tar(content)
    except (OSError, EOFError, zlib.error, tarfile.TarError, ValueError) as error:
        raise DataError(
            f"{path} must be a whole .tar.gz archive. Received: {error}"
        ) from error

    def read(name: str) -> bytes:
        if name not in batches:
            raise DataError(
                f"{path} must hold cifar-10-batches-py/{name}. Received: "
                f"an archive with {', '.join(sorted(batches)) or 'no batch at all'}"
            )
        return batches[name]

    return _assemble(read, path, source, on_progress)


def _batches_in_tar(content: bytes) -> dict[str, bytes]:
    """Return the batches of an uncompressed tar by base name, `{name: content}`."""
    batches = {}
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
        for member in archive:
            name = member.name.rpartition("/")[2]
            # A sparse member can claim more than the archive holds.
            if name in OFFICIAL_MD5 and member.isreg() and not member.issparse():
                file = archive.extractfile(member)
                batches[name] = file.read(MAX_BATCH_BYTES + 1) if file else b""
    return batches


def read_folder(path: Path, source: str, on_progress: OnProgress) -> Dataset:
    """Read a `cifar-10-batches-py` folder.

    Args:
        path: The folder.
        source: The source as the user named it.
        on_progress: Told the fraction done.

    Returns:
        The dataset: 50,000 training and 10,000 test images.

    Raises:
        DataError: If a batch is missing or not as it should be.
    """

    def read(name: str) -> bytes:
        if (path / name).exists() and not (path / name).is_file():
            # Whoever opens a named pipe waits for another program.
            raise DataError(
                f"{path} must hold the file {name}. Received: another thing"
            )
        try:
            with open(path / name, "rb") as file:
                return file.read(MAX_BATCH_BYTES + 1)
        except OSError as error:
            raise DataError(
                f"{path} must hold the file {name}. Received: {error.strerror}"
            ) from error

    return _assemble(read, path, source, on_progress)


def _assemble(
    read: Callable[[str], bytes], path: Path, source: str, on_progress: OnProgress
) -> Dataset:
    """Join the six batches into a dataset."""
    parts: list[Images] = []
    altered: list[str] = []
    for done, (name, official) in enumerate(OFFICIAL_MD5.items()):
        on_progress(done / len(OFFICIAL_MD5), f"Reading {name}")
        content = read(name)
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != official:
            altered.append(name)
        parts.append(_parse_batch(content, f"{path}/{name}"))
    # Some official files beside altered ones is a damaged copy of CIFAR-10; none
    # at all is another set of images in its format, which is fine if labelled.
    if 0 < len(altered) < len(OFFICIAL_MD5):
        raise DataError(
            f"{path}/{altered[0]} must be the official file, as others beside it are "
            f"(MD5 {OFFICIAL_MD5[altered[0]]}). Received: a damaged or altered copy"
        )
    return Dataset(
        train=Images(
            np.concatenate([part.images for part in parts[:-1]]),
            np.concatenate([part.labels for part in parts[:-1]]),
        ),
        test=parts[-1],
        class_names=CLASS_NAMES,
        source=source,
        name="Images in CIFAR-10 format" if altered else "CIFAR-10",
        note=(
            "These are not the official CIFAR-10 images, only files in their format: "
            "do not compare with published accuracies."
            if altered
            else ""
        ),
    )


def _parse_batch(content: bytes, where: str) -> Images:
    """Turn one pickled batch into images."""
    if len(content) > MAX_BATCH_BYTES:
        raise DataError(
            f"{where} must have at most {MAX_BATCH_BYTES:,} bytes. Received: more"
        )
    try:
        batch = _ArrayUnpickler(io.BytesIO(content), encoding="bytes").load()
    except Exception as error:  # A damaged pickle can raise anything.
        raise DataError(
            f"{where} must be a pickle of NumPy arrays and plain containers. "
            f"Received: {error or type(error).__name__}"
        ) from error
    if not isinstance(batch, dict):
        raise DataError(
            f"{where} must hold a dictionary. Received: {type(batch).__name__}"
        )
    # Python 2 wrote the official files, so the keys arrive as bytes; files
    # rewritten by Python 3 have text.
    data, labels = (
        each.array if isinstance(each, _Array) else each
        for each in (
            batch.get(b"data", batch.get("data")),
            batch.get(b"labels", batch.get("labels")),
        )
    )
    return Images(_pixels(data, where), _labels(labels, where))


def _pixels(data: Any, where: str) -> NDArray[np.uint8]:
    """Turn rows of 1024 reds, 1024 greens and 1024 blues into images."""
    expected = (IMAGES_PER_BATCH, 3 * FULL_SIZE * FULL_SIZE)
    if not isinstance(data, np.ndarray):
        raise DataError(
            f"{where}: data must be an array of {expected[0]:,} images. "
            f"Received: {type(data).__name__}"
        )
    if data.shape != expected or data.dtype != np.uint8:
        raise DataError(
            f"{where}: data must be uint8 of shape {expected}. "
            f"Received: {data.dtype} of shape {data.shape}"
        )
    images = data.reshape(-1, 3, FULL_SIZE, FULL_SIZE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images)


def _labels(labels: Any, where: str) -> NDArray[np.int64]:
    """Turn a list of whole numbers into an array."""
    if isinstance(labels, np.ndarray) and labels.ndim == 1:
        # No longer than the file: it holds the numbers.
        labels = labels.tolist()
    kinds = {type(each) for each in labels} if isinstance(labels, list) else set()
    if not isinstance(labels, list) or not kinds <= {int}:
        # Not the value itself, which may have no end.
        of = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise DataError(
            f"{where}: labels must be a list of whole numbers. "
            f"Received: {type(labels).__name__}{of and f' of {of}'}"
        )
    if len(labels) != IMAGES_PER_BATCH:
        raise DataError(
            f"{where}: there must be {IMAGES_PER_BATCH:,} labels. "
            f"Received: {len(labels):,}"
        )
    for label in labels:
        if not 0 <= label < len(CLASS_NAMES):
            # Nor a number of any length.
            received = f"{label}" if abs(label) < 10**9 else "a huge number"
            raise DataError(
                f"{where}: labels must be 0 to {len(CLASS_NAMES) - 1}. "
                f"Received: {received}"
            )
    return np.array(labels, np.int64)


def _latin1_bytes(text: str, encoding: str) -> bytes:
    """Do what `codecs.encode` does in pickles: Python 2's way to write bytes."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"the encoding {encoding!r}")
    return codecs.latin_1_encode(text)[0]


class _Type:
    """Stands for the type of an array's numbers."""

    def __init__(self, name: Any, *_: Any) -> None:
        self.name, self.order = _text(name), "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = _text(state[1])

    def of_numpy(self) -> np.dtype[Any]:
        """Return the type, if it is one of numbers."""
        if not re.fullmatch("[iuf][1248]", self.name) or self.order not in set("<>|="):
            raise pickle.UnpicklingError(f"the type {self.name:.40}, not allowed")
        return np.dtype(self.name if self.order in "=|" else self.order + self.name)


class _Array:
    """Stands for an array until its numbers come. It is made of nothing but bytes."""

    def __init__(self, *_: Any) -> None:
        self.array: NDArray[Any] | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, is_fortran, content = state
        self.array = _from_bytes(content, kind, shape, "F" if is_fortran else "C")

    @classmethod
    def of_buffer(cls, content: Any, kind: Any, shape: Any, order: Any) -> "_Array":
        """Take the numbers at once, as protocol 5 gives them."""
        made = cls()
        made.array = _from_bytes(content, kind, shape, _text(order))
        return made


def _from_bytes(content: Any, kind: Any, shape: Any, order: Any) -> NDArray[Any]:
    if not isinstance(content, bytes | bytearray) or not isinstance(kind, _Type):
        raise pickle.UnpicklingError("an array without its numbers")
    return np.frombuffer(content, kind.of_numpy()).reshape(shape, order=order)


def _text(value: Any) -> str:
    """Return a text; Python 2 wrote bytes."""
    return value.decode("latin1") if isinstance(value, bytes) else str(value)


class _ArrayUnpickler(pickle.Unpickler):
    """Knows arrays of numbers and plain containers; anything else is refused.

    NumPy's own functions and types are not called: a file could have them take any
    bytes for the addresses of Python's objects.
    """

    # Their module was renamed in NumPy 2, and files name either.
    _KNOWN: dict[tuple[str, str], Any] = {  # noqa: RUF012
        ("numpy", "ndarray"): None,  # Named, never called.
        ("numpy", "dtype"): _Type,
        ("numpy.core.multiarray", "_reconstruct"): _Array,
        ("numpy._core.multiarray", "_reconstruct"): _Array,
        ("numpy.core.numeric", "_frombuffer"): _Array.of_buffer,
        ("numpy._core.numeric", "_frombuffer"): _Array.of_buffer,
        ("_codecs", "encode"): _latin1_bytes,
    }

    def find_class(self, module: str, name: str) -> Any:
        """Return a known class, or refuse."""
        if (module, name) not in self._KNOWN:
            raise pickle.UnpicklingError(f"{module}.{name}, which is not allowed")
        return self._KNOWN[module, name]
