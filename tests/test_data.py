import functools
import gzip
import hashlib
import http.server
import importlib.util
import io
import json
import os
import pickle
import shutil
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.conftest import real_images
from wrn.config import DataConfig
from wrn.data import (
    CLASS_NAMES,
    Dataset,
    Images,
    load,
    official,
    parquet,
    select,
    sources,
    synthetic,
)
from wrn.data import download as download_module
from wrn.errors import DataError

ROOT = Path(__file__).resolve().parents[1]
BATCHES = tuple(official.OFFICIAL_MD5)


# The official format


def batch(seed: int, n: int) -> dict[bytes, object]:
    rng = np.random.default_rng(seed)
    return {
        b"batch_label": b"a batch",
        b"labels": rng.integers(0, 10, n).tolist(),
        b"data": rng.integers(0, 256, (n, 3072), np.uint8),
        b"filenames": [b"some_%d.png" % i for i in range(n)],
    }


@pytest.fixture
def small_batches(monkeypatch):
    """Batches of 20 images. The real size has tests of its own below."""
    monkeypatch.setattr(official, "IMAGES_PER_BATCH", 20)
    return {name: batch(seed, 20) for seed, name in enumerate(BATCHES)}


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


def make_official(monkeypatch, folder: Path) -> None:
    """Declare the files of a folder to be the official ones."""
    for name in BATCHES:
        digest = hashlib.md5((folder / name).read_bytes()).hexdigest()
        monkeypatch.setitem(official.OFFICIAL_MD5, name, digest)


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


class Hostile:
    def __init__(self, command, argument):
        self.call = command, argument

    def __reduce__(self):
        return self.call[0], (self.call[1],)


@pytest.mark.parametrize("command", [os.mkdir, eval, functools.partial])
def test_a_pickle_that_calls_functions_is_refused(tmp_path, small_batches, command):
    victim = tmp_path / "victim"
    argument = {os.mkdir: str(victim), functools.partial: print}.get(
        command, f"__import__('os').mkdir({str(victim)!r})"
    )
    small_batches["data_batch_1"][b"batch_label"] = Hostile(command, argument)
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


# The cifar10 source


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty Keras cache of its own."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(download_module, "TIMEOUT_SECONDS", 10)
    # A proxy of the machine must not come between the test and its server.
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path / "keras" / "datasets"


@pytest.fixture
def archive(tmp_path, small_batches, monkeypatch):
    """A small archive, declared to be the official one."""
    folder = write_folder(tmp_path / "made" / "c", small_batches)
    make_official(monkeypatch, folder)
    path = write_archive(tmp_path / "made" / "c.tar.gz", folder)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(download_module, "SHA256", digest)
    return path


