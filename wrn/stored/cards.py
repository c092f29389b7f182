"""Stored weights: the files in `models/`, each with a card that says what it is.

    models/WRN-16-2.weights.h5
    models/WRN-16-2.json        the card: how it was trained, how good it is

A card is written once, after a training, and read by people and programs. It may
lack any field; a field of the wrong type counts as missing. One that is of another
file than the one beside it is not believed.
"""

import json
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from wrn.files import identity, sha256
from wrn.text import encodable, printable
from wrn.weights.origins import epochs_before

ENDING = ".weights.h5"

#: Longest card that is read; ours have some thousands of bytes, a curve included.
MAX_CARD_BYTES = 1_000_000
#: Longest text of a card that is shown.
MAX_TEXT = 500


@dataclass(frozen=True, kw_only=True)
class Card:
    """What is known about stored weights.

    Attributes:
        recipe: How they were trained, in words.
        data: The images they were trained on.
        measured_on: The images that the accuracies are of.
        epochs: How long.
        epochs_before: How long the weights had been trained before, that the training
            began with; 0 if it began with random ones.
        test_accuracy: Fraction of the test images classified rightly, 0 to 1.
        test_accuracy_flip: The same, averaged over each image and its mirror image.
        images: Number of test images.
        sha256: Of the weight file; empty if the card does not tell.
        note: A caveat; empty if there is none.
    """

    recipe: str = ""
    data: str = ""
    measured_on: str = ""
    epochs: int | None = None
    epochs_before: int = 0
    test_accuracy: float | None = None
    test_accuracy_flip: float | None = None
    images: int | None = None
    sha256: str = ""
    note: str = ""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a card. One that is missing is empty, a damaged one says so."""
        try:
            with path.open("rb") as file:
                stored = json.loads(file.read(MAX_CARD_BYTES))
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, RecursionError):
            stored = None
        if not isinstance(stored, dict):
            return cls(note=f"The card {path.name} must hold a JSON object.")
        return cls(
            recipe=_text(stored.get("recipe")),
            data=_text(stored.get("data")),
            # Cards from before there was this field.
            measured_on=_text(stored.get("measured_on", stored.get("data"))),
            epochs=_count(stored.get("epochs")),
            epochs_before=epochs_before(stored),
            test_accuracy=_fraction(stored.get("test_accuracy")),
            test_accuracy_flip=_fraction(stored.get("test_accuracy_flip")),
            images=_count(stored.get("images")),
            sha256=_text(stored.get("sha256")),
            note=_text(stored.get("note")),
        )


@dataclass(frozen=True)
class StoredWeights:
    """A stored weight file.

    Attributes:
        path: The file.
        card: What is known about it.
    """

    path: Path
    card: Card

    @property
    def name(self) -> str:
        """The file's name without its ending, such as `WRN-16-2`."""
        return encodable(self.path.name.removesuffix(ENDING))


def models_folder() -> Path:
    """Return the folder of the stored weights: `WRN_MODELS`, else `models/`."""
    ours = Path(__file__).resolve().parents[2] / "models"
    return Path(os.path.expanduser(os.environ.get("WRN_MODELS") or ours))


def stored_path(name: str, folder: Path | None = None) -> Path:
    """Return where the weights of a name are stored, if they are.

    Args:
        name: What they are called.
        folder: Where they are. Defaults to `models_folder()`.
    """
    return (models_folder() if folder is None else folder) / f"{name}{ENDING}"


def list_stored(folder: Path | None = None) -> list[StoredWeights]:
    """List the stored weights by name.

    Args:
        folder: Where they are. Defaults to `models_folder()`.

    Returns:
        The weight files with their cards; none where there is no folder.
    """
    folder = models_folder() if folder is None else folder
    paths = sorted(
        path
        for path in folder.glob(f"*{ENDING}")
        if path.is_file() and not path.name.startswith(".")
    )
    return [StoredWeights(path, _card_of(path)) for path in paths]


def _card_of(weights: Path) -> Card:
    path = card_path(weights)
    card = Card.read(path)
    if card.sha256 and card.sha256 != _content(weights, identity(weights)):
        return Card(note=f"The card {path.name} is of other weights than these.")
    return card


@lru_cache(maxsize=256)
def _content(path: Path, _identity: str) -> str:
    """Return what stands for a file's content, read once for each of its versions."""
    try:
        return sha256(path)
    except OSError:
        return ""  # What the card is of cannot be told; reading the weights says why.


def card_path(weights: Path) -> Path:
    """Return where the card of stored weights lies: beside them."""
    return weights.with_name(weights.name.removesuffix(ENDING) + ".json")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        return ""
    return printable(" ".join(value.split()), MAX_TEXT)


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < 2**63 else None


def _fraction(value: Any) -> float | None:
    # JSON as Python reads it knows NaN and infinity, and integers of any length.
    good = type(value) in (int, float) and 0 <= value <= 1
    return float(value) if good else None
