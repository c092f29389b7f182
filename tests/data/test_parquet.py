"""The Parquet layout of the Hugging Face hub."""

import io
import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.conftest import real_images
from tests.data.files import refusal
from wrn.data import (
    CLASS_NAMES,
    count_images,
    is_loaded,
    load,
    load_cached,
    parquet,
)


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


def test_halves_of_characters_in_class_names_are_left_out(tmp_path):
    for name in ("train", "test"):
        path = tmp_path / f"{name}-0.parquet"
        write_shard(path, [encode(pictures(1)[0])], [0], names=("\ud800bad", "good"))
    assert load(str(tmp_path)).class_names == ("bad", "good")


def test_classes_of_one_name_are_refused(tmp_path):
    for name in ("train", "test"):
        path = tmp_path / f"{name}-0.parquet"
        write_shard(path, [encode(pictures(1)[0])], [0], names=("a", "a"))
    message = refusal(tmp_path)
    assert "a name of its own for each class. Received: a, a" in message


def test_deep_gray_is_refused_not_clipped(tmp_path):
    deep = np.linspace(0, 65535, 1024).reshape(32, 32).astype(np.uint16)
    message = replace_train(tmp_path, [encode(deep)], [0])
    assert "more than 8 bits a value" in message


def test_class_names_default_to_cifar10(tmp_path):
    for name in ("train", "test"):
        write_shard(
            tmp_path / f"{name}-0.parquet", [encode(pictures(1)[0])], [9], names=()
        )
    dataset = load(str(tmp_path))
    assert dataset.class_names == CLASS_NAMES
    # But nothing tells that they are of CIFAR-10.
    assert dataset.name == "Images in Parquet"
    assert not dataset.is_cifar10
    assert "name no classes" in dataset.note


def test_without_names_cifar10_is_known_by_its_labels(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "CIFAR10_IMAGES", (20, 10))
    image = encode(pictures(1)[0])
    for name, labels in (("train", [*range(10)] * 2), ("test", [*range(10)])):
        path = tmp_path / f"{name}-0.parquet"
        write_shard(path, [image] * len(labels), labels, names=())
    dataset = load(str(tmp_path))
    assert (dataset.name, dataset.note) == ("CIFAR-10", "")
    write_shard(tmp_path / "train-0.parquet", [image] * 20, [0] * 20, names=())
    assert load(str(tmp_path)).name == "Images in Parquet"


def test_images_are_counted_without_being_read(tmp_path):
    write_parquet(tmp_path)
    assert count_images(str(tmp_path)) == (6, 3)
    (tmp_path / "test-00000-of-00001.parquet").write_bytes(b"PAR1")
    assert count_images(str(tmp_path)) is None


def test_four_values_a_pixel_are_decoded_as_pillow_does(tmp_path):
    file = io.BytesIO()
    Image.fromarray(pictures(1)[0]).convert("CMYK").save(file, "JPEG")
    expected = np.asarray(Image.open(file).convert("RGB"))
    decoded = np.frombuffer(parquet._decode_one(file.getvalue()), np.uint8)
    assert np.array_equal(decoded.reshape(32, 32, 3), expected)


@pytest.mark.parametrize("kind", [pa.string(), pa.int64()])
def test_bytes_of_another_type_are_refused(tmp_path, kind):
    write_parquet(tmp_path)
    rows = pa.array([{"bytes": None}], pa.struct({"bytes": kind}))
    path = tmp_path / "test-00000-of-00001.parquet"
    pq.write_table(pa.table({"img": rows, "label": [0]}), path)
    message = refusal(tmp_path)
    assert "with binary bytes" in message
    assert str(kind) in message


def test_the_row_of_a_damaged_image_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "IMAGES_PER_READ", 2)
    items = [encode(image) for image in pictures(5)]
    items[3] = b"\x89PNG\r\n\x1a\nnothing"
    assert "in row 3 counted from 0" in replace_train(tmp_path, items, [0] * 5)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="There are no named pipes.")
def test_a_named_pipe_is_not_waited_for(tmp_path):
    write_parquet(tmp_path)
    (tmp_path / "test-00000-of-00001.parquet").unlink()
    os.mkfifo(tmp_path / "test-00000-of-00001.parquet")
    assert "must be a file" in refusal(tmp_path)


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
    assert (
        "Received: picture (struct<bytes: binary, path: string>), label"
        in replace_train(tmp_path, [item], [0], column="picture")
    )


