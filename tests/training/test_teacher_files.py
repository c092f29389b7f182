"""The files of teachers: kept by the run, checked, told of by student and card."""

import dataclasses
import hashlib
import json

import numpy as np
import pytest

from tests.teachers import (
    STATISTICS,
    distilling,
    write_teacher,
)
from tests.trainings import assert_same_arrays, small
from wrn import weights
from wrn.architecture.wiring import FAMILIES
from wrn.config import ModelConfig
from wrn.errors import ConfigError, RunError, WeightsError
from wrn.preprocessing import GcnZca, MeanStd, PerImage
from wrn.runs import RunStore, Status
from wrn.stored import storing
from wrn.training.loop import train
from wrn.training.teacher_files import read_teachers


@pytest.fixture
def path(tmp_path):
    return tmp_path / "large.weights.h5"


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")


@pytest.mark.slow
def test_resumed_it_ends_exactly_like_uninterrupted(store, dataset, path):
    """The run keeps its teachers: the files are needed no more."""
    other = path.with_name("other.weights.h5")
    write_teacher(path)
    write_teacher(other, seed=8)
    config = distilling(path, other, mixup=0.3, attention_weight=100.0)
    whole, parts = store.create(config, "whole"), store.create(config, "parts")
    train(config, dataset, whole)
    asked = iter(range(1000))
    train(config, dataset, parts, should_stop=lambda: next(asked) == 5)
    path.unlink()
    other.unlink()
    assert train(config, dataset, parts).finished
    assert_same_arrays(whole.last_weights, parts.last_weights)


