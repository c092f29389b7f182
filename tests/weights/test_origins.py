"""Networks that a training builds on: what is kept of them, what is refused."""

import dataclasses
import hashlib
import json

import pytest

from wrn import weights
from wrn.config import DataConfig, ModelConfig, RunConfig
from wrn.errors import ConfigError
from wrn.model import build_model
from wrn.weights.origins import (
    building_on,
    check_held_out,
    check_teachers,
    epochs_before,
    origin,
    told_under,
    trained_on,
)


def config(validation=100):
    return RunConfig(data=DataConfig(source="synthetic", validation=validation))


def told(dataset, file="a.weights.h5", **data):
    return {
        "file": file,
        "data": {
            "fingerprint": dataset.fingerprint,
            "synthetic": dataset.synthetic,
            **data,
        },
    }


def test_a_file_is_known_by_its_name_and_content(tmp_path):
    path = tmp_path / "a.weights.h5"
    path.write_bytes(b"weights")
    metadata = {"train": {"epochs": 2}, "preprocessing": {"kind": "mean-std"}}
    assert origin(str(path), path, metadata) == {
        "file": "a.weights.h5",
        "sha256": hashlib.sha256(b"weights").hexdigest(),
        "train": {"epochs": 2},
    }


def test_epochs_of_all_trainings_before_add_up():
    first = {"result": {"epochs": 20}}
    second = {"result": {"epochs": 12}, "initial": first}
    assert epochs_before({"initial": second}) == 32
    assert epochs_before({"initial": first, "result": {"epochs": 5}}) == 20
    assert epochs_before({}) == 0


def test_epochs_that_several_trainings_began_with_count_once():
    """Two of 10 and 5 epochs, from one of 20, on the way to the same average."""
    first = {"sha256": "a", "result": {"epochs": 20}}
    parts = [
        {"sha256": name, "result": {"epochs": epochs}, "initial": [first]}
        for name, epochs in (("b", 10), ("c", 5))
    ]
    assert epochs_before({"initial": parts, "result": {"epochs": 2}}) == 35
    # As files from before tell it, which name a single one.
    parts[1]["initial"] = first
    assert epochs_before({"initial": parts}) == 35
    assert epochs_before({"initial": [{"result": {"epochs": 3}}] * 2}) == 6


def test_last_and_best_of_one_training_count_once():
    told = {"train": {"seed": 1}, "initial": [{"sha256": "a", "train": {}}]}
    files = [
        told | {"sha256": name, "result": {"epochs": epochs}}
        for name, epochs in (("last", 20), ("best", 15))
    ]
    assert epochs_before({"initial": files}) == 20
    # The same settings, from other weights, are another training.
    files[1]["initial"] = [{"sha256": "b", "train": {}}]
    assert epochs_before({"initial": files}) == 35


def test_what_networks_have_in_common_is_told_once():
    """Of each generation three files, from the average of the three before."""
    files, sizes = [], []
    for generation in range(12):
        told = building_on(files, files[:1])
        names = [f"{generation}.{number}" for number in range(3)]
        files = [
            {"file": f"{name}.h5", "sha256": name, "result": {"epochs": 2}, **told}
            for name in names
        ]
        sizes.append(len(json.dumps(files[0])))
    assert sizes[11] - sizes[10] == pytest.approx(sizes[2] - sizes[1], rel=0.1)
    end = building_on(files, [])
    assert epochs_before(end) == 2 * 3 * 12
    # As a training that went on from there tells it.
    assert building_on(told_under("initial", end), []) == end
    assert building_on([], []) == {}


@pytest.mark.parametrize("names", [10, 1000])
def test_what_is_told_can_be_read_again(tmp_path, names):
    """After 40 generations, each the average of twelve from the one before."""
    model = build_model(ModelConfig(depth=10, widen_factor=1))
    path = tmp_path / "a.weights.h5"
    data = {"class_names": [f"class number {number:040}" for number in range(names)]}
    metadata = {"data": data, "result": {"epochs": 2}}
    for generation in range(40):
        parts = [
            {"file": "a.h5", "sha256": f"{generation} {number}", **metadata}
            for number in range(12)
        ]
        metadata = {"data": data, "result": {"epochs": 2}, **building_on(parts, [])}
    weights.save(path, model, metadata)
    file, _ = weights.read_named("initial_weights", str(path))
    assert file.metadata == metadata
    assert len(file.metadata["initial"]) == 12
    # The nearest are told in full, if those are not too long alone.
    told = [each for each in file.metadata["initial"] if "data" in each]
    assert len(told) == (12 if names == 10 else 0)
    assert epochs_before(metadata) == (2 * 12 * 25 if names == 10 else 0)


