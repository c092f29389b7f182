"""The format of the official download."""

import functools
import gzip
import io
import os
import tarfile

import numpy as np
import pytest

from tests.data.files import (
    BATCHES,
    batch,
    make_official,
    refusal,
    write_archive,
    write_folder,
)
from wrn.data import CLASS_NAMES, load, official


@pytest.mark.parametrize("protocol", [2, 5])
@pytest.mark.parametrize("kind", ["folder", "parent", "archive"])
def test_official_format(tmp_path, small_batches, kind, protocol):
    folder = tmp_path / "cifar-10-batches-py"
    write_folder(folder, small_batches, protocol)
    source = {
        "folder": folder,
        "parent": tmp_path,
        "archive": tmp_path / "cifar-10-python.tar.gz",
    }[kind]
    if kind == "archive":
        write_archive(source, folder)
    dataset = load(str(source))
    assert len(dataset.train) == 100
    assert len(dataset.test) == 20
    assert dataset.class_names == CLASS_NAMES
    assert dataset.source == str(source)
    assert not dataset.synthetic
    # Image 23 is number 3 of the second batch; its rows are red, green, blue planes.
    row = small_batches["data_batch_2"][b"data"][3]
    for y, x, channel in ((0, 0, 0), (5, 7, 1), (31, 30, 2)):
        expected = row[channel * 1024 + y * 32 + x]
        assert dataset.train.images[23, y, x, channel] == expected
    assert dataset.train.labels[23] == small_batches["data_batch_2"][b"labels"][3]
    assert dataset.test.labels.tolist() == small_batches["test_batch"][b"labels"]


def test_arrays_are_typed_and_read_only(tmp_path, small_batches):
    train = load(str(write_folder(tmp_path / "c", small_batches))).train
    assert (train.images.dtype, train.labels.dtype) == (np.uint8, np.int64)
    with pytest.raises(ValueError, match="read-only"):
        train.images[0] = 0


def test_the_files_of_another_dataset_are_labelled(tmp_path, small_batches):
    dataset = load(str(write_folder(tmp_path / "c", small_batches)))
    assert dataset.name == "Images in CIFAR-10 format"
    assert "not the official" in dataset.note


def test_an_official_copy_with_one_pixel_changed_is_refused(
    tmp_path, small_batches, monkeypatch
):
    folder = write_folder(tmp_path / "c", small_batches)
    make_official(monkeypatch, folder)
    assert load(str(folder)).name == "CIFAR-10"
    assert load(str(folder)).note == ""
    small_batches["data_batch_4"][b"data"][7, 99] ^= 1
    write_folder(folder, {"data_batch_4": small_batches["data_batch_4"]})
    message = refusal(folder)
    assert str(folder / "data_batch_4") in message
    assert "damaged or altered" in message


def test_batches_must_have_the_official_size(tmp_path):
    # Without the fixture: 10,000 images are expected.
    folder = write_folder(tmp_path / "c", {name: batch(0, 20) for name in BATCHES})
    message = refusal(folder)
    assert "(10000, 3072)" in message
    assert "(20, 3072)" in message
    assert "data_batch_1" in message


def _by_python_2(batch):
    """Pickle a batch as Python 2 and NumPy 1 did: all texts are bytes."""

    def text(content):
        return b"T" + len(content).to_bytes(4, "little") + content

    none, minus_one = b"N", b"J\xff\xff\xff\xff"
    kind = (
        b"cnumpy\ndtype\n(" + text(b"u1") + b"K\x00K\x01tR(K\x03" + text(b"|")
        + 3 * none + 2 * minus_one + b"K\x00tb"
    )  # fmt: skip
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85"
        + text(b"b") + b"tR(K\x01K\x14M\x00\x0c\x86" + kind + b"\x89"
        + text(batch[b"data"].tobytes()) + b"tb"
    )  # fmt: skip
    labels = b"](" + b"".join(b"K" + bytes([n]) for n in batch[b"labels"]) + b"e"
    pairs = text(b"data") + array + text(b"labels") + labels
    return b"\x80\x02}(" + pairs + b"u."


