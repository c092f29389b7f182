"""The folder layout in which the Hugging Face hub keeps CIFAR-10.

Files `train-*.parquet` and `test-*.parquet`, each set in one or more shards
(`train-00000-of-00002.parquet`). A column `img` or `image` holds the encoded
image, JPEG or PNG, as `{bytes, path}`; a column `label` the class.
"""

import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from wrn.config import FULL_SIZE
from wrn.data.dataset import (
    CIFAR10_IMAGES,
    CLASS_NAMES,
    Dataset,
    Images,
    OnProgress,
    check_labels,
)
from wrn.errors import DataError
from wrn.text import printable

# Far above any set of 32x32 images; they stop a small hostile file from filling
# the memory.
MAX_IMAGES = 1_000_000
MAX_FILE_BYTES = 4_000_000_000
MAX_METADATA_BYTES = 1_000_000
MAX_CLASSES = 1000
#: Of a file with one image, encoded in whichever way; pixels alone have 3,072 bytes.
MAX_IMAGE_BYTES = 100_000

IMAGES_PER_READ = 2_000

#: Width and height of an image.
_SIZE = (FULL_SIZE, FULL_SIZE)
JPEG_START = b"\xff\xd8"
# Frame headers of baseline, extended and progressive JPEG.
FRAME_MARKERS = frozenset({0xC0, 0xC1, 0xC2})
# Values of a pixel: gray, or YCbCr; CMYK has four.
COMPONENTS = frozenset({1, 3})
# What may precede one, each with its length: tables, APP0 to APP15, comments.
SKIPPED_MARKERS = frozenset({0xC4, 0xDB, 0xDD, *range(0xE0, 0xF0), 0xFE})


def holds_shards(folder: Path) -> bool:
    """Say whether a folder holds a Parquet file of training or test images."""
    return any(folder.glob("train-*.parquet")) or any(folder.glob("test-*.parquet"))


def read_folder(folder: Path, source: str, on_progress: OnProgress) -> Dataset:
    """Read the training and test images of a folder.

    Args:
        folder: Where the shards lie.
        source: The source as the user named it.
        on_progress: Told the fraction done.

    Returns:
        The dataset. It is called `CIFAR-10 (JPEG)`, with a note, where any image
        is a JPEG.

    Raises:
        DataError: If a shard is missing or damaged, or holds anything but 32x32
            images and labels in range.
    """
    shards = {name: _shards(folder, name) for name in ("train", "test")}
    opened = {path: _open(path) for paths in shards.values() for path in paths}
    rows = sum(file.metadata.num_rows for file in opened.values())
    if rows > MAX_IMAGES:
        raise DataError(
            f"{folder} must hold at most {MAX_IMAGES:,} images. Received: {rows:,}"
        )
    told = _class_names(opened, folder)
    class_names = told or CLASS_NAMES
    done = 0

    def decoded(images: int) -> None:
        nonlocal done
        done += images
        on_progress(min(done / max(rows, 1), 1.0), "Decoding images")

    sets, jpegs = {}, 0
    for name, paths in shards.items():
        files = {path: opened[path] for path in paths}
        sets[name], found = _read_set(files, len(class_names), decoded)
        jpegs += found
    cifar10 = told == CLASS_NAMES or (not told and _has_labels_of_cifar10(sets))
    name = "CIFAR-10" if cifar10 else "Images in Parquet"
    return Dataset(
        train=sets["train"],
        test=sets["test"],
        class_names=class_names,
        source=source,
        name=f"{name} (JPEG)" if jpegs else name,
        note=_note(sets, jpeg=jpegs > 0, cifar10=cifar10, named=bool(told)),
    )


def count_images(folder: Path) -> tuple[int, int] | None:
    """Count the training and test images that a folder's files announce.

    Returns:
        Both numbers, from the files' ends alone; `None` if they cannot be read.
    """
    try:
        train, test = (
            sum(_open(path).metadata.num_rows for path in _shards(folder, name))
            for name in ("train", "test")
        )
    except (DataError, OSError):
        return None
    return train, test


