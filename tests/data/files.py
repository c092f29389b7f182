"""Data sets as others write them, in small."""

import hashlib
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest

from wrn.data import load, official
from wrn.errors import DataError

BATCHES = tuple(official.OFFICIAL_MD5)


def batch(seed: int, n: int) -> dict[bytes, object]:
    rng = np.random.default_rng(seed)
    return {
        b"batch_label": b"a batch",
        b"labels": rng.integers(0, 10, n).tolist(),
        b"data": rng.integers(0, 256, (n, 3072), np.uint8),
        b"filenames": [b"some_%d.png" % i for i in range(n)],
    }


def write_folder(folder: Path, batches: dict, protocol: int = 2) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in batches.items():
        (folder / name).write_bytes(pickle.dumps(content, protocol))
    return folder


def write_archive(path: Path, folder: Path) -> Path:
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        archive.add(folder, "cifar-10-batches-py")
    return path


def refusal(source) -> str:
    with pytest.raises(DataError) as caught:
        load(str(source))
    return str(caught.value)


def make_official(monkeypatch, folder: Path) -> None:
    """Declare the files of a folder to be the official ones."""
    for name in BATCHES:
        digest = hashlib.md5((folder / name).read_bytes()).hexdigest()
        monkeypatch.setitem(official.OFFICIAL_MD5, name, digest)