def test_batches_are_read_as_python_2_wrote_them(tmp_path, small_batches):
    for name, batch_ in small_batches.items():
        (tmp_path / name).write_bytes(_by_python_2(batch_))
    test = load(str(tmp_path)).test
    assert test.labels.tolist() == small_batches["test_batch"][b"labels"]
    pixels = small_batches["test_batch"][b"data"].reshape(20, 3, 32, 32)
    np.testing.assert_array_equal(test.images, pixels.transpose(0, 2, 3, 1))


class _Pickled:
    """Is pickled as a call, and perhaps a state for what that returns."""

    def __init__(self, function, arguments, *state):
        self.call = function, arguments, *state

    def __reduce__(self):
        return self.call


def _nested():
    inner = [0]
    for _ in range(40):
        inner = [inner, inner]
    return inner


@pytest.mark.parametrize(
    "hostile",
    [
        # Bytes that NumPy would take for the addresses of objects.
        _Pickled(
            np.ndarray,
            ((20,), _Pickled(np.dtype, ("V8", False, True)), b"A" * 160),
        ),
        _Pickled(np.ndarray, ((20,), "u1")),
        _Pickled(
            np.empty(0).__reduce__()[0],
            (np.ndarray, (0,), b"b"),
            (
                1,
                (20,),
                _Pickled(
                    np.dtype,
                    ("V8", False, True),
                    (3, "|", None, ("f0",), {"f0": (np.dtype("u1"), 0)}, 8, 1, 0),
                ),
                False,
                b"A" * 160,
            ),
        ),
        # Numbers that the file does not have.
        _Pickled(
            np.empty(0).__reduce__()[0],
            (np.ndarray, (0,), b"b"),
            (1, (400_000_000,), np.dtype("u1"), False, b"A" * 160),
        ),
        _nested(),
    ],
    ids=["void", "call", "state", "short", "nested"],
)
@pytest.mark.parametrize("key", [b"labels", b"data"])
def test_hostile_batches_are_refused(tmp_path, small_batches, key, hostile):
    small_batches["data_batch_3"][key] = hostile
    message = refusal(write_folder(tmp_path / "c", small_batches))
    assert "data_batch_3" in message
    assert len(message) < 500


@pytest.mark.parametrize("kind", ["<i8", ">i8", ">i2", "u1"])
@pytest.mark.parametrize("protocol", [2, 5])
def test_labels_may_be_an_array(tmp_path, small_batches, kind, protocol):
    for name in small_batches:
        small_batches[name][b"labels"] = np.arange(20).astype(kind) % 10
        pixels = small_batches[name][b"data"]
        small_batches[name][b"data"] = np.asfortranarray(pixels)
    dataset = load(str(write_folder(tmp_path / "c", small_batches, protocol)))
    assert dataset.test.labels.tolist() == [*range(10), *range(10)]
    pixels = small_batches["test_batch"][b"data"]
    expected = pixels.reshape(20, 3, 32, 32).transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(dataset.test.images, expected)


@pytest.mark.slow
def test_batches_of_the_official_size(tmp_path):
    content = {b"labels": [9] * 10_000, b"data": np.full((10_000, 3072), 7, np.uint8)}
    folder = write_folder(tmp_path / "c", dict.fromkeys(BATCHES, content))
    dataset = load(str(write_archive(tmp_path / "c.tar.gz", folder)))
    assert dataset.train.images.shape == (50_000, 32, 32, 3)
    assert dataset.test.images.shape == (10_000, 32, 32, 3)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        (b"labels", [10] + [0] * 19, "labels must be 0 to 9. Received: 10"),
        (b"labels", [-1] + [0] * 19, "labels must be 0 to 9. Received: -1"),
        (b"labels", [2**80] + [0] * 19, "labels must be 0 to 9"),
        (b"labels", [0] * 19, "there must be 20 labels. Received: 19"),
        (b"labels", ["cat"] * 20, "whole numbers"),
        (b"labels", None, "whole numbers"),
        (b"labels", [10**5000] * 20, "Received: a huge number"),
        (b"labels", np.zeros((4, 5), np.int64), "Received: ndarray"),
        (b"labels", np.zeros(20), "list of float"),
        (b"data", np.zeros((20, 3071), np.uint8), "(20, 3071)"),
        (b"data", np.zeros((20, 3072), np.float32), "float32"),
        (b"data", [[0] * 3072] * 20, "Received: list"),
        (b"data", None, "Received: NoneType"),
    ],
)
def test_wrong_contents_are_refused(tmp_path, small_batches, key, value, expected):
    small_batches["data_batch_3"][key] = value
    message = refusal(write_folder(tmp_path / "c", small_batches))
    assert expected in message
    assert "data_batch_3" in message