@pytest.fixture
def serve(monkeypatch):
    """Return a function that serves bytes at `URL` and returns the requests."""
    servers = []

    def serve(body: bytes, length: int | None = None, status: int = 200) -> list[str]:
        requests: list[str] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                requests.append(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(length or len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = False  # so that closing waits for the answers
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        servers.append((server, thread))
        url = f"http://127.0.0.1:{server.server_address[1]}/cifar-10-python.tar.gz"
        monkeypatch.setattr(download_module, "URL", url)
        return requests

    yield serve
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def offline(monkeypatch):
    # Port 9 (discard) is closed; a connection is refused at once.
    monkeypatch.setattr(download_module, "URL", "http://127.0.0.1:9/cifar.tar.gz")


def test_what_needs_a_download_is_told(cache, archive):
    assert sources.needs_download("cifar10")
    assert not sources.needs_download("synthetic")
    assert not sources.needs_download("/nowhere")
    cache.mkdir(parents=True)
    shutil.copy(archive, cache / download_module.ARCHIVES[-1])
    assert not sources.needs_download("cifar10")


def test_what_is_loaded_is_told(monkeypatch):
    monkeypatch.setattr(sources, "_kept", {})
    monkeypatch.setattr(sources, "load", lambda source, on_progress: source)
    assert not sources.is_loaded("synthetic")
    sources.load_cached("synthetic")
    assert sources.is_loaded("synthetic")


def test_the_source_is_pinned():
    assert download_module.URL == (
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    )
    assert download_module.SHA256 == (
        "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
    )
    assert official.IMAGES_PER_BATCH == 10_000


def test_download_once_with_progress(cache, archive, serve):
    requests = serve(archive.read_bytes())
    reports = []
    dataset = load("cifar10", lambda *report: reports.append(report))
    assert (dataset.name, dataset.source, dataset.note) == ("CIFAR-10", "cifar10", "")
    assert len(dataset.train) == 100
    downloading = [fraction for fraction, doing in reports if "Downloading" in doing]
    assert downloading[-1] == 1.0
    assert all(0 <= fraction <= 1 for fraction, _ in reports)
    # Under the name that Keras 3 looks for, and nothing else beside it.
    kept = [path.name for path in cache.iterdir()]
    assert kept == ["cifar-10-batches-py-target_archive"]
    load("cifar10")
    assert len(requests) == 1


def test_keras_looks_for_the_same_file():
    # Read, not imported: Keras would bring TensorFlow.
    keras = Path(importlib.util.find_spec("keras").origin).parent
    text = (keras / "src" / "datasets" / "cifar10.py").read_text()
    assert 'dirname = "cifar-10-batches-py-target"' in text
    assert download_module.SHA256 in text


@pytest.mark.parametrize("name", download_module.ARCHIVES)
def test_an_archive_in_the_cache_is_used(cache, archive, offline, name):
    cache.mkdir(parents=True)
    archive.rename(cache / name)
    assert len(load("cifar10").train) == 100


@pytest.mark.parametrize("name", download_module.FOLDERS)
def test_a_folder_in_the_cache_is_used(cache, archive, offline, name):
    (cache / name).parent.mkdir(parents=True)
    (archive.parent / "c").rename(cache / name)
    assert load("cifar10").name == "CIFAR-10"


def test_a_foreign_folder_in_the_cache_is_not_used(cache, small_batches, offline):
    folder = write_folder(cache / "cifar-10-batches-py", small_batches)
    message = refusal("cifar10")
    assert f"{folder} (not the official files)" in message


def test_a_damaged_copy_in_the_cache_is_replaced(cache, archive, serve):
    good = archive.read_bytes()
    cache.mkdir(parents=True)
    copy = cache / download_module.ARCHIVES[0]
    copy.write_bytes(good[:-10])
    serve(good)
    assert len(load("cifar10").train) == 100
    assert copy.read_bytes() == good


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"body": b"not the archive"}, "expected the SHA-256"),
        ({"body": b"cut", "length": 1000}, "3"),
        ({"body": b"", "status": 503}, "the server answered 503"),
    ],
)
def test_a_bad_download_leaves_nothing(cache, archive, serve, answer, expected):
    serve(**answer)
    message = refusal("cifar10")
    assert expected in message
    assert download_module.URL in message
    assert list(cache.iterdir()) == []


def test_an_endless_download_is_cut(cache, archive, serve, monkeypatch):
    monkeypatch.setattr(download_module, "MAX_DOWNLOAD_BYTES", 1_000)
    serve(bytes(5_000))
    assert "expected at most 1,000 bytes" in refusal("cifar10")
    assert list(cache.iterdir()) == []


def test_offline_the_message_says_what_to_do(cache, offline):
    message = refusal("cifar10")
    for words in (
        str(cache),
        download_module.URL,
        "refused",
        "WRN_DATA",
        "cifar-10-python.tar.gz",
        "Parquet",
        "synthetic",
    ):
        assert words in message


# The Parquet layout


