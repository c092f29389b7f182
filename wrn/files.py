"""Files that are replaced whole, so that no reader sees half of one."""

import os
import uuid
from pathlib import Path


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old content or the new, never half."""
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