def _read_set(
    files: dict[Path, pq.ParquetFile], classes: int, on_images: Callable[[int], None]
) -> tuple[Images, int]:
    """Read the shards of one set; return its images and how many were JPEGs."""
    pixels = bytearray()
    labels: list[NDArray[np.int64]] = []
    jpegs = 0
    for path, file in files.items():
        row = 0
        for encoded, part in _batches(file, path):
            check_labels(part, classes, str(path))
            pixels += _decode(encoded, path, row)
            row += len(encoded)
            labels.append(part)
            jpegs += sum(item.startswith(JPEG_START) for item in encoded)
            on_images(len(encoded))
    if not labels:
        names = ", ".join(str(path) for path in files)
        raise DataError(f"{names} must hold images. Received: no row")
    images = np.frombuffer(pixels, np.uint8).reshape(-1, FULL_SIZE, FULL_SIZE, 3)
    return Images(images, np.concatenate(labels)), jpegs


def _has_labels_of_cifar10(sets: dict[str, Images]) -> bool:
    """Whether there are as many images of each class as in the whole CIFAR-10."""
    classes = len(CLASS_NAMES)
    return all(
        np.bincount(sets[name].labels, minlength=classes).tolist()
        == [images // classes] * classes
        for name, images in zip(("train", "test"), CIFAR10_IMAGES, strict=True)
    )


def _note(sets: dict[str, Images], *, jpeg: bool, cifar10: bool, named: bool) -> str:
    """Say how the images differ from the official CIFAR-10, if they do."""
    notes = []
    if not cifar10 and not named:
        notes.append("The files name no classes: theirs are called as CIFAR-10's are.")
    if jpeg:
        notes.append(
            "The images were compressed as JPEG: accuracies are a little lower than "
            "on the lossless originals."
        )
    train, test = len(sets["train"]), len(sets["test"])
    if cifar10 and (train, test) != CIFAR10_IMAGES:
        notes.append(
            f"This copy has {train:,} training and {test:,} test images; the whole "
            f"CIFAR-10 has {CIFAR10_IMAGES[0]:,} and {CIFAR10_IMAGES[1]:,}."
        )
    return " ".join(notes)


def _shards(folder: Path, name: str) -> list[Path]:
    """List the files of a set in order, refusing one with a shard missing."""
    paths = sorted(folder.glob(f"{name}-*.parquet"))
    if not paths:
        raise DataError(
            f"{folder} must hold {name}-*.parquet. Received: a folder without"
        )
    counted = {
        path: re.fullmatch(rf"{name}-(\d+)-of-(\d+)(-\w+)?\.parquet", path.name)
        for path in paths
    }
    for path, found in counted.items():
        if found and int(found[2]) != len(paths):
            raise DataError(
                f"{folder} must hold {int(found[2])} files {name}-*.parquet, as the "
                f"name {path.name} says. Received: {len(paths)}"
            )
    numbers = sorted(int(found[1]) for found in counted.values() if found)
    if numbers and numbers != [*range(len(paths))]:
        # A second copy of one would stand in for another that is missing.
        raise DataError(
            f"{folder} must hold each of the files {name}-*.parquet once. Received: "
            + ", ".join(path.name for path in paths)[:300]
        )
    return paths


def _open(path: Path) -> pq.ParquetFile:
    """Open a shard and check the columns and sizes that it announces."""
    if not path.is_file():
        # Whoever opens a named pipe waits for another program.
        raise DataError(f"{path} must be a file. Received: another thing")
    try:
        file = pq.ParquetFile(path)
        schema, metadata = file.schema_arrow, file.metadata
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(
            f"{path} must be a whole Parquet file. Received: {error}"
        ) from error
    column = _image_column(schema)
    if column is None or "label" not in schema.names:
        raise DataError(
            f"{path} must have the columns img or image, with binary bytes, and label. "
            "Received: " + ", ".join(f"{each.name} ({each.type})" for each in schema)
        )
    if not pa.types.is_integer(schema.field("label").type):
        raise DataError(
            f"{path}: label must be a whole number. "
            f"Received: {schema.field('label').type}"
        )
    rows = metadata.num_rows
    announced = sum(
        metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups)
    )
    most = min(MAX_FILE_BYTES, 10 * MAX_IMAGE_BYTES + rows * MAX_IMAGE_BYTES)
    if announced > most:
        raise DataError(
            f"{path} must unpack to at most {most:,} bytes. Received: {announced:,}"
        )
    return file


def _image_column(schema: pa.Schema) -> str | None:
    """Return the name of the struct column with the encoded images, if any."""
    for name in ("img", "image"):
        if name in schema.names:
            kind = schema.field(name).type
            if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
                return name if _is_bytes(kind.field("bytes").type) else None
    return None


def _is_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    tests = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)
    return any(test(kind) for test in tests) or pa.types.is_fixed_size_binary(kind)


