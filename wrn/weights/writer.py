"""Writes this project's weight files, and fills a model from recognized arrays.

A file is what Keras 3's `save_weights` writes, so Keras itself can read it back,
with additions that Keras passes over: a root attribute `wrn` (JSON: which network,
which preprocessing, how it was trained); the group `preprocessing` with the arrays
of a preprocessing that has some; and in the checkpoints of a training the groups
`optimizer` and `training`.
"""

import errno
import json
import math
import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from wrn.files import UNFINISHED
from wrn.weights.formats import PREPROCESSING_GROUP
from wrn.weights.recognition import Recognized

#: What a file takes beside its arrays: names, and gaps between them.
_OVERHEAD_BYTES = 2**20

#: Root attribute that holds the metadata.
METADATA_ATTRIBUTE = "wrn"


def save(
    path: Path,
    model: Any,
    metadata: Mapping[str, Any],
    extras: Mapping[str, NDArray[Any]] | None = None,
    *,
    preprocessing: Mapping[str, NDArray[Any]] | None = None,
) -> None:
    """Write a model's weights, atomically.

    A reader sees the old file or the new one, whole, even if the power fails.

    Args:
        path: The file, ending in `.weights.h5`. Replaced if it exists.
        model: The Keras model.
        metadata: Plain JSON types.
        extras: More arrays, by their path within the file.
        preprocessing: The arrays of the preprocessing, by their names.

    Raises:
        OSError: If there is no room for it, on the disk or within a quota, or the
            folder cannot be written.
    """
    arrays = {**(extras or {}), **(preprocessing or {})}
    needed_bytes = _OVERHEAD_BYTES + sum(array.nbytes for array in arrays.values())
    needed_bytes += sum(4 * math.prod(weight.shape) for weight in model.weights)
    # Keras insists on the ending; the leading dot keeps the file out of listings.
    temporary = path.with_name(f"{UNFINISHED}{uuid.uuid4().hex}.weights.h5")
    try:
        _check_room(temporary, needed_bytes)
        model.save_weights(temporary)
        # A process that was started meanwhile has this one's files open, and with them
        # the lock of what was closed here, until it runs its program.
        with h5py.File(temporary, "r+", locking=False) as file:
            file.attrs[METADATA_ATTRIBUTE] = json.dumps(metadata)
            for name, array in (extras or {}).items():
                file[name] = array
            for name, array in (preprocessing or {}).items():
                file[f"{PREPROCESSING_GROUP}/{name}"] = array
        # Windows syncs only what may be written.
        with temporary.open("r+b") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _check_room(path: Path, needed_bytes: int) -> None:
    """Refuse to begin what does not fit: amid it the HDF5 library crashes at the end.

    Args:
        path: A new file, in which the room is taken. Whoever writes it begins anew.
        needed_bytes: How much.

    Raises:
        OSError: If there is no room.
    """
    folder = str(path.parent)
    if hasattr(os, "posix_fallocate"):
        # Quotas and limits of a process are found by asking for the room alone.
        with path.open("wb") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, needed_bytes)
            except OSError as error:
                raise OSError(error.errno, error.strerror, folder) from error
    elif shutil.disk_usage(folder).free < needed_bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), folder)


def fill(model: Any, recognized: Recognized) -> None:
    """Copy recognized arrays into a model built from the same config.

    Args:
        model: The Keras model of `recognized.config`.
        recognized: Arrays by layer and role.
    """
    for name, arrays in recognized.arrays.items():
        layer = model.get_layer(name)
        for role, array in arrays.items():
            getattr(layer, _ATTRIBUTES.get(role, role)).assign(np.asarray(array))


#: Where Keras names a weight's attribute otherwise than the weight.
_ATTRIBUTES = {"kernel": "_kernel"}
