"""From the name or path of a source to its dataset."""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from wrn.data import download, official, parquet, synthetic
from wrn.data.dataset import CIFAR10_IMAGES, Dataset, OnProgress
from wrn.errors import DataError
from wrn.files import identity

EXPECTED = (
    "cifar10, synthetic, or the path of cifar-10-python.tar.gz, of a "
    "cifar-10-batches-py folder or of a folder in the Hugging Face Parquet layout"
)

#: Where the files may lie within the folder that is named.
_OFFICIAL_FOLDER, _PARQUET_FOLDER = "cifar-10-batches-py", "plain_text"


def load(source: str, on_progress: OnProgress | None = None) -> Dataset:
    """Load a data source whole into memory.

    Args:
        source: `cifar10` (downloaded once, then from Keras's cache), `synthetic`
            (drawn by the program), or the path of `cifar-10-python.tar.gz`, of a
            `cifar-10-batches-py` folder or of a folder in the Hugging Face Parquet
            layout.
        on_progress: Called in this thread with the fraction done, 0 to 1, and
            what is being done. The fraction starts again with each stage.

    Returns:
        Training and test images: uint8 (n, 32, 32, 3), 0 to 255, with int64
        labels (n,).

    Raises:
        DataError: If there is no such source, or it cannot be read, or holds
            anything but what it should. Nothing is cached then.
    """
    report = on_progress or (lambda fraction, doing: None)
    dataset = _load(source, report)
    report(1.0, f"{dataset.name} is loaded")
    return dataset


#: Datasets that `load_cached` keeps; the real one has 180 MB.
_MOST_KEPT = 2

_loading = threading.Lock()
#: By source and the version of it.
_kept: dict[tuple[str, str], Dataset] = {}


def load_cached(source: str, on_progress: OnProgress | None = None) -> Dataset:
    """Load a data source once for the whole process. See `load`.

    It is loaded again when its files have changed.

    Args:
        source: As for `load`.
        on_progress: As for `load`; not called where another caller is loading.

    Returns:
        The dataset, shared by all callers; its arrays are read-only.

    Raises:
        DataError: As for `load`. The next call tries again.
    """
    key = source, source_version(source)
    # What is there waits for nobody's download.
    if _loading.locked() and (kept := _kept.get(key)) is not None:
        return kept
    # One loads while the others wait, rather than all at once.
    with _loading:
        dataset = _kept.pop(key, None) or load(source, on_progress)
        _kept[key] = dataset  # the last of the dictionary: the newest
        while len(_kept) > _MOST_KEPT:
            del _kept[next(iter(_kept))]
        return dataset


def is_loaded(source: str) -> bool:
    """Whether `load_cached` has the source in memory, and so takes no time."""
    return (source, source_version(source)) in _kept


def source_version(source: str) -> str:
    """Return what stands for the content of a source: another when its files change.

    Args:
        source: As for `load`. Whether there is such a source is not checked.
    """
    path = Path(os.path.expanduser(source))
    if source in ("cifar10", "synthetic") or not os.path.exists(path):
        return source
    if os.path.isfile(path):
        return identity(path)
    files: list[Path] = []
    # A folder that may not be looked into is refused in words when it is loaded.
    with suppress(OSError):
        for folder in (path, path / _OFFICIAL_FOLDER, path / _PARQUET_FOLDER):
            files += sorted([*folder.glob("*.parquet"), *folder.glob("*_batch*")])
    return "\n".join(map(identity, files)) or source


def count_images(source: str) -> tuple[int, int] | None:
    """Count the training and test images of a source, without loading it.

    Args:
        source: As for `load`.

    Returns:
        Both numbers; `None` if they cannot be told.
    """
    if source == "synthetic":
        return synthetic.IMAGES
    path = Path(os.path.expanduser(source))
    if source == "cifar10" or os.path.isfile(path):
        return CIFAR10_IMAGES
    with suppress(OSError):
        if os.path.isdir(path) and (layout := _layout(path)):
            read, folder = layout
            in_parquet = read is parquet.read_folder
            return parquet.count_images(folder) if in_parquet else CIFAR10_IMAGES
    return None


def needs_download(source: str) -> bool:
    """Whether loading the source means to fetch it from the network first."""
    return source == "cifar10" and not download.has_copy()


def is_at_hand(source: str) -> bool:
    """Whether the source is on this machine, as far as its name tells."""
    if source in ("cifar10", "synthetic"):
        return not needs_download(source)
    return os.path.exists(os.path.expanduser(source))


def _load(source: str, on_progress: OnProgress) -> Dataset:
    if source == "cifar10":
        return download.cifar10(source, on_progress)
    if source == "synthetic":
        return synthetic.draw(on_progress=on_progress)
    path = Path(os.path.expanduser(source))
    # os.path, unlike Path, answers for names that no file system could hold.
    if os.path.isfile(path):
        return official.read_archive(path, source, on_progress)
    if not source.strip() or not os.path.isdir(path):
        raise DataError(
            f"The data source must be {EXPECTED}. Received: {source!r}, which is "
            "neither a known name nor an existing path"
        )
    try:
        return _load_folder(path, source, on_progress)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _load_folder(path: Path, source: str, on_progress: OnProgress) -> Dataset:
    if layout := _layout(path):
        read, folder = layout
        return read(folder, source, on_progress)
    found = sorted(entry.name for entry in path.iterdir())[:5]
    raise DataError(
        f"{path} must hold data_batch_1 to data_batch_5 and test_batch, or "
        "train-*.parquet and test-*.parquet, directly or in plain_text. "
        f"Received: a folder with {', '.join(found) or 'nothing in it'}"
    )


def _layout(
    path: Path,
) -> tuple[Callable[[Path, str, OnProgress], Dataset], Path] | None:
    """Find the files in a folder; return what reads them, and where they are."""
    for folder in (path, path / _OFFICIAL_FOLDER):
        if any((folder / name).exists() for name in official.OFFICIAL_MD5):
            return official.read_folder, folder
    for folder in (path, path / _PARQUET_FOLDER):
        if parquet.holds_shards(folder):
            return parquet.read_folder, folder
    return None