@pytest.mark.slow
def test_file_and_card_tell_of_the_teachers_and_of_no_path(
    store, dataset, path, tmp_path, monkeypatch
):
    other = path.with_name("other.weights.h5")
    write_teacher(path)
    write_teacher(other, seed=8)
    config = distilling(path, other, epochs=1)
    run = store.create(config, "student")
    train(config, dataset, run)
    told = weights.read(run.last_weights).metadata
    first, second = told["teachers"]
    assert first["file"] == "large.weights.h5"
    assert first["model"]["widen_factor"] == 2
    assert first["train"]["seed"] == 7
    assert first["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert second["file"] == "other.weights.h5"
    assert second["train"]["seed"] == 8
    # The student sees what the teacher knows.
    assert told["preprocessing"] == STATISTICS.to_dict()
    monkeypatch.setattr("wrn.stored.storing.load_cached", lambda source: dataset)
    run.write_status(Status(state="finished"))
    card = storing.store(run, "synthetic", folder=tmp_path / "models")
    assert card["teachers"] == told["teachers"]
    names = card["settings"]["train"]["teacher"]
    assert names == "large.weights.h5, other.weights.h5"
    assert str(tmp_path) not in json.dumps([card, told])


@pytest.mark.parametrize(
    ("teacher", "settings", "refusal", "message"),
    [
        (
            {"config": ModelConfig(depth=10, widen_factor=1, classes=100)},
            {},
            ConfigError,
            r"teacher must know 10 classes\. Received: .*, which knows 100",
        ),
        (
            {"wiring": FAMILIES["asmith26"]},
            {"first_size": 24},
            ConfigError,
            r"first_size must be 32 with the teacher .*Received: 24",
        ),
        (
            {"preprocessing": PerImage()},
            {},
            ConfigError,
            r"trained with preprocessing mean-std, .*, trained with per-image",
        ),
        (
            {},
            {"preprocessing": "keras-zca"},
            ConfigError,
            r"mean-std for .*Received: keras-zca",
        ),
        ({"preprocessing": None}, {}, WeightsError, r"teacher must be .*tells how"),
    ],
)
def test_a_teacher_that_does_not_suit_is_refused(
    path, teacher, settings, refusal, message
):
    write_teacher(path, **teacher)
    with pytest.raises(refusal, match=message):
        read_teachers(distilling(path, **settings), path.with_name("teachers"))


def statistics(kind, first):
    """Return the figures of a preprocessing, of which one is given."""
    if kind == "mean-std":
        return MeanStd(mean=(first, 100.0, 110.0), std=(50.0, 60.0, 70.0))
    mean = np.zeros(3072, np.float32)
    mean[0] = first
    return GcnZca(mean=mean, matrix=np.eye(3072, dtype=np.float32))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mean-std", "gcn-zca"])
def test_teachers_of_other_statistics_are_refused(path, kind):
    """Those of one kind are told in words, those of the other are arrays."""
    other, folder = path.with_name("other.weights.h5"), path.with_name("teachers")
    write_teacher(path, preprocessing=statistics(kind, 90.0))
    config = distilling(path, other, preprocessing=kind)
    write_teacher(other, preprocessing=statistics(kind, 90.5))
    with pytest.raises(
        ConfigError, match=r"Received: .*other.* are not those of the first"
    ):
        read_teachers(config, folder)
    # Nothing of them is kept, so that the right ones may take their place.
    assert {each.name for each in path.parent.iterdir()} == {path.name, other.name}
    # Of whitening, another machine may have other last bits.
    same = 90.0 if kind == "mean-std" else np.nextafter(np.float32(90), np.float32(91))
    write_teacher(other, preprocessing=statistics(kind, same))
    assert len(read_teachers(config, folder)) == 2


@pytest.mark.slow
def test_a_training_goes_on_with_the_teachers_it_began_with(store, dataset, path):
    write_teacher(path)
    run = store.create(distilling(path), "run")
    asked = iter(range(1000))
    train(run.config(), dataset, run, should_stop=lambda: next(asked) == 2)
    kept = run.teachers_folder / "1.weights.h5"
    own = kept.read_bytes()
    write_teacher(path, seed=8)
    # As if somebody had removed the one, or put the other in its place.
    for of_others in (None, path.read_bytes()):
        kept.unlink(missing_ok=True)
        if of_others:
            kept.write_bytes(of_others)
        with pytest.raises(RunError, match=r"that it began with.*large\.weights\.h5"):
            train(run.config(), dataset, run)
        assert (kept.read_bytes() if kept.exists() else None) == of_others
    without = run.config().train.replace(teacher="")
    with pytest.raises(RunError, match=r"that it began with.*settings without any"):
        train(dataclasses.replace(run.config(), train=without), dataset, run)
    # The right one at its path again is taken.
    path.write_bytes(own)
    asked = iter(range(1000))
    train(run.config(), dataset, run, should_stop=lambda: next(asked) == 2)
    assert kept.read_bytes() == own


@pytest.mark.slow
def test_a_teacher_that_was_refused_is_not_kept(store, dataset, path):
    names = {"class_names": ["dogs", "cats"]}
    model = write_teacher(path)
    own = path.read_bytes()
    weights.save(
        path,
        model,
        {"data": names, "preprocessing": STATISTICS.to_dict()},
        preprocessing=STATISTICS.arrays(),
    )
    run = store.create(distilling(path, epochs=1), "run")
    with pytest.raises(ConfigError, match="know the classes of the images"):
        train(run.config(), dataset, run)
    assert not run.teachers_folder.exists()
    path.write_bytes(own)
    assert train(run.config(), dataset, run).finished


@pytest.mark.parametrize(
    "names", [",", "a.h5,", ",a.h5", "a.h5, ,b.h5", "a\nb.h5", '"a\r.h5"']
)
def test_a_teacher_without_a_name_is_refused(names):
    with pytest.raises(ConfigError, match="several with commas between"):
        small(teacher=names)


def test_a_file_with_a_comma_in_its_name_is_told_to_be_several(path):
    write_teacher(path)
    with pytest.raises(WeightsError, match=r"No such file.*Commas stand between"):
        read_teachers(distilling(path, "ghost"), path.with_name("teachers"))


@pytest.mark.parametrize("content", [None, b"no weights"])
def test_a_file_that_is_none_is_named(path, content):
    kept = path.with_name("teachers")
    if content:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"^teacher .*large\.weights\.h5: "):
        read_teachers(distilling(path), kept)
    assert not kept.exists()


def test_without_a_teacher_there_is_none(tmp_path):
    assert read_teachers(small(), tmp_path / "teachers") == []
    assert not (tmp_path / "teachers").exists()