def test_held_out_images_are_looked_for_in_what_is_told_once(dataset):
    clean = told(dataset, "clean.weights.h5", validation=100) | {"sha256": "c"}
    known = told(dataset) | {"sha256": "k"}
    first = clean | {"sha256": "1", "initial": [known]}
    second = clean | {"sha256": "2", "initial": [known]}
    origins = building_on([first], [second])
    assert origins["teachers"][0]["initial"] == [{"file": known["file"], "sha256": "k"}]
    with pytest.raises(ConfigError, match=r"and a\.weights"):
        check_held_out(config(), dataset, origins["initial"])
    # The clean ones are told about, however often they come again.
    clean_ones = building_on([clean | {"sha256": "1", "initial": [clean]}], [clean])
    assert clean_ones["teachers"] == [{"file": "clean.weights.h5", "sha256": "c"}]
    check_held_out(config(), dataset, [*clean_ones["initial"], *clean_ones["teachers"]])
    # One that nobody tells about is not.
    with pytest.raises(ConfigError, match="tells of none"):
        check_held_out(config(), dataset, [{"file": "a", "sha256": "x"}])


@pytest.mark.parametrize("epochs", [None, "3", -1, 1.5, True, 2**70, [1]])
def test_epochs_of_an_edited_file_do_not_count(epochs):
    assert epochs_before({"initial": {"result": {"epochs": epochs}}}) == 0
    assert epochs_before({"initial": {"result": [epochs]}}) == 0
    assert epochs_before({"initial": epochs}) == 0


@pytest.mark.parametrize(
    "data",
    [
        {},  # As files from before this was told.
        {"validation": 0},
        {"validation": 99},
        {"validation": "100"},
        {"validation": True},
        {"validation": 100, "fingerprint": "another"},
        {"validation": 100, "fingerprint": None},
    ],
)
@pytest.mark.parametrize(
    "place", ["itself", "initial", "initial of several", "teacher"]
)
def test_images_that_were_trained_on_are_not_held_out(dataset, data, place):
    known = told(dataset, **data)
    clean = told(dataset, "clean.weights.h5", validation=100)
    origins = {
        "itself": [known],
        "initial": [clean | {"initial": known}],
        "initial of several": [clean | {"initial": [clean, known]}],
        "teacher": [clean | {"initial": clean | {"teachers": [clean, known]}}],
    }
    with pytest.raises(ConfigError, match=r"validation must be 0.*100, and a\.weights"):
        check_held_out(config(), dataset, origins[place])
    # Test images are nobody's training images.
    check_held_out(config(validation=0), dataset, origins[place])


@pytest.mark.parametrize("validation", [100, 5000])
def test_images_that_were_held_out_before_are_held_out_again(dataset, validation):
    check_held_out(config(), dataset, [told(dataset, validation=validation)])
    check_held_out(config(), dataset, [])


def test_a_part_of_the_images_is_another_set(dataset):
    """Of fewer images others are held out."""
    part = dataclasses.replace(dataset, train=dataset.train.first(150))
    with pytest.raises(ConfigError, match=r"held out 120 of other images"):
        check_held_out(config(), part, [told(dataset, validation=120)])
    with pytest.raises(ConfigError, match=r"which held out 99$"):
        check_held_out(config(), dataset, [told(dataset, validation=99)])


def test_drawn_images_are_no_real_ones(dataset):
    real = dataclasses.replace(dataset, synthetic=False, name="CIFAR-10")
    check_held_out(config(), real, [told(dataset)])


@pytest.mark.parametrize("edited", [{"data": 3}, {"initial": [1], "teachers": 5}])
def test_edited_files_are_refused_in_words(dataset, edited):
    with pytest.raises(ConfigError, match="tells of none"):
        check_held_out(config(), dataset, [{"file": "a", **edited}])


def test_teachers_of_other_classes_are_refused(dataset):
    names = list(dataset.class_names)
    check_teachers(dataset, [told(dataset), told(dataset, class_names=names)])
    for known in (names[::-1], ["van", *names[1:]], names[:3]):
        origins = [told(dataset), told(dataset, "b.h5", class_names=known)]
        with pytest.raises(
            ConfigError, match=rf"Received: b.h5, which knows {known[0]}"
        ):
            check_teachers(dataset, origins)


def test_a_name_that_a_file_gives_has_no_control_characters():
    metadata = {"data": {"name": "CIFAR\x1b[2J\n\ud800" + "-" * 200}}
    assert trained_on(metadata) == ("CIFAR[2J" + "-" * 200)[:100]