def test_a_second_copy_of_a_shard_stands_in_for_no_other(tmp_path):
    write_parquet(tmp_path)
    (tmp_path / "train-00001-of-00002.parquet").unlink()
    first = tmp_path / "train-00000-of-00002.parquet"
    for name in ("train-00000-of-00002 (1)", "train-00000-of-00002-abc"):
        copy = tmp_path / f"{name}.parquet"
        copy.write_bytes(first.read_bytes())
        assert "must hold each of the files train-*.parquet once" in refusal(tmp_path)
        copy.unlink()


def test_images_with_much_behind_them_are_refused(tmp_path):
    item = encode(pictures(1)[0]) + bytes(100_000)
    assert "images of at most 100,000 bytes" in replace_train(tmp_path, [item], [0])
    item += bytes(2_000_000)
    assert "must unpack to at most 1,100,000" in replace_train(tmp_path, [item], [0])


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


def test_changed_files_are_loaded_again(tmp_path):
    write_parquet(tmp_path)
    source = str(tmp_path)
    first = load_cached(source)
    assert is_loaded(source)
    assert load_cached(source) is first
    # What lies beside them is none of them.
    (tmp_path / "notes.txt").write_text("Mine.")
    assert is_loaded(source)
    shard = next(tmp_path.rglob("train-*.parquet"))
    later = shard.stat().st_mtime_ns + 1
    os.utime(shard, ns=(later, later))
    assert not is_loaded(source)
    assert load_cached(source) is not first


@pytest.mark.slow
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


def test_other_classes_are_not_cifar10_whatever_their_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "CIFAR10_IMAGES", (20, 10))
    image = encode(pictures(1)[0])
    for name, labels in (("train", [*range(10)] * 2), ("test", [*range(10)])):
        shard = tmp_path / f"{name}-0.parquet"
        write_shard(shard, [image] * len(labels), labels, names="abcdefghij")
    assert load(str(tmp_path)).name == "Images in Parquet"


def test_one_shard_of_jpegs_is_enough_to_say_so(tmp_path):
    write_parquet(tmp_path)
    jpegs = [encode(image, "JPEG") for image in pictures(2)]
    write_shard(tmp_path / "train-00001-of-00002.parquet", jpegs, [4, 5])
    assert load(str(tmp_path)).name == "CIFAR-10 (JPEG)"


def test_shards_that_name_classes_otherwise_are_refused(tmp_path):
    for name, names in (("train", "ab"), ("test", "ba")):
        image = encode(pictures(1)[0])
        write_shard(tmp_path / f"{name}-0.parquet", [image], [0], names=names)
    assert "must agree on the class names" in refusal(tmp_path)


def test_a_hundred_classes(tmp_path):
    names = [f"kind {number}" for number in range(100)]
    for name in ("train", "test"):
        image = encode(pictures(1)[0])
        write_shard(tmp_path / f"{name}-0.parquet", [image], [99], names=names)
    assert load(str(tmp_path)).class_names == tuple(names)


@pytest.mark.parametrize("kind", ["large", "view", "dictionary"])
def test_bytes_of_every_kind(tmp_path, kind):
    (image,) = pictures(1)
    write_parquet(tmp_path)
    values = pa.array([encode(image)], pa.binary())
    if kind == "dictionary":
        values = values.dictionary_encode()
    else:
        values = values.cast(pa.large_binary() if kind == "large" else pa.binary_view())
    rows = pa.StructArray.from_arrays([values], ["bytes"])
    table = pa.table({"img": rows, "label": [3]})
    pq.write_table(table, tmp_path / "test-00000-of-00001.parquet")
    np.testing.assert_array_equal(load(str(tmp_path)).test.images, [image])


@pytest.mark.parametrize("label", [1.0, "1"])
def test_labels_of_another_kind_are_refused(tmp_path, label):
    write_parquet(tmp_path)
    image = {"bytes": encode(pictures(1)[0])}
    rows = pa.array([image], pa.struct({"bytes": pa.binary()}))
    table = pa.table({"img": rows, "label": [label]})
    pq.write_table(table, tmp_path / "test-00000-of-00001.parquet")
    assert "label must be a whole number" in refusal(tmp_path)


def test_the_size_of_a_jpeg_is_read_without_decoding():
    assert parquet._jpeg_size(encode(pictures(1)[0], "JPEG")) == (32, 32)
