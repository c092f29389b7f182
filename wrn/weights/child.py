"""Dump an untrusted HDF5 file as plain arrays: the program of the child process.

    python -I child.py FILE SECONDS

`FILE` is an HDF5 file, or a `.keras` archive that holds one; `SECONDS` is how long
the process may compute. The working directory, which must be empty and private,
receives:

    arrays.f32       every weight, one after the other, as little-endian float32
    manifest.json    {"datasets": [[path, shape], …], "groups": [path, …],
                      "attributes": {path: {name: [text, …]}},
                      "archive": {member: text}}
                     or {"refusal": sentence}

Where that directory has no room for them the exit status is `NO_ROOM`.

Paths are relative to the root, which is "". Nothing of Keras is used and nothing
is interpreted here. The HDF5 library crashes or hangs on some damaged files;
this process may die of that, the one that started it may not. So this file
stands alone: it imports nothing of `wrn`.
"""

import errno
import json
import math
import re
import shutil
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: The exit status where the file is not to blame, but the disk.
NO_ROOM = 3

MIB = 2**20

#: WRN-28-10 has 140 MiB of weights.
MAX_WEIGHT_BYTES = 1024 * MIB
MAX_MEMORY = 2048 * MIB
#: WRN-100-20 has about 1,000 groups and datasets.
MAX_OBJECTS = 5000
MAX_DEPTH = 12
MAX_RANK = 4
#: Of all attributes; the config of a model is the longest.
MAX_TEXT = 8 * MIB
#: A real array compresses a few times over; zeros compress about 1000 times.
MAX_COMPRESSION = 200

#: Groups of a model with state that is no weight: Keras's, then this project's.
SKIPPED_ROOTS = {"optimizer", "optimizer_weights", "metrics", "training"}
#: What the group of a model has that is used as a layer.
MODEL_MEMBERS = (b"layers", b"_layer_checkpoint_dependencies")
#: Dropout's random state.
SKIPPED_GROUPS = {"seed_generator", "_random_generator"}

#: The only attributes that are read. All hold text.
ATTRIBUTES = ("layer_names", "weight_names", "keras_version", "backend", "name")
ROOT_ATTRIBUTES = ("model_config", "wrn")
#: Keras splits a list of names that exceeds HDF5's 64 KiB into name0, name1, …
MAX_CHUNKS = 64

ARCHIVE_TEXTS = ("metadata.json", "config.json")
ARCHIVE_WEIGHTS = "model.weights.h5"
#: Bit of a member's flags.
ENCRYPTED = 1


class Refusal(Exception):
    """A sentence for the person who gave the file."""


def limit_resources(cpu_seconds: int) -> None:
    """Bound what a hostile file can cost. Does nothing on Windows."""
    try:
        import resource
    except ImportError:
        return
    limits = {
        resource.RLIMIT_AS: (MAX_MEMORY, MAX_MEMORY),
        # At the first of the two the parent can tell what ended the process.
        resource.RLIMIT_CPU: (cpu_seconds, cpu_seconds + 1),
        resource.RLIMIT_FSIZE: (
            MAX_WEIGHT_BYTES + 64 * MIB,
            MAX_WEIGHT_BYTES + 64 * MIB,
        ),
        resource.RLIMIT_CORE: (0, 0),
    }
    for kind, limit in limits.items():
        try:
            resource.setrlimit(kind, limit)
        except (OSError, ValueError):
            # macOS refuses some limits; the parent's timeout remains.
            continue


def dump(path: Path) -> dict[str, Any]:
    """Write `arrays.f32` and return the manifest."""
    archive: dict[str, str] = {}
    with path.open("rb") as start:
        is_archive = start.read(2) == b"PK"
    if is_archive:
        archive = unpack(path)
        path = Path(ARCHIVE_WEIGHTS)
    with open_hdf5(path) as file:
        groups, datasets = walk(file)
        attributes = read_attributes(groups)
        with open("arrays.f32", "wb") as arrays:
            for _, dataset in datasets:
                # `tofile` would not tell of a full disk.
                arrays.write(float32(dataset))
        return {
            "datasets": [[path, list(dataset.shape)] for path, dataset in datasets],
            "groups": [path for path, _ in groups],
            "attributes": attributes,
            "archive": archive,
        }


def float32(dataset: Any) -> Any:
    """Read a dataset as little-endian float32."""
    if dataset.dtype.kind != "V":
        return dataset.astype("<f4")[()]
    # A bfloat16 is the upper half of a float32.
    return dataset[()].view("<u2").astype("<u4") << 16


