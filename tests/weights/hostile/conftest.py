"""Hostile and damaged files: each is refused in words, and nothing else happens."""

import zipfile

import h5py
import pytest

from wrn import weights
from wrn.errors import WeightsError
from wrn.weights import reader


@pytest.fixture
def refusal(tmp_path, monkeypatch):
    """Read a file as a caller does, and return the sentence that refuses it.

    The calling process never opens the file as HDF5, keeps nothing of it, and is
    given its answer after 12 seconds at the latest.
    """
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    def forbidden(*_, **__):
        raise AssertionError("the calling process opened the file")

    def refusal(path):
        assert reader.cpu_seconds(path.stat().st_size) < 12
        with monkeypatch.context() as patch:
            patch.setattr("tempfile.tempdir", str(temporary))
            patch.setattr(h5py, "File", forbidden)
            patch.setattr(zipfile, "ZipFile", forbidden)
            with pytest.raises(WeightsError) as error:
                weights.recognize(weights.read(path))
        assert list(temporary.iterdir()) == []
        sentence = str(error.value)
        assert str(tmp_path) not in sentence
        assert len(sentence) < 700
        assert sentence.isprintable()
        return sentence

    return refusal