def pictures(n: int, seed: int = 0) -> np.ndarray:
    """Smooth random images, which JPEG keeps roughly."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (n, 4, 4, 3), np.uint8)
    return coarse.repeat(8, 1).repeat(8, 2)


def encode(image: np.ndarray, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind, **options)
    return file.getvalue()


def write_shard(
    path: Path, images: list, labels: list, column: str = "img", names=CLASS_NAMES
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    rows = pa.array([{"bytes": item, "path": None} for item in images], kind)
    table = pa.table({column: rows, "label": pa.array(labels, pa.int64())})
    if names:
        features = {"label": {"names": list(names), "_type": "ClassLabel"}}
        metadata = {"huggingface": json.dumps({"info": {"features": features}})}
        table = table.replace_schema_metadata(metadata)
    pq.write_table(table, path)


def write_parquet(folder: Path, kind: str = "PNG", **options) -> np.ndarray:
    """Write 6 training images in two shards and 3 test images; return all 9."""
    images = pictures(9)
    items = [encode(image, kind) for image in images]
    write_shard(folder / "train-00000-of-00002.parquet", items[:4], [0, 1, 2, 3])
    write_shard(folder / "train-00001-of-00002.parquet", items[4:6], [4, 5])
    write_shard(folder / "test-00000-of-00001.parquet", items[6:], [9, 8, 7])
    return images


@pytest.mark.parametrize("below", ["", "plain_text"])
def test_parquet_of_png(tmp_path, below):
    images = write_parquet(tmp_path / below)
    dataset = load(str(tmp_path))
    assert np.array_equal(dataset.train.images, images[:6])
    assert np.array_equal(dataset.test.images, images[6:])
    assert dataset.train.labels.tolist() == [0, 1, 2, 3, 4, 5]
    assert dataset.test.labels.tolist() == [9, 8, 7]
    assert dataset.name == "CIFAR-10"
    assert "JPEG" not in dataset.note
    assert "6 training and 3 test images" in dataset.note


def test_parquet_of_jpeg_is_labelled(tmp_path):
    write_parquet(tmp_path, "JPEG")
    dataset = load(str(tmp_path))
    assert dataset.name == "CIFAR-10 (JPEG)"
    assert "a little lower" in dataset.note


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"quality": 20, "subsampling": 0}]
)
def test_jpegs_decode_as_pillow_does(options):
    for image in pictures(20, 1):
        encoded = encode(image, "JPEG", **options)
        expected = np.asarray(Image.open(io.BytesIO(encoded)))
        decoded = np.frombuffer(parquet._decode_one(encoded), np.uint8)
        assert np.array_equal(decoded.reshape(32, 32, 3), expected)


def test_class_names_come_from_the_metadata(tmp_path):
    items = [encode(image) for image in pictures(3)]
    for name in ("train", "test"):
        path = tmp_path / f"{name}-0.parquet"
        write_shard(path, items, [0, 1, 2], "image", ("red", "green", "blue"))
    dataset = load(str(tmp_path))
    assert dataset.class_names == ("red", "green", "blue")
    assert dataset.name == "Images in Parquet"


def test_class_names_default_to_cifar10(tmp_path):
    for name in ("train", "test"):
        write_shard(
            tmp_path / f"{name}-0.parquet", [encode(pictures(1)[0])], [9], names=()
        )
    assert load(str(tmp_path)).class_names == CLASS_NAMES


def replace_train(folder: Path, items: list, labels: list, **options) -> str:
    """Write a set whose only training shard has these rows; return the refusal."""
    write_shard(folder / "train-0.parquet", items, labels, **options)
    write_shard(folder / "test-0.parquet", [encode(pictures(1)[0])], [0])
    message = refusal(folder)
    assert "train-0.parquet" in message
    return message


@pytest.mark.parametrize("label", [10, -1])
def test_parquet_labels_out_of_range(tmp_path, label):
    message = replace_train(tmp_path, [encode(pictures(1)[0])], [label])
    assert f"labels must be 0 to 9. Received: {label}" in message


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("shape", [(31, 32), (32, 31), (64, 64), (1, 1)])
def test_parquet_images_of_another_size(tmp_path, kind, shape):
    item = encode(np.zeros((*shape, 3), np.uint8), kind)
    message = replace_train(tmp_path, [item], [0])
    assert f"{shape[1]}x{shape[0]} pixels" in message


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("keep", [0, 3, 60, -40])
def test_parquet_images_cut_short(tmp_path, kind, keep):
    item = encode(pictures(1)[0], kind)[:keep]
    assert "must be a whole JPEG or PNG" in replace_train(tmp_path, [item], [0])


def test_parquet_images_of_another_format(tmp_path):
    item = encode(pictures(1)[0], "BMP")
    assert "JPEG or PNG" in replace_train(tmp_path, [item], [0])


def test_a_jpeg_with_two_headers_is_not_believed(tmp_path):
    # A frame header for 32x32 hidden where a naive scan, but not the decoder,
    # would find it, before the true one for 64x64.
    item = encode(np.zeros((64, 64, 3), np.uint8), "JPEG")
    decoy = b"\xff\xff\x00\x02" + b"\xff\xc0\x00\x11\x08\x00\x20\x00\x20\x03"
    message = replace_train(tmp_path, [item[:2] + decoy + item[2:]], [0])
    assert "must be a whole JPEG or PNG" in message


def test_parquet_rows_must_be_complete(tmp_path):
    item = encode(pictures(1)[0])
    assert "in every row" in replace_train(tmp_path, [item, None], [0, 1])
    assert "in every row" in replace_train(tmp_path, [item, item], [0, None])
    assert "no row" in replace_train(tmp_path, [], [])


def test_parquet_columns(tmp_path):
    item = encode(pictures(1)[0])
    assert "Received: picture, label" in replace_train(
        tmp_path, [item], [0], column="picture"
    )


def test_parquet_files_cut_short(tmp_path):
    write_parquet(tmp_path)
    shard = tmp_path / "train-00001-of-00002.parquet"
    whole = shard.read_bytes()
    for keep in (0, 10, len(whole) // 2, len(whole) - 1):
        shard.write_bytes(whole[:keep])
        assert str(shard) in refusal(tmp_path)


def test_a_damaged_parquet_page_is_refused(tmp_path):
    write_parquet(tmp_path, "JPEG")
    shard = tmp_path / "test-00000-of-00001.parquet"
    content = bytearray(shard.read_bytes())
    content[4:200] = bytes(196)
    shard.write_bytes(content)
    assert str(shard) in refusal(tmp_path)


def test_a_missing_shard_is_noticed(tmp_path):
    write_parquet(tmp_path)
    (tmp_path / "train-00000-of-00002.parquet").unlink()
    message = refusal(tmp_path)
    assert "must hold 2 files train-*.parquet" in message
    assert "Received: 1" in message


def test_a_missing_test_set_is_noticed(tmp_path):
    write_parquet(tmp_path)
    (tmp_path / "test-00000-of-00001.parquet").unlink()
    assert "must hold test-*.parquet" in refusal(tmp_path)


def test_parquet_is_bounded(tmp_path, monkeypatch):
    write_parquet(tmp_path)
    monkeypatch.setattr(parquet, "MAX_IMAGES", 8)
    assert "at most 8 images. Received: 9" in refusal(tmp_path)
    monkeypatch.setattr(parquet, "MAX_FILE_BYTES", 100)
    assert "at most 100 bytes" in refusal(tmp_path)


@pytest.mark.cifar10
def test_the_real_images():
    dataset = load(str(real_images()))
    assert (len(dataset.train), len(dataset.test)) == (50_000, 10_000)
    assert dataset.class_names == CLASS_NAMES
    assert np.bincount(dataset.train.labels).tolist() == [5000] * 10
    assert np.bincount(dataset.test.labels).tolist() == [1000] * 10
    # Published channel statistics of the training set, 0 to 255; JPEG moves the
    # standard deviations by half a level.
    levels = np.arange(256)
    for channel, (mean, std) in enumerate(
        [(125.31, 62.99), (122.95, 62.09), (113.87, 66.70)]
    ):
        pixels = dataset.train.images[..., channel].ravel()
        share = np.bincount(pixels, minlength=256) / pixels.size
        found = share @ levels
        assert found == pytest.approx(mean, abs=0.1)
        spread = np.sqrt(share @ (levels - found) ** 2)
        assert spread == pytest.approx(std, abs=0.6)


# Synthetic images


@pytest.fixture(scope="module")
def drawn() -> Dataset:
    return load("synthetic")


def test_synthetic(drawn):
    assert drawn.synthetic
    assert (drawn.name, drawn.source) == ("Synthetic", "synthetic")
    assert "say nothing about CIFAR-10" in drawn.note
    assert len(drawn.class_names) == len(set(drawn.class_names)) == 10
    assert np.bincount(drawn.train.labels).tolist() == [1000] * 10
    assert np.bincount(drawn.test.labels).tolist() == [200] * 10
    # No order that a limited run would trip over.
    assert len(set(drawn.train.labels[:100].tolist())) == 10


def test_synthetic_follows_the_seed():
    first, again, other = (synthetic.draw(50, 20, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.train.images, again.train.images)
    assert np.array_equal(first.test.labels, again.test.labels)
    assert not np.array_equal(first.train.images, other.train.images)
    assert not np.array_equal(first.train.images[:20], first.test.images)


def linear_accuracy(dataset: Dataset) -> float:
    """Test accuracy of ridge regression on pixels."""

    def rows(images: Images) -> np.ndarray:
        flat = images.images.reshape(len(images), -1).astype(np.float64) / 255 - 0.5
        return np.hstack([flat, np.ones((len(images), 1))])

    x, y = rows(dataset.train), np.eye(10)[dataset.train.labels]
    weights = np.linalg.solve(x.T @ x + 1000 * np.eye(x.shape[1]), x.T @ y)
    guesses = (rows(dataset.test) @ weights).argmax(1)
    return float((guesses == dataset.test.labels).mean())


@pytest.mark.slow
def test_synthetic_is_learnable_but_not_by_a_linear_classifier(drawn):
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Input((32, 32, 3))])
    model.add(keras.layers.Rescaling(1 / 64, -2))
    for filters in (16, 32, 64):
        model.add(keras.layers.Conv2D(filters, 3, strides=2, padding="same"))
        model.add(keras.layers.BatchNormalization(momentum=0.9))
        model.add(keras.layers.ReLU())
    model.add(keras.layers.GlobalAveragePooling2D())
    model.add(keras.layers.Dense(10, activation="softmax"))
    optimizer = keras.optimizers.Adam(3e-3)
    loss = "sparse_categorical_crossentropy"
    model.compile(optimizer, loss, metrics=["accuracy"])
    train = drawn.train
    model.fit(train.images, train.labels, batch_size=64, epochs=2, verbose=0)
    # A linear classifier reaches 20%, this network about 60%.
    accuracy = model.evaluate(drawn.test.images, drawn.test.labels, verbose=0)[1]
    assert linear_accuracy(drawn) < 0.3
    assert accuracy > 0.4


# Sources


@pytest.mark.parametrize(
    "source", ["", " ", "cifar11", "/no/such/path", "a" * 5000, "a\0b", "~nobody/x"]
)
def test_unknown_sources(source):
    message = refusal(source)
    assert "must be cifar10, synthetic, or the path" in message
    assert f"Received: {source!r}" in message


def test_other_folders_and_files(tmp_path):
    assert "a folder with nothing in it" in refusal(tmp_path)
    (tmp_path / "holiday.txt").write_text("sun")
    assert "a folder with holiday.txt" in refusal(tmp_path)
    assert "must be a whole .tar.gz archive" in refusal(tmp_path / "holiday.txt")


def test_nothing_imports_tensorflow():
    code = (
        "import sys, wrn.data; wrn.data.load('synthetic'); "
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


# Selecting


@pytest.fixture
def numbered() -> Dataset:
    """60 training and 40 test images, each filled with its own number."""

    def images(start: int, n: int) -> Images:
        numbers = np.arange(start, start + n)
        pixels = np.broadcast_to(numbers[:, None, None, None], (n, 32, 32, 3))
        return Images(pixels.astype(np.uint8), numbers % 10)

    return Dataset(images(0, 60), images(100, 40), CLASS_NAMES, "x", "Numbers")


def numbers(images: Images) -> list[int]:
    found = images.images[:, 0, 0, 0].astype(int)
    assert np.array_equal(images.labels, found % 10)
    return found.tolist()


def test_select_all(numbered):
    split = select(numbered, DataConfig())
    assert numbers(split.train) == list(range(60))
    assert numbers(split.held_out) == list(range(100, 140))
    assert split.held_out_name == "test"


def test_select_limit(numbered):
    split = select(numbered, DataConfig(limit=12))
    assert numbers(split.train) == list(range(12))
    assert numbers(split.held_out) == list(range(100, 112))
    # A limit above what there is takes what there is.
    split = select(numbered, DataConfig(limit=50))
    assert (len(split.train), len(split.held_out)) == (50, 40)


def test_select_validation(numbered):
    config = DataConfig(validation=15)
    split = select(numbered, config)
    train, held_out = numbers(split.train), numbers(split.held_out)
    assert split.held_out_name == "validation"
    assert (len(train), len(held_out)) == (45, 15)
    assert sorted(train + held_out) == list(range(60))
    assert held_out != list(range(45, 60))
    assert numbers(select(numbered, config).held_out) == held_out
    assert numbers(select(numbered, config, seed=1).held_out) != held_out


def test_select_limit_does_not_move_the_validation_images(numbered):
    whole = select(numbered, DataConfig(validation=15))
    part = select(numbered, DataConfig(validation=15, limit=10))
    assert numbers(part.train) == numbers(whole.train)[:10]
    assert numbers(part.held_out) == numbers(whole.held_out)[:10]


def test_select_leaves_images_to_train_on(numbered):
    assert len(select(numbered, DataConfig(validation=59)).train) == 1
    with pytest.raises(DataError, match="some of the 60 training images"):
        select(numbered, DataConfig(validation=60))


def test_images_refuse_wrong_arrays():
    labels = np.zeros(2, np.int64)
    with pytest.raises(DataError, match=r"\(2, 32, 32, 3\)"):
        Images(np.zeros((3, 32, 32, 3), np.uint8), labels)
    with pytest.raises(DataError, match="float32"):
        Images(np.zeros((2, 32, 32, 3), np.float32), labels)
    with pytest.raises(DataError, match="int32"):
        Images(np.zeros((2, 32, 32, 3), np.uint8), labels.astype(np.int32))
