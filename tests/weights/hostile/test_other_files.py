"""Files that are no HDF5, or not a whole one."""

import re

import pytest

from tests.weights.hostile.damages import keras_1, new, old
from wrn import weights
from wrn.errors import WeightsError

pytestmark = pytest.mark.usefixtures("quick_reading")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file"),
        (b"hello\n", "Received: text"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "PNG picture"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS pointer"),
        (b"\x80\x04\x95", "Python pickle"),
        (b"\xca\xfe\xba\xbe", "bytes ca fe ba be"),
        (bytes(512) + b"\x89HDF\r\n\x1a\n", "bytes 00 00"),
        (b"\x89HDF\r\n\x1a\n" + bytes(600), "damaged"),
        (b"PK\x03\x04" + bytes(99), "ZIP archive is damaged"),
    ],
)
def test_other_files_are_refused(path, refusal, content, message):
    path.write_bytes(content)
    assert message in refusal(path)


@pytest.mark.parametrize("write", [new, old, keras_1])
def test_truncated_file_is_called_so(path, refusal, write):
    data = write(path).read_bytes()
    for length in (len(data) - 1000, len(data) // 2):
        path.write_bytes(data[:length])
        message = f"promises {len(data):,} bytes.*Received: {length:,}"
        assert re.search(message, refusal(path))


def test_missing_file_and_folder_are_refused(tmp_path):
    with pytest.raises(WeightsError, match="No such file"):
        weights.read(tmp_path / "none.h5")
    with pytest.raises(WeightsError, match="no file"):
        weights.read(tmp_path)
