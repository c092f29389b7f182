"""The official archive: from Keras's cache, else from the network into it.

Files have the names that `keras.datasets.cifar10` gives them, so a copy made by
either serves the other.
"""

import http.client
import os
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

from wrn.data.dataset import Dataset, OnProgress
from wrn.data.official import read_archive, read_folder
from wrn.errors import DataError
from wrn.files import sha256

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
#: Of the file at that address; Keras's `cifar10.load_data` asks for the same.
SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
MAX_DOWNLOAD_BYTES = 200_000_000
CHUNK_BYTES = 1 << 20
TIMEOUT_SECONDS = 30

# Keras 3, Keras 2, and the archive's own name.
ARCHIVES = (
    "cifar-10-batches-py-target_archive",
    "cifar-10-batches-py.tar.gz",
    "cifar-10-python.tar.gz",
)
FOLDERS = ("cifar-10-batches-py-target/cifar-10-batches-py", "cifar-10-batches-py")


def cache_folder() -> Path:
    """Return the folder where Keras keeps datasets; `KERAS_HOME` moves it."""
    home = os.environ.get("KERAS_HOME")
    if home:
        return Path(os.path.expanduser(home)) / "datasets"
    base = os.path.expanduser("~")
    # As Keras does it, for users without a home of their own.
    return Path(base if os.access(base, os.W_OK) else "/tmp") / ".keras" / "datasets"


def has_copy() -> bool:
    """Whether Keras's cache holds something that could be the official CIFAR-10."""
    folder = cache_folder()
    return any((folder / name).is_file() for name in ARCHIVES) or any(
        (folder / name).is_dir() for name in FOLDERS
    )


def cifar10(source: str, on_progress: OnProgress) -> Dataset:
    """Read the official CIFAR-10, downloading it where there is no copy yet.

    Args:
        source: The source as the user named it.
        on_progress: Told the fraction done.

    Returns:
        The official dataset.

    Raises:
        DataError: If there is no good copy and none can be downloaded.
    """
    folder = cache_folder()
    tried: list[str] = []
    for name in ARCHIVES:
        path = folder / name
        if path.is_file():
            on_progress(0.0, f"Verifying {path}")
            try:
                if _sha256(path) == SHA256:
                    return read_archive(path, source, on_progress)
            except DataError as error:
                tried.append(str(error))
                continue
            tried.append(f"{path} (damaged: its SHA-256 is not the official one)")
    for name in FOLDERS:
        path = folder / name
        if path.is_dir():
            try:
                dataset = read_folder(path, source, on_progress)
            except DataError as error:
                tried.append(str(error))
                continue
            if not dataset.note:
                return dataset
            tried.append(f"{path} (not the official files)")
    if not tried:
        tried.append(f"{folder} (no copy there)")
    try:
        path = _download(folder / ARCHIVES[0], on_progress)
    except (OSError, http.client.HTTPException, DataError) as error:
        tried.append(f"{URL} ({_reason(error)})")
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # It holds the connection.
        raise DataError(
            f"CIFAR-10 could not be had. Tried: {'; '.join(tried)}. "
            "To use a local copy, give as the source, or in the environment variable "
            "WRN_DATA, the path of cifar-10-python.tar.gz, of a cifar-10-batches-py "
            "folder or of a folder in the Hugging Face Parquet layout. Or use the "
            "source synthetic, which needs no download."
        ) from error
    return read_archive(path, source, on_progress)


def _download(target: Path, on_progress: OnProgress) -> Path:
    """Fetch the archive to `target`, which appears only once it is verified."""
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            received = _fetch(file, on_progress)
        digest = _sha256(Path(name))
        if digest != SHA256:
            raise DataError(
                f"expected the SHA-256 {SHA256}. Received: {received:,} bytes with "
                f"{digest}"
            )
        # Others may use the cache, too; a temporary file is its owner's alone.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, target)
    finally:
        Path(name).unlink(missing_ok=True)
    return target


def _fetch(file: IO[bytes], on_progress: OnProgress) -> int:
    """Copy the archive from the network into `file`; return its bytes."""
    received = 0
    with urllib.request.urlopen(URL, timeout=TIMEOUT_SECONDS) as response:
        told = response.headers.get("Content-Length") or ""
        expected = int(told) if told.isdecimal() else 0
        while chunk := response.read(CHUNK_BYTES):
            received += len(chunk)
            if received > MAX_DOWNLOAD_BYTES:
                raise DataError(
                    f"expected at most {MAX_DOWNLOAD_BYTES:,} bytes. Received: more"
                )
            file.write(chunk)
            fraction = min(received / expected, 1.0) if expected else 0.0
            on_progress(fraction, f"Downloading CIFAR-10: {received / 1e6:.0f} MB")
    if received < expected:
        raise DataError(f"expected {expected:,} bytes. Received: {received:,}")
    return received


def _sha256(path: Path) -> str:
    try:
        return sha256(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def _reason(error: Exception) -> str:
    """Say in a few words why a download failed."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return str(error.reason)
    return str(error) or type(error).__name__
