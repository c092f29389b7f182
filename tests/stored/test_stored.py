"""The folder of stored weights and its cards."""

import hashlib
import json
import os
import sys
from pathlib import Path

import pytest

from wrn.stored import Card, list_stored, models_folder

CARD = {
    "name": "WRN-16-2",
    "recipe": "one-cycle, batch 128",
    "data": "CIFAR-10",
    "epochs": 20,
    "seed": 0,
    "test_accuracy": 0.91,
    "test_accuracy_flip": 0.92,
    "images": 10_000,
    "note": "Trained on JPEG images.",
}


def test_files_are_listed_by_name_with_their_cards(tmp_path):
    for name in ("b", "a"):
        (tmp_path / f"{name}.weights.h5").touch()
    (tmp_path / "a.json").write_text(json.dumps(CARD))
    (tmp_path / ".half.weights.h5").touch()
    (tmp_path / "README.md").touch()
    (tmp_path / "folder.weights.h5").mkdir()
    first, second = list_stored(tmp_path)
    assert (first.name, second.name) == ("a", "b")
    assert first.card.test_accuracy == 0.91
    assert first.card.epochs == 20
    assert first.card.recipe == "one-cycle, batch 128"
    assert second.card == Card()


def test_a_card_tells_of_the_training_before(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(CARD | {"initial": {"result": {"epochs": 22}}}))
    card = Card.read(path)
    assert (card.epochs, card.epochs_before) == (20, 22)
    # From before cards told what they were measured on.
    assert card.measured_on == "CIFAR-10"


def test_a_card_of_other_weights_is_not_believed(tmp_path):
    weights = tmp_path / "a.weights.h5"
    weights.write_bytes(b"one")
    digest = hashlib.sha256(b"one").hexdigest()
    (tmp_path / "a.json").write_text(json.dumps(CARD | {"sha256": digest}))
    (stored,) = list_stored(tmp_path)
    assert stored.card.test_accuracy == 0.91
    weights.write_bytes(b"another")
    (stored,) = list_stored(tmp_path)
    assert stored.card == Card(note="The card a.json is of other weights than these.")


def test_no_folder_holds_nothing(tmp_path):
    assert list_stored(tmp_path / "none") == []


def test_folder_can_be_moved(tmp_path, monkeypatch):
    monkeypatch.setenv("WRN_MODELS", str(tmp_path))
    assert models_folder() == tmp_path
    monkeypatch.setenv("WRN_MODELS", "~nobody-of-this-name/models")
    assert models_folder() == Path("~nobody-of-this-name/models")
    assert list_stored() == []


@pytest.mark.skipif(sys.platform != "linux", reason="Others refuse such a name.")
def test_a_name_that_nothing_can_encode_is_shown_without_it(tmp_path):
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xffa.weights.h5")).touch()
    (stored,) = list_stored(tmp_path)
    assert stored.name == "?a"


@pytest.mark.parametrize(
    "text", [b"", b"[1]", b"{", b"\xff\xfe", b"[" * 50_000, b"1" * 200_000]
)
def test_damaged_card_says_so(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_bytes(text)
    assert "x.json" in Card.read(path).note


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("test_accuracy", 91.2),
        ("test_accuracy", float("nan")),
        ("test_accuracy", 10**400),
        ("test_accuracy", True),
        ("test_accuracy_flip", "0.9"),
        ("epochs", -1),
        ("epochs", 1.5),
        ("images", False),
        ("recipe", {"a": 1}),
        ("note", 7),
    ],
)
def test_field_of_the_wrong_kind_counts_as_missing(tmp_path, field, value):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(CARD | {field: value}))
    card = Card.read(path)
    assert getattr(card, field) == getattr(Card(), field)
    assert card.data == "CIFAR-10"


def test_texts_are_one_printable_line_of_bounded_length(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"note": "a\n\x00b " + "c" * 1000}))
    note = Card.read(path).note
    assert note.startswith("a b c")
    assert len(note) == 500
