"""What a data source yields, and how a run selects from it."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wrn.config import FULL_SIZE, DataConfig
from wrn.errors import ConfigError, DataError

#: Values that stand for all pixels of some images.
_SAMPLED_VALUES = 128

#: Grey levels, of 256, by which they may differ in the mean where the images are the
#: same: decoders of JPEG may round apart. 1,000 of the JPEG images, decoded by Pillow
#: and by TensorFlow with an accurate transform, do not differ at all; compressed once
#: more at a quality of 95, 500 of them differ by 0.8.
_NEAR_LEVELS = 0.5

#: The classes of CIFAR-10, in the order of its labels.
CLASS_NAMES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)

#: Its training and test images.
CIFAR10_IMAGES = (50_000, 10_000)

#: Called with the fraction done, 0 to 1, and what is being done.
OnProgress = Callable[[float, str], None]


@dataclass(frozen=True, eq=False)
class Images:
    """Images with their labels. The arrays are read-only, as threads share them.

    Attributes:
        images: uint8 (n, 32, 32, 3), RGB, 0 to 255.
        labels: int64 (n,), from 0.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        expected = (len(self.labels), FULL_SIZE, FULL_SIZE, 3)
        if self.images.shape != expected or self.images.dtype != np.uint8:
            raise DataError(
                f"Images must be uint8 of shape {expected}. Received: "
                f"{self.images.dtype} of shape {self.images.shape}"
            )
        if self.labels.ndim != 1 or self.labels.dtype != np.int64:
            raise DataError(
                "Labels must be int64 of shape (n,). Received: "
                f"{self.labels.dtype} of shape {self.labels.shape}"
            )
        for name in ("images", "labels"):
            view = getattr(self, name).view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    def first(self, n: int | None) -> "Images":
        """Return the first `n` images, or all of them where `n` is `None`."""
        return Images(self.images[:n], self.labels[:n])

    def take(self, indices: NDArray[np.int64]) -> "Images":
        """Return the images at `indices`, int64 (m,)."""
        return Images(self.images[indices], self.labels[indices])


@dataclass(frozen=True, eq=False)
class Dataset:
    """Everything a source holds.

    Attributes:
        train: Training images.
        test: Test images.
        class_names: The name of each label.
        source: The source as the user named it.
        name: What to call the images on screen, such as `CIFAR-10 (JPEG)`.
        synthetic: Whether the program drew the images itself.
        note: A caveat to show beside results; empty if there is none.
    """

    train: Images
    test: Images
    class_names: tuple[str, ...]
    source: str
    name: str
    synthetic: bool = False
    note: str = ""

    @property
    def is_cifar10(self) -> bool:
        """Whether accuracies published for CIFAR-10 can stand beside those of these."""
        return self.name.startswith("CIFAR-10")

    @cached_property
    def fingerprint(self) -> str:
        """Tells which training images there are, and in which order, by their labels.

        The same images compressed otherwise have the same.
        """
        labels = np.ascontiguousarray(self.train.labels, "<i8")
        return hashlib.sha256(labels.tobytes()).hexdigest()

    @cached_property
    def pixels(self) -> str:
        """Values of pixels from all over the training and the test images, in hex.

        The same images compressed otherwise have others.
        """
        sampled = [_sample(images.images) for images in (self.train, self.test)]
        return b"".join(sampled).hex()

    @property
    def identity(self) -> dict[str, str]:
        """What a file tells of the images, for `is_of` to know them again."""
        return {"fingerprint": self.fingerprint, "pixels": self.pixels}

    def is_of(self, told: Mapping[str, Any]) -> bool:
        """Whether these are the images that an `identity` is of.

        Args:
            told: The identity, as a file tells it, so its values may be anything; what
                it does not tell is not compared.
        """
        pixels = told.get("pixels", self.pixels)
        return told.get("fingerprint", self.fingerprint) == self.fingerprint and (
            pixels == self.pixels or _are_near(pixels, self.pixels)
        )


def _sample(images: NDArray[np.uint8]) -> bytes:
    """Take values evenly from all of an array, at other places in each image."""
    values = images.reshape(-1)
    places = np.linspace(0, max(len(values) - 1, 0), _SAMPLED_VALUES).astype(np.int64)
    return values[places[: len(values)]].tobytes()


def _are_near(one: Any, other: str) -> bool:
    """Tell whether two samples in hex are of the same images, decoded twice."""
    try:
        first, second = (
            np.frombuffer(bytes.fromhex(each), np.uint8).astype(int)
            for each in (one, other)
        )
    except (TypeError, ValueError):
        return False
    return len(first) == len(second) and bool(
        np.abs(first - second).mean() <= _NEAR_LEVELS
    )


@dataclass(frozen=True, eq=False)
class Split:
    """The images of one run.

    Attributes:
        train: Images to train on.
        held_out: Images to measure on.
    """

    train: Images
    held_out: Images


def select(dataset: Dataset, config: DataConfig) -> Split:
    """Choose the images of a run.

    The validation images depend on the dataset and their number alone, so runs that
    differ in other settings, and runs that are resumed, share them. Fewer of them are
    a part of more.

    Args:
        dataset: The loaded source.
        config: `validation` images are held out of the training set, 0 for none;
            then `limit` keeps the first images of each part.

    Returns:
        Training images, and either the test set or the validation images.

    Raises:
        ConfigError: If holding out leaves no image to train on.
        DataError: If a part is empty.
    """
    train, held_out = dataset.train, dataset.test
    if config.validation:
        if config.validation >= len(train):
            raise ConfigError(
                f"validation must leave some of the {len(train):,} training images "
                f"of {dataset.name} to train on. Received: {config.validation:,}"
            )
        order = np.random.default_rng(0).permutation(len(train))
        held_out = train.take(np.sort(order[: config.validation]))
        train = train.take(np.sort(order[config.validation :]))
    if not len(train) or not len(held_out):
        raise DataError(
            "A run needs images to train on and images to measure on. Received: "
            f"{len(train):,} and {len(held_out):,} of {dataset.name}"
        )
    return Split(
        train=train.first(config.limit),
        held_out=held_out.first(config.limit),
    )


def check_labels(labels: NDArray[np.int64], classes: int, where: str) -> None:
    """Refuse labels outside `0..classes - 1`.

    Args:
        labels: int64 (n,).
        classes: Number of classes.
        where: The file that holds them, for the message.

    Raises:
        DataError: If a label is out of range.
    """
    wrong = labels[(labels < 0) | (labels >= classes)]
    if len(wrong):
        raise DataError(
            f"{where}: labels must be 0 to {classes - 1}. Received: {wrong[0]}"
        )