def unpack(path: Path) -> dict[str, str]:
    """Write an archive's weights to the working directory, return its texts."""
    try:
        with zipfile.ZipFile(path) as archive, open(ARCHIVE_WEIGHTS, "wb") as unpacked:
            check_members(archive.infolist())
            texts = {name: archive.read(name) for name in ARCHIVE_TEXTS}
            with archive.open(ARCHIVE_WEIGHTS) as packed:
                shutil.copyfileobj(packed, unpacked, MIB)
    except (Refusal, MemoryError):
        raise
    except Exception as error:
        if no_room(error):
            raise
        # Damaged archives raise errors of many classes.
        raise Refusal(
            "The ZIP archive is damaged. Expected an intact .keras archive; copy or "
            "download it again"
        ) from None
    return {name: text.decode(errors="replace") for name, text in texts.items()}


def check_members(members: list[zipfile.ZipInfo]) -> None:
    """Refuse an archive that is not one of a Keras model, before it is unpacked.

    What a member unpacks to is never more than the size that is checked here:
    `zipfile` stops there.
    """
    expected = sorted((*ARCHIVE_TEXTS, ARCHIVE_WEIGHTS))
    names = sorted(member.filename for member in members)
    if names != expected:
        raise Refusal(
            "The file is a ZIP archive, but not of a Keras model. Expected the "
            f"members {', '.join(expected)}. Received: {listing(names)}"
        )
    for member in members:
        what = f"The archive's {member.filename}"
        if member.flag_bits & ENCRYPTED:
            raise Refusal(f"{what} must not be encrypted. Received: one that is")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Refusal(
                f"{what} is compressed by a method that is not supported. Expected "
                f"deflate or none. Received: ZIP method {member.compress_type}"
            )
        most = MAX_WEIGHT_BYTES if member.filename == ARCHIVE_WEIGHTS else MAX_TEXT
        if member.file_size > most:
            raise Refusal(
                f"{what} must unpack to at most {most // MIB} MiB. Received: more"
            )
        if member.file_size > max(MIB, MAX_COMPRESSION * member.compress_size):
            raise Refusal(
                f"{what} promises {member.file_size:,} bytes, but the archive stores "
                f"only {member.compress_size:,}"
            )


def open_hdf5(path: Path) -> Any:
    """Open a file with h5py."""
    import h5py

    try:
        return h5py.File(path, "r")
    except OSError as error:
        truncated = re.search(
            r"truncated file: eof = (\d+).*stored_eof = (\d+)", f"{error}"
        )
        if truncated:
            raise Refusal(
                "The file is truncated: its header promises "
                f"{int(truncated[2]):,} bytes. Received: {int(truncated[1]):,}. "
                "Copy or download it again"
            ) from None
        raise


def walk(file: Any) -> tuple[list[tuple[str, Any]], list[tuple[str, Any]]]:
    """Find and check every group and dataset without reading an array.

    Iterative, by hard links only: h5py's own `visititems` recurses, and skips the
    links that must be refused.

    Returns:
        (path, group) pairs and (path, dataset) pairs.
    """
    from h5py import Dataset, Group, h5d, h5g, h5o

    groups: list[tuple[str, Any]] = []
    datasets: list[tuple[str, Any]] = []
    pending = [("", file.id)]
    seen = {h5o.get_info(file.id).addr}
    while pending:
        path, group = pending.pop()
        groups.append((path, Group(group)))
        is_model = not path or any(map(group.links.exists, MODEL_MEMBERS))
        for name, item in hard_links(path, group):
            if name in SKIPPED_GROUPS or (is_model and name in SKIPPED_ROOTS):
                continue
            is_group = isinstance(item, h5g.GroupID)
            if name == "optimizer" and is_group and item.links.exists(b"vars"):
                # Of a model of a class of its own, whose group has names of its own.
                continue
            item_path = f"{path}/{name}" if path else name
            address = h5o.get_info(item).addr
            if address in seen:
                raise Refusal(
                    f"{quote(item_path)} is a second name of another item. Expected "
                    "each item of the file to have one name"
                )
            seen.add(address)
            if len(seen) > MAX_OBJECTS:
                raise Refusal(too_many_items(f"more than {MAX_OBJECTS:,}"))
            if item_path.count("/") >= MAX_DEPTH:
                raise Refusal(
                    f"Groups must be nested at most {MAX_DEPTH} deep. "
                    f"Received: {quote(item_path)}"
                )
            if is_group:
                pending.append((item_path, item))
            elif isinstance(item, h5d.DatasetID):
                check_dataset(item_path, item)
                datasets.append((item_path, Dataset(item)))
            else:
                raise Refusal(
                    f"{quote(item_path)} is a named data type. Expected groups and "
                    "datasets"
                )
    check_total(datasets)
    return groups, datasets


