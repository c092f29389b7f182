"""Settings in messages are called as in the forms."""

import pytest

from ui.text import changes_with_labels, refusal, with_labels
from wrn.config import SECTIONS, options
from wrn.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("batch_size must be 1. Received: 0", "Batch size must be 1. Received: 0"),
        ("train.seed", "Seed"),
        ("data.crop_padding", "Crop padding"),
        ("off with trivial_augment", "off with TrivialAugment"),
        # Ordinary words within a sentence, parts of other names, paths.
        ("The network has another depth", "The network has another depth"),
        ("my_batch_size must", "my_batch_size must"),
        (
            "No file runs/batch_size/first_size.h5",
            "No file runs/batch_size/first_size.h5",
        ),
        ("lower batch_size, or first_size.", "lower Batch size, or First image size."),
        ("teacher and seed must", "Teacher and seed must"),
        # What was received is a name of a run, a folder, a path.
        ("Here is 'batch_size'", "Here is 'batch_size'"),
        ("x. Received: sweep batch_size", "x. Received: sweep batch_size"),
        ("Called sweep-batch_size-64", "Called sweep-batch_size-64"),
        ("d/wd,weight_decay=5e-4/c10 must", "d/wd,weight_decay=5e-4/c10 must"),
        ("data.limit is no file", "data.limit is no file"),
        ("train.seed.h5 must", "train.seed.h5 must"),
        ("seeds of plants", "seeds of plants"),
    ],
)
def test_settings_have_the_names_of_the_forms(text: str, shown: str) -> None:
    assert with_labels(text) == shown


def test_changed_settings_have_the_names_of_the_forms() -> None:
    told = "fast, with epochs: 80 → 1; initial_weights: none → seed, batch_size; x: 1"
    assert changes_with_labels(told) == (
        "fast, with Epochs: 80 → 1; Initial weights: none → seed, batch_size; x: 1"
    )
    assert changes_with_labels("batch_size: 1 → 2") == "Batch size: 1 → 2"


def test_every_setting_that_is_refused_has_the_name_of_its_form() -> None:
    for section in SECTIONS.values():
        for option in options(section):
            with pytest.raises(ConfigError) as caught:
                section(**{option.name: object()})
            assert refusal(caught.value).startswith(
                option.label.replace("-", "\\-").replace("'", "\\'") + " must be"
            )
