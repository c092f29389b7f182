"""What a report says beside its figures: of images, and of how weights were read."""

import dataclasses

import numpy as np
import pytest

from wrn.config import ModelConfig
from wrn.data import CLASS_NAMES, Dataset, Images
from wrn.errors import ConfigError
from wrn.evaluation import Evaluation, check_classes, report
from wrn.restoring import LoadedWeights


def loaded_with(metadata):
    return LoadedWeights(
        ModelConfig(depth=10, widen_factor=1), None, CLASS_NAMES, (), metadata
    )


@pytest.mark.parametrize(
    ("metadata", "noted"),
    [
        ({"data": {"synthetic": False}}, True),
        ({"data": {"synthetic": True}}, False),
        ({"data": {"synthetic": "yes"}}, False),
        ({"data": 3}, False),
        ({}, False),
    ],
)
def test_report_says_when_real_meets_synthetic(dataset, evaluation, metadata, noted):
    found = report(loaded_with(metadata), dataset, evaluation, "ours")
    assert any("trained on real images" in note for note in found["notes"]) == noted
    assert found["synthetic"] is True
    assert found["weights"] == "ours"
    assert found["accuracy"] == pytest.approx(3 / 5)


def test_report_says_when_the_classes_are_others_or_in_another_order(
    dataset, evaluation
):
    names = list(dataset.class_names)
    for known, noted in (
        (names, ""),
        (names[::-1], "classes truck, ship, "),
        (["van", *names[1:]], "classes van, automobile, "),
    ):
        metadata = {"data": {"synthetic": True, "class_names": known}}
        notes = report(loaded_with(metadata), dataset, evaluation, "")["notes"]
        assert any("taught the classes" in note for note in notes) == bool(noted)
        assert noted in " ".join(notes)


@pytest.mark.parametrize(
    ("name", "comparable"),
    [
        ("CIFAR-10", True),
        ("CIFAR-10 (JPEG)", True),
        ("Images in CIFAR-10 format", False),
        ("Images in Parquet", False),
        ("Synthetic", False),
    ],
)
def test_published_accuracies_stand_beside_those_of_cifar10(
    dataset, evaluation, name, comparable
):
    images = dataclasses.replace(dataset, name=name)
    known = LoadedWeights(ModelConfig(), None, CLASS_NAMES, (), {})
    assert bool(report(known, images, evaluation, "")["published"]) == comparable


def test_report_says_when_classes_are_missing(dataset):
    labels = np.arange(60) % 10
    test = Images(dataset.test.images, np.sort(labels))
    sorted_by_class = dataclasses.replace(dataset, test=test)
    for images, noted in ((12, "12 images measured are of 2 of the 10"), (60, "")):
        some = Evaluation(
            np.eye(10, dtype=np.float32)[labels[:images]],
            test.labels[:images],
            loss=1.0,
        )
        notes = " ".join(report(loaded_with({}), sorted_by_class, some, "")["notes"])
        assert noted in notes
        assert ("say" in notes) == bool(noted)


def test_classes_must_be_those_of_the_images(dataset: Dataset):
    check_classes(10, dataset)
    with pytest.raises(ConfigError, match="Received: 100"):
        check_classes(100, dataset)


def test_a_report_tells_what_is_to_be_known_of_the_images(dataset, evaluation):
    images = dataclasses.replace(dataset, note="Once JPEG.")
    assert "Once JPEG." in report(loaded_with({}), images, evaluation, "")["notes"]


def test_the_report_tells_how_the_weights_were_read(dataset):
    config = ModelConfig(depth=10, widen_factor=1)
    told = {"result": {"epochs": 7}}
    loaded = LoadedWeights(config, None, CLASS_NAMES, ("Read so.",), told, "bfloat16")
    evaluation = Evaluation(np.eye(10, dtype=np.float32), np.arange(10), 0.5)
    found = report(loaded, dataset, evaluation, "")
    assert (found["epochs"], found["precision"]) == (7, "bfloat16")
    assert "Read so." in found["notes"]
