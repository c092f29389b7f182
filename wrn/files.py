"""Files: replaced whole, so that no reader sees half of one; told apart by change."""

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: What the names of files and folders begin with while they are written.
UNFINISHED = ".unfinished-"

#: What those of `replace_file` end in.
SMALL = ".tmp"


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old content or the new, never half."""
    temporary = path.with_name(f"{UNFINISHED}{uuid.uuid4().hex}{SMALL}")
    try:
        with named(path), temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Let an error inside name the file: that of opening does, of writing not."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal digits.

    Raises:
        OSError: If it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def identity(path: Path) -> str:
    """Return what stands for a file's content: another when the file changes."""
    name = ascii(str(path))  # A name may hold bytes that no output can encode.
    try:
        status = path.stat()
    except OSError:
        return f"{name}, gone"  # deleted just now; reading it says so
    return f"{name}, {status.st_mtime_ns}, {status.st_size}"
