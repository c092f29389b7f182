"""Archives of Keras, `.keras`, that are hostile or damaged."""

import re
import struct
import zipfile

import h5py
import pytest

from tests import weight_files as samples
from tests.weights.hostile.damages import external_link_at_dataset, new

pytestmark = pytest.mark.usefixtures("quick_reading")


@pytest.fixture
def members(path):
    """Return the members of a valid archive."""
    return samples.archived(new(path))


@pytest.mark.parametrize(
    "name", ["../evil.py", "/etc/passwd", "assets/x.txt", "model.weights.h5/", "a\x1b"]
)
def test_archive_with_another_member_is_refused(path, refusal, members, name):
    samples.pack(path, members | {name: ""})
    assert re.search("not of a Keras model.*Received: ", refusal(path))


def test_archive_that_lacks_a_member_or_has_two_is_refused(path, refusal, members):
    for name in members:
        samples.pack(
            path, {other: members[other] for other in members if other != name}
        )
        assert "not of a Keras model" in refusal(path)
    samples.pack(path, members)
    warned = pytest.warns(UserWarning, match="Duplicate name")
    with zipfile.ZipFile(path, "a") as archive, warned:
        archive.writestr("model.weights.h5", "")
    assert "not of a Keras model" in refusal(path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"config.json": "[" * 10**6}, "description must be a JSON object"),
        ({"metadata.json": "3"}, "metadata must be a JSON object"),
        (
            {"config.json": " " * (2**23 + 1)},
            "config.json must unpack to at most 8 MiB",
        ),
        ({"model.weights.h5": b"no"}, "damaged"),
        ({"model.weights.h5": b"PK\x03\x04"}, "damaged"),
        ({"model.weights.h5": bytes(2**25)}, "promises 33,554,432 bytes"),
        ({"config.json": " " * 2**22}, "promises 4,194,304 bytes"),
    ],
)
def test_members_of_an_archive_are_checked(path, refusal, members, changed, message):
    samples.pack(path, members | changed, zipfile.ZIP_DEFLATED)
    assert message in refusal(path)


def test_hostile_weights_in_an_archive_are_refused(path, refusal, tmp_path):
    h5 = new(tmp_path / "weights")
    with h5py.File(h5, "a") as file:
        external_link_at_dataset(file)
    samples.pack(path, samples.archived(h5))
    assert "is a link to a file" in refusal(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_archive_of_another_compression_is_refused(path, refusal, members, method):
    samples.pack(path, members, method)
    assert f"Received: ZIP method {method}" in refusal(path)


#: Offsets in an entry of a ZIP archive's central directory.
FLAGS, CHECKSUM, SIZE = 8, 16, 24


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (FLAGS, 1, "must not be encrypted"),
        (CHECKSUM, 1, "ZIP archive is damaged"),
        (SIZE, 2**31, "must unpack to at most"),
    ],
)
def test_archive_that_belies_itself_is_refused(
    path, refusal, members, field, value, message
):
    data = bytearray(samples.pack(path, members).read_bytes())
    format = "<H" if field == FLAGS else "<I"
    entry = data.index(b"PK\x01\x02")
    struct.pack_into(format, data, entry + field, value)
    path.write_bytes(data)
    assert message in refusal(path)


def test_truncated_archive_is_refused(path, refusal, members):
    data = samples.pack(path, members).read_bytes()
    path.write_bytes(data[:-1000])
    assert "ZIP archive is damaged" in refusal(path)


def test_file_that_is_an_archive_and_hdf5_at_once_is_refused(path, refusal, members):
    """HDF5 is found behind 512 bytes of anything, a ZIP archive before its end."""
    prefix = b"PK\x03\x04" + bytes(508)
    path.write_bytes(prefix + members["model.weights.h5"])
    with h5py.File(path):
        assert "ZIP archive is damaged" in refusal(path)
    archive = samples.pack(path, members).read_bytes()
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(600) + archive)
    assert zipfile.is_zipfile(path)
    assert "damaged" in refusal(path)
