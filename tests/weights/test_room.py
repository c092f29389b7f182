"""What does not fit is refused before a file is begun."""

import os
import shutil
import types
from contextlib import contextmanager

import numpy as np
import pytest

from wrn import weights
from wrn.config import ModelConfig
from wrn.model import build_model


@contextmanager
def a_full_disk(room, monkeypatch):
    """Leave so many bytes on the disk, as far as systems without fallocate tell."""
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    usage = types.SimpleNamespace(free=room)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    yield


@contextmanager
def a_limit(room, monkeypatch):
    """Let no file have more bytes: as a quota, no figure of the disk tells it."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    ("little_room", "words"),
    [(a_full_disk, "No space left on device"), (a_limit, "File too large")],
)
def test_too_little_room_is_found_out_before_a_file_is_begun(
    little_room, words, tmp_path, monkeypatch
):
    model = build_model(ModelConfig(depth=10, widen_factor=1))
    path = tmp_path / "mine.weights.h5"
    with little_room(4 * model.count_params() + 2**20 + 99, monkeypatch):
        weights.save(path, model, {})
        before = path.read_bytes()
        for kind in ("extras", "preprocessing"):
            more = {kind: {"more": np.zeros(25, np.float32)}}
            with pytest.raises(OSError, match=f"{words}: '{tmp_path}'"):
                weights.save(path, model, {}, **more)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