def _class_names(opened: dict[Path, pq.ParquetFile], folder: Path) -> tuple[str, ...]:
    """Return the class names in the schema metadata; none if there are none."""
    named = {names for file in opened.values() if (names := _names_in(file))}
    if len(named) > 1:
        raise DataError(
            f"The files in {folder} must agree on the class names. Received: "
            + " and ".join(f"{', '.join(names):.100}" for names in sorted(named))
        )
    names = named.pop() if named else ()
    if len(set(names)) < len(names):
        raise DataError(
            f"The files in {folder} must have a name of its own for each class. "
            f"Received: {', '.join(names):.200}"
        )
    return names


def _names_in(file: pq.ParquetFile) -> tuple[str, ...] | None:
    """Return the class names that the hub's library left in the schema, if any."""
    text = (file.schema_arrow.metadata or {}).get(b"huggingface", b"")
    if len(text) > MAX_METADATA_BYTES:
        return None
    try:
        names = json.loads(text)["info"]["features"]["label"]["names"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(names, list) or not 2 <= len(names) <= MAX_CLASSES:
        return None
    return tuple(printable(str(name), 100) for name in names)


def _batches(
    file: pq.ParquetFile, path: Path
) -> Iterator[tuple[list[bytes], NDArray[np.int64]]]:
    """Yield encoded images and labels, some thousand at a time."""
    column = _image_column(file.schema_arrow)
    try:
        for batch in file.iter_batches(
            IMAGES_PER_READ, columns=[f"{column}.bytes", "label"]
        ):
            encoded = batch.column(column).field("bytes")
            labels = batch.column("label")
            if encoded.null_count or labels.null_count:
                raise DataError(
                    f"{path} must have an image and a label in every row. Received: "
                    f"{encoded.null_count:,} rows without an image and "
                    f"{labels.null_count:,} without a label among some"
                )
            images = encoded.to_pylist()
            if any(len(image) > MAX_IMAGE_BYTES for image in images):
                raise DataError(
                    f"{path} must hold images of at most {MAX_IMAGE_BYTES:,} bytes, "
                    "as files. Received: a larger one"
                )
            yield images, labels.cast(pa.int64()).to_numpy()
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        raise DataError(
            f"{path} must be a whole Parquet file. Received: {error}"
        ) from error


def _decode(encoded: list[bytes], path: Path, first: int) -> bytes:
    """Decode images, from row `first` on, into rows of RGB bytes, end to end."""
    pieces = []
    for row, item in enumerate(encoded, first):
        try:
            pieces.append(_decode_one(item))
        except Exception as error:  # A damaged image can raise anything.
            unknown = isinstance(error, UnidentifiedImageError)
            raise DataError(
                f"{path}: every image must be a whole JPEG or PNG of {FULL_SIZE}x"
                f"{FULL_SIZE} pixels. Received, in row {row:,} counted from 0: "
                f"{'neither of them' if unknown else error}"
            ) from error
    return b"".join(pieces)


def _decode_one(encoded: bytes) -> bytes:
    """Decode a JPEG or PNG to 32 * 32 * 3 bytes of RGB."""
    if _jpeg_size(encoded) == _SIZE:
        # Pillow's decoder without its file parser: the same pixels in half the
        # time (42 against 104 microseconds). It trusts the size it is told.
        image = Image.frombytes("RGB", _SIZE, encoded, "jpeg", "RGB", "")
        return image.tobytes()
    with Image.open(io.BytesIO(encoded), formats=("JPEG", "PNG")) as image:
        if image.size != _SIZE:
            raise ValueError(f"{image.width}x{image.height} pixels")
        if image.mode.startswith(("I", "F")):
            # Pillow would clip it.
            raise ValueError("more than 8 bits a value")
        return image.convert("RGB").tobytes()


def _jpeg_size(encoded: bytes) -> tuple[int, int] | None:
    """Return (width, height) from the header of a plain JPEG, else `None`."""
    if not encoded.startswith(JPEG_START):
        return None
    at = len(JPEG_START)
    while at + 10 <= len(encoded) and encoded[at] == 0xFF:
        marker = encoded[at + 1]
        if marker in FRAME_MARKERS:
            if encoded[at + 9] not in COMPONENTS:
                return None
            height = int.from_bytes(encoded[at + 5 : at + 7])
            return int.from_bytes(encoded[at + 7 : at + 9]), height
        # Anything unusual is left to Pillow's own parser.
        if marker not in SKIPPED_MARKERS:
            return None
        at += 2 + int.from_bytes(encoded[at + 2 : at + 4])
    return None
