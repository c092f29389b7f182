"""The weights in `models/` do what their cards say."""

import hashlib
import json

import numpy as np
import pytest

from tests import weight_files
from tests.conftest import ROOT, real_images
from wrn import weights
from wrn.data import load_cached
from wrn.evaluation import evaluate
from wrn.restoring import load_weights
from wrn.stored import list_stored

SHIPPED = list_stored(ROOT / "models")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_some_are_shipped():
    names = {stored.name for stored in SHIPPED}
    assert {"WRN-10-1", "WRN-16-2", "WRN-16-2-fast", "WRN-16-4"} <= names


@pytest.mark.parametrize("stored", SHIPPED, ids=lambda stored: stored.name)
def test_each_has_a_whole_card_and_a_line_in_the_readme(stored):
    card = stored.card
    assert card.recipe
    assert card.data
    assert card.images == 10_000
    path = stored.path.with_name(f"{stored.name}.json")
    settings = json.loads(path.read_text(encoding="utf-8"))
    assert len(settings["curve"]) == card.epochs
    assert settings["commit"]
    assert card.sha256 == hashlib.sha256(stored.path.read_bytes()).hexdigest()
    row = (
        f"| {stored.name} | {card.test_accuracy:.2%} | {card.test_accuracy_flip:.2%} |"
    )
    assert row in README


@pytest.mark.parametrize(
    ("name", "parts", "words"), [("WRN-16-2", 5, "five"), ("WRN-16-4", 3, "three")]
)
def test_an_average_is_of_so_many_trainings(name, parts, words):
    (stored,) = [stored for stored in SHIPPED if stored.name == name]
    assert f"{words} trainings, {stored.card.epochs_before} epochs in all" in README
    metadata = weights.read(stored.path).metadata
    assert len(metadata["initial"]) == parts
    # A rate of zero leaves the weights alone.
    assert metadata["train"]["learning_rate"] == 0.0


def test_theano_layout_is_converted_back(tmp_path):
    """Each array of a Theano file ends as the one it was made of."""
    source = ROOT / "models" / "WRN-16-2.weights.h5"
    path = weight_files.rewrite_for_theano(source, tmp_path / "old", 16, 2)
    ours, old = (weights.recognize(weights.read(p)) for p in (source, path))
    for setting in ("order", "shortcut", "padding", "epsilon", "head"):
        assert getattr(old.wiring, setting) == getattr(ours.wiring, setting)
    assert any("rotated by 180 degrees" in sentence for sentence in old.conversions)
    for name, arrays in ours.arrays.items():
        for role, array in arrays.items():
            np.testing.assert_array_equal(old.arrays[name][role], array)


@pytest.mark.slow
@pytest.mark.cifar10
@pytest.mark.parametrize(
    "stored",
    [
        # The larger network takes half a minute.
        pytest.param(stored, marks=pytest.mark.long if "16-4" in stored.name else ())
        for stored in SHIPPED
    ],
    ids=lambda stored: stored.name,
)
def test_each_has_the_accuracy_of_its_card(stored):
    dataset = load_cached(str(real_images()))
    if dataset.name != stored.card.data:
        pytest.skip(f"the images must be {stored.card.data}, not {dataset.name}")
    test = dataset.test
    loaded = load_weights(stored.path)
    found = evaluate(loaded.classifier, test.images, test.labels)
    # Other processors round bfloat16 otherwise, or have none.
    assert found.accuracy == pytest.approx(stored.card.test_accuracy, abs=0.002)