@pytest.mark.parametrize("command", [os.mkdir, eval, functools.partial])
def test_a_pickle_that_calls_functions_is_refused(tmp_path, small_batches, command):
    victim = tmp_path / "victim"
    argument = {os.mkdir: str(victim), functools.partial: print}.get(
        command, f"__import__('os').mkdir({str(victim)!r})"
    )
    small_batches["data_batch_1"][b"batch_label"] = _Pickled(command, (argument,))
    message = refusal(write_folder(tmp_path / "c", small_batches))
    assert "not allowed" in message
    assert "data_batch_1" in message
    assert not victim.exists()


def test_a_pickle_of_something_else_is_refused(tmp_path, small_batches):
    small_batches["test_batch"] = [1, 2]
    message = refusal(write_folder(tmp_path / "c", small_batches))
    assert "must hold a dictionary. Received: list" in message


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_truncated_batches_are_refused(tmp_path, small_batches, keep):
    folder = write_folder(tmp_path / "c", small_batches)
    file = folder / "data_batch_5"
    file.write_bytes(file.read_bytes()[:keep])
    assert str(file) in refusal(folder)


@pytest.mark.parametrize("keep", [0, 1, 15, 5000, -1])
def test_truncated_archives_are_refused(tmp_path, small_batches, keep):
    folder = write_folder(tmp_path / "c", small_batches)
    archive = write_archive(tmp_path / "c.tar.gz", folder)
    archive.write_bytes(archive.read_bytes()[:keep])
    assert str(archive) in refusal(archive)


def test_a_flipped_byte_in_an_archive_is_refused(tmp_path, small_batches):
    folder = write_folder(tmp_path / "c", small_batches)
    archive = write_archive(tmp_path / "c.tar.gz", folder)
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 0xFF
    archive.write_bytes(content)
    assert str(archive) in refusal(archive)


def test_missing_batches_are_named(tmp_path, small_batches):
    folder = write_folder(tmp_path / "c", small_batches)
    (folder / "data_batch_2").unlink()
    assert "must hold the file data_batch_2" in refusal(folder)
    archive = write_archive(tmp_path / "c.tar.gz", folder)
    assert "must hold cifar-10-batches-py/data_batch_2" in refusal(archive)


def test_archives_and_batches_are_bounded(tmp_path, small_batches, monkeypatch):
    folder = write_folder(tmp_path / "c", small_batches)
    bomb = tmp_path / "bomb.tar.gz"
    bomb.write_bytes(gzip.compress(bytes(2_000_000)))
    monkeypatch.setattr(official, "MAX_ARCHIVE_BYTES", 1_000_000)
    assert "must unpack to at most 1,000,000 bytes" in refusal(bomb)
    monkeypatch.setattr(official, "MAX_BATCH_BYTES", 1_000)
    assert "must have at most 1,000 bytes" in refusal(folder)


def test_an_archive_writes_nothing_to_disk(tmp_path, small_batches):
    path = tmp_path / "in" / "evil.tar.gz"
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as archive:
        for name in ("../../escaped", "../data_batch_1"):
            member = tarfile.TarInfo(name)
            member.size = 4
            archive.addfile(member, io.BytesIO(b"evil"))
    before = sorted(tmp_path.rglob("*"))
    refusal(path)
    assert sorted(tmp_path.rglob("*")) == before
