"""Keeping a run's weights in `models/`."""

import dataclasses
import hashlib
import shutil

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.trainings import small
from wrn.config.recipes import note
from wrn.data import load_cached
from wrn.errors import ConfigError, RunError
from wrn.evaluation import evaluate
from wrn.jobs.execution import Execution
from wrn.restoring import load_weights
from wrn.runs import RunStore
from wrn.stored import list_stored, models_folder, storing
from wrn.stored.storing import store
from wrn.training.commit import commit

pytestmark = pytest.mark.slow


@pytest.fixture
def run(tmp_path):
    config = small(epochs=1)
    data = dataclasses.replace(config.data, limit=80)
    config = note(dataclasses.replace(config, data=data), "fast")
    return RunStore(tmp_path / "runs").create(config, "kept")


def test_the_card_tells_what_the_file_does(run, tmp_path):
    Execution(run).execute()
    card = store(run, "synthetic", folder=tmp_path / "models")
    (kept,) = list_stored(tmp_path / "models")
    assert kept.name == card["name"] == "WRN-10-1"
    assert card["commit"] == commit()
    assert card["recipe"].startswith(
        "fast, with cutout: 8 → 0; limit: none → 80; epochs: 80 → 1; "
    )
    assert kept.card.test_accuracy == card["test_accuracy"]
    test = load_cached("synthetic").test
    for flip, accuracy in [
        (False, card["test_accuracy"]),
        (True, card["test_accuracy_flip"]),
    ]:
        loaded = load_weights(kept.path)
        again = evaluate(loaded.classifier, test.images, test.labels, flip=flip)
        assert again.accuracy == accuracy
        if not flip:
            measured = [*again.interval], again.loss, len(test)
            assert (card["interval"], card["loss"], card["images"]) == measured
    assert card["sha256"] == hashlib.sha256(kept.path.read_bytes()).hexdigest()
    assert card["seconds"] == run.status().seconds > 0
    # The last weights, not the best.
    assert card["curve"] == [
        [record["train_accuracy"], record["test_accuracy"]]
        for record in run.metrics("epoch")
    ]


def test_weights_of_another_network_than_the_settings_name_are_refused(run, tmp_path):
    Execution(run).execute()
    shutil.copy(ROOT / "models" / "WRN-16-2.weights.h5", run.last_weights)
    with pytest.raises(RunError, match=r"must hold WRN-10-1.*Received: WRN-16-2"):
        store(run, "synthetic", folder=tmp_path / "models")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"epochs": 50}, r"all 50 epochs.*which has 1"),
        ({"learning_rate": 0.7}, r"the weights were with learning_rate 0\.1"),
    ],
)
def test_settings_that_the_weights_never_had_come_on_no_card(
    run, tmp_path, changed, told
):
    Execution(run).execute()
    config = run.config()
    config = dataclasses.replace(config, train=config.train.replace(**changed))
    run.write_file("config.json", config.to_json().encode())
    with pytest.raises(RunError, match=told):
        store(run, "synthetic", folder=tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_a_folder_that_takes_no_file_is_refused_before_all_is_measured(
    run, tmp_path, monkeypatch
):
    Execution(run).execute()
    monkeypatch.setattr(storing, "evaluate", None)
    folder = tmp_path / "models"
    folder.touch()
    with pytest.raises(RunError, match="models must be writable; WRN_MODELS names"):
        store(run, "synthetic", folder=folder)


def test_the_card_tells_what_was_trained_on_and_what_measured(
    run, tmp_path, monkeypatch
):
    Execution(run).execute()
    other = dataclasses.replace(load_cached("synthetic"), name="Others", note="Few.")
    monkeypatch.setattr(storing, "load_cached", lambda source: other)
    card = store(run, "others", folder=tmp_path / "models")
    (kept,) = list_stored(tmp_path / "models")
    assert (kept.card.data, kept.card.measured_on) == ("Synthetic", "Others")
    assert card["settings"]["data"]["source"] == "Synthetic"
    assert card["held_out"] == "test"
    assert card["note"].startswith("Few. The weights were trained on Synthetic and")


def test_images_of_another_number_of_classes_are_refused(run, tmp_path, monkeypatch):
    Execution(run).execute()
    other = dataclasses.replace(load_cached("synthetic"), class_names=("a", "b"))
    monkeypatch.setattr(storing, "load_cached", lambda source: other)
    with pytest.raises(ConfigError, match=r"2 classes, as in Synthetic\. Received: 10"):
        store(run, "others", folder=tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_the_card_compares_with_the_recipe_as_it_is_now(tmp_path):
    config = small(epochs=1)
    data = dataclasses.replace(config.data, limit=80)
    config = dataclasses.replace(config, data=data).with_recipe(
        "fast", ("momentum: 0.5 → 0.9",)
    )
    run = RunStore(tmp_path / "runs").create(config, "older")
    Execution(run).execute()
    recipe = store(run, "synthetic", folder=tmp_path / "models")["recipe"]
    assert recipe.startswith("fast, with cutout: 8 → 0; ")
    assert "momentum" not in recipe


def test_stored_weights_are_replaced_only_where_asked(run, tmp_path):
    Execution(run).execute()
    folder = tmp_path / "models"
    first = store(run, "synthetic", folder=folder)
    with pytest.raises(ConfigError, match=r"WRN-10-1\.weights\.h5 exists"):
        store(run, "synthetic", folder=folder)
    assert store(run, "synthetic", folder=folder, replace=True) == first
    store(run, "synthetic", folder=folder, name="mine")
    assert [kept.name for kept in list_stored(folder)] == ["WRN-10-1", "mine"]
    (folder / "folder.weights.h5").mkdir()
    with pytest.raises(RunError, match=r"to be replaced\. Received: a folder"):
        store(run, "synthetic", folder=folder, name="folder", replace=True)


def test_names_that_are_no_file_names_are_refused(run, tmp_path):
    Execution(run).execute()
    for name in ("../out", "a/b", ".hidden", "a" * 101):
        with pytest.raises(ConfigError, match="letters, digits"):
            store(run, "synthetic", folder=tmp_path / "models", name=name)
    assert not (tmp_path / "models").exists()


def test_a_run_that_is_not_finished_is_refused(run, tmp_path):
    Execution(run).execute(should_stop=lambda: True)
    with pytest.raises(RunError, match="must be finished"):
        store(run, "synthetic", folder=tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_the_last_weights_are_kept_not_the_best(run, tmp_path):
    Execution(run).execute()
    shutil.copy(models_folder() / "WRN-10-1.weights.h5", run.best_weights)
    store(run, "synthetic", folder=tmp_path / "models")
    (kept,) = list_stored(tmp_path / "models")
    found, expected = (
        load_weights(path).classifier.model.get_weights()
        for path in (kept.path, run.last_weights)
    )
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