def hard_links(path: str, group: Any) -> Iterator[tuple[str, Any]]:
    """Yield the name and the opened identifier of each item in a group."""
    from h5py import h5l, h5o

    count = group.get_num_objs()
    if count > MAX_OBJECTS:
        raise Refusal(too_many_items(f"{count:,} in one group"))
    for raw in group:
        name = raw.decode(errors="surrogateescape")
        if not name.isprintable():
            raise Refusal(
                f"The name of an item must be printable text. Received: {quote(name)}"
            )
        kind = group.links.get_info(raw).type
        if kind != h5l.TYPE_HARD:
            what = {h5l.TYPE_SOFT: "a soft link", h5l.TYPE_EXTERNAL: "a link to a file"}
            raise Refusal(
                f"{quote(path + '/' + name)} is {what.get(kind, 'a link')}. Expected "
                "every item to be stored in the file itself"
            )
        yield name, h5o.open(group, raw)


def check_dataset(path: str, dataset: Any) -> None:
    """Refuse what is no plain array of floating-point numbers in this file."""
    from h5py import Dataset, h5d, h5t, h5z

    properties = dataset.get_create_plist()
    if properties.get_external_count():
        raise Refusal(
            f"{quote(path)} keeps its values in another file. Expected values stored "
            "in the file itself"
        )
    layout = properties.get_layout()
    if layout == h5d.VIRTUAL:
        raise Refusal(
            f"{quote(path)} is a virtual dataset, a view of other files. Expected "
            "values stored in the file itself"
        )
    kind = dataset.get_type()
    is_float = kind.get_class() == h5t.FLOAT and kind.get_size() in (2, 4, 8)
    # Keras 3 writes a bfloat16 as two bytes, and says so beside it, but in `.h5`.
    if kind.get_class() == h5t.OPAQUE and kind.get_size() == 2:
        is_float = read_text(path, Dataset(dataset), "dtype") in (None, ["bfloat16"])
    if not is_float:
        raise Refusal(
            f"{quote(path)} must hold floating-point numbers of 16, 32 or 64 bits. "
            f"Received: {type_name(dataset)}"
        )
    space = dataset.get_space()
    if not space.get_simple_extent_npoints():
        raise Refusal(f"{quote(path)} must hold an array. Received: an empty dataset")
    if space.get_simple_extent_ndims() > MAX_RANK:
        raise Refusal(
            f"{quote(path)} must have at most {MAX_RANK} axes. "
            f"Received: {space.get_simple_extent_ndims()}"
        )
    known = (h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32)
    filters = [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]
    # LZF has no constant in h5py.
    unknown = [number for number in filters if number not in (*known, 32000)]
    if unknown:
        raise Refusal(
            f"{quote(path)} is compressed by a method that is not supported. Expected "
            f"gzip or LZF. Received: HDF5 filter {unknown[0]}"
        )
    values = space.get_simple_extent_npoints()
    if layout == h5d.CHUNKED:
        # A chunk is unpacked whole, even for a single value.
        values = max(values, math.prod(properties.get_chunk()))
    size = values * kind.get_size()
    stored = dataset.get_storage_size()
    # Fresh vectors of zeros or ones compress without limit, but are small.
    if size > (max(MIB, MAX_COMPRESSION * stored) if filters else stored):
        raise Refusal(
            f"{quote(path)} promises {size:,} bytes, but the file stores only "
            f"{stored:,} of them"
        )


def type_name(dataset: Any) -> str:
    """Name a dataset's type for a message."""
    from h5py import h5t

    names = {
        h5t.INTEGER: "whole numbers",
        h5t.STRING: "text",
        h5t.OPAQUE: "opaque bytes",
        h5t.COMPOUND: "records",
        h5t.REFERENCE: "references",
        h5t.ENUM: "an enumeration",
        h5t.VLEN: "lists of varying length",
        h5t.FLOAT: "floating-point numbers of another size",
    }
    return names.get(dataset.get_type().get_class(), "another type")


