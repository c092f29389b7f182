"""Images and labels, from whichever source the user names.

    dataset     Images, Dataset, Split, and how a run selects from a dataset
    official    the official CIFAR-10 files: the archive, or its unpacked folder
    download    the official archive: Keras's cache, or the network
    parquet     the folder layout of the Hugging Face hub
    synthetic   ten classes of pictures drawn by NumPy
    pictures    anybody's picture, as a network for 32x32 images sees it
    sources     `load`: from the name or path of a source to its dataset

Nothing here imports TensorFlow, and no file is trusted: whatever cannot be read
as it should raises `DataError`, naming the file.
"""

from wrn.data.dataset import (
    CIFAR10_IMAGES,
    CLASS_NAMES,
    Dataset,
    Images,
    Split,
    select,
)
from wrn.data.sources import (
    count_images,
    is_at_hand,
    is_loaded,
    load,
    load_cached,
    needs_download,
    source_version,
)

__all__ = [
    "CIFAR10_IMAGES",
    "CLASS_NAMES",
    "Dataset",
    "Images",
    "Split",
    "count_images",
    "is_at_hand",
    "is_loaded",
    "load",
    "load_cached",
    "needs_download",
    "select",
    "source_version",
]