def check_total(datasets: list[tuple[str, Any]]) -> None:
    """Refuse more arrays than any supported network has."""
    total = sum(4 * dataset.size for _, dataset in datasets)
    if total > MAX_WEIGHT_BYTES:
        raise Refusal(
            f"All arrays together must take at most {MAX_WEIGHT_BYTES // MIB} MiB. "
            f"Received: {total // MIB:,} MiB"
        )


def read_attributes(groups: list[tuple[str, Any]]) -> dict[str, dict[str, list[str]]]:
    """Read the known attributes of all groups that have some."""
    attributes = {}
    total = 0
    for path, group in groups:
        texts = read_texts(path, group)
        # Empty texts cost memory, too.
        total += sum(len(text) + 1 for of in texts.values() for text in of)
        if total > MAX_TEXT:
            raise Refusal(
                f"All attributes together must take at most {MAX_TEXT // MIB} MiB. "
                "Received: more"
            )
        if texts:
            attributes[path] = texts
    return attributes


def read_texts(path: str, group: Any) -> dict[str, list[str]]:
    """Read the known attributes of a group. Absent ones are left out."""
    names = ATTRIBUTES if path else ATTRIBUTES + ROOT_ATTRIBUTES
    read = {}
    for name in names:
        texts = read_text(path, group, name)
        for chunk in range(MAX_CHUNKS):
            more = read_text(path, group, f"{name}{chunk}")
            if more is None:
                break
            texts = (texts or []) + more
        if texts is not None:
            read[name] = texts
    return read


def read_text(path: str, item: Any, name: str) -> list[str] | None:
    """Read an attribute of one or more strings; `None` if there is none."""
    from h5py import h5a, h5t

    if not h5a.exists(item.id, name.encode()):
        return None
    attribute = h5a.open(item.id, name.encode())
    count = attribute.get_space().get_simple_extent_npoints()
    if count == 0:
        # What Keras writes for a layer without weights: an empty float array.
        return []
    what = f"The attribute {name} of {quote(path or '/')}"
    # Checked before the value is touched: some damaged types hang the library.
    if attribute.get_type().get_class() != h5t.STRING:
        raise Refusal(f"{what} must hold text. Received: another type")
    if count > MAX_OBJECTS or attribute.get_storage_size() > MAX_TEXT:
        raise Refusal(
            f"{what} must hold at most {MAX_OBJECTS:,} texts of {MAX_TEXT // MIB} MiB "
            f"together. Received: {count:,} texts"
        )
    value = item.attrs[name]
    values = value.ravel().tolist() if hasattr(value, "ravel") else [value]
    return [decoded(value) for value in values]


def decoded(value: bytes | str) -> str:
    """Decode a text; in a `str` h5py leaves what is no UTF-8 as lone surrogates."""
    if isinstance(value, str):
        value = value.encode(errors="surrogateescape")
    return value.decode(errors="replace")


def too_many_items(received: str) -> str:
    """Say that a file has too many items."""
    return f"The file must have at most {MAX_OBJECTS:,} items. Received: {received}"


def quote(name: str) -> str:
    """Quote a name from the file: printable, and not too long."""
    return ascii(name if len(name) <= 80 else name[:77] + "...")


def listing(names: list[str]) -> str:
    """List some names from the file."""
    more = ", …" if len(names) > 5 else ""
    return ", ".join(quote(name) for name in names[:5]) + more or "none"


def main() -> None:
    """Dump the file named on the command line into the working directory.

    After the file stands how many seconds of computing it may take.
    """
    limit_resources(int(sys.argv[2]))
    try:
        manifest = json.dumps(answer(Path(sys.argv[1])))
        Path("manifest.json").write_text(manifest, encoding="ascii")
    except OSError as error:
        if no_room(error):
            sys.exit(NO_ROOM)
        raise


def no_room(error: Exception) -> bool:
    """Whether the disk is full, a quota used up, or a file at the limit of its size."""
    full = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return isinstance(error, OSError) and error.errno in full


def answer(path: Path) -> dict[str, Any]:
    """Return the manifest of a file, or why there is none."""
    try:
        return dump(path)
    except Refusal as refusal:
        return {"refusal": str(refusal)}
    except MemoryError:
        return {
            "refusal": "Reading the file must take at most "
            f"{MAX_MEMORY // MIB:,} MiB of memory. Received: one that needs more"
        }
    except Exception as error:
        if no_room(error):
            raise
        # What h5py and zipfile raise on damaged files is of every class, and its
        # text may name paths of the server.
        return {
            "refusal": "The file is damaged: the HDF5 library cannot read it. Expected "
            "an intact weight file; copy or download it again"
        }


if __name__ == "__main__":
    main()
