"""Options of the command line do what they say, and not more."""

import argparse
import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT
from tests.pages.weights import ANSWER, write_weights
from tests.training_fakes import CONFIG, make_run
from wrn.cli import main
from wrn.cli.output import ProgressBar
from wrn.cli.weights_argument import add_weights, weights_path
from wrn.config import RunConfig
from wrn.data import CLASS_NAMES, sources
from wrn.evaluation import evaluate
from wrn.restoring import load_weights
from wrn.runs import Notes, RunStore
from wrn.training.loop import Progress


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "flip", "precision"),
    [([], False, "float32"), (["--flip"], True, "bfloat16")],
)
def test_evaluate_heeds_flip_and_precision(
    dataset, monkeypatch, capsys, options, flip, precision
):
    monkeypatch.setitem(sources._kept, ("synthetic", "synthetic"), dataset)
    path = ROOT / "models" / "WRN-10-1.weights.h5"
    words = ["evaluate", str(path), "--data", "synthetic", "--quiet", "--json"]
    assert main([*words, "--precision", precision, *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["flip"], found["precision"]) == (flip, precision)
    network = load_weights(path, precision).classifier
    expected = evaluate(network, dataset.test.images, dataset.test.labels, flip=flip)
    assert found["loss"] == pytest.approx(expected.loss, rel=1e-4)


def test_best_weights_are_taken_where_asked(tmp_path):
    run = RunStore(tmp_path).create(RunConfig(), "first")
    for path in (run.last_weights, run.best_weights):
        path.write_bytes(b"")
    parser = argparse.ArgumentParser()
    add_weights(parser)
    words = ["first", "--runs-folder", str(tmp_path)]
    assert weights_path(parser.parse_args(words))[0] == run.last_weights
    assert weights_path(parser.parse_args([*words, "--best"]))[0] == run.best_weights


@pytest.mark.parametrize(("words", "replace"), [([], False), (["--replace"], True)])
def test_stored_weights_are_replaced_only_where_asked(monkeypatch, words, replace):
    asked = []

    def store(run, source, *, name, replace):
        asked.append((run.name, source, name, replace))
        return {"name": "x", "test_accuracy": 0.5, "test_accuracy_flip": 0.5}

    make_run("first")
    monkeypatch.setattr("wrn.stored.storing.store", store)
    monkeypatch.setattr("wrn.cli.runs.start_tensorflow", lambda: None)
    assert (
        main(["store", "first", "--name", "mine", "--data", "synthetic", *words]) == 0
    )
    assert asked == [("first", "synthetic", "mine", replace)]


def test_a_run_resumes_with_no_other_recipe(capsys):
    make_run("first", "stopped", config=CONFIG.with_recipe("fast", ()))
    words = ["train", "--run", "first", "--resume", "--estimate", "--recipe"]
    assert main([*words, "fast"]) == 0
    capsys.readouterr()
    assert main([*words, "paper"]) == 2
    assert "recipe must be fast" in capsys.readouterr().err


def test_notes_and_recipe_are_searched(tmp_path, capsys):
    store = RunStore(tmp_path / "runs")
    for name, recipe in (("one", "fast"), ("two", "paper")):
        store.create(RunConfig().with_recipe(recipe, ()), name)
    store.open("two").write_notes(Notes(text="Too hot\nby far"))

    def listed(search):
        words = ["runs", "--runs-folder", str(store.root), "--json"]
        assert main([*words, "--search", search]) == 0
        return {run["run"] for run in json.loads(capsys.readouterr().out)}

    assert listed("FAST") == {"one"}
    assert listed("too hot") == {"two"}


def test_describe_writes_the_level_asked_for(tmp_path):
    target = tmp_path / "graph.dot"
    words = ["describe", "--depth", "10", "--widen-factor", "1", "--level", "blocks"]
    assert main([*words, "--dot", str(target)]) == 0
    assert "group1_block1" in target.read_text()
    assert "group1_block1_conv1" not in target.read_text()


def test_a_line_an_epoch_where_there_is_no_terminal(capsys):
    shown = [("training", 1), ("testing", 1), ("testing", 1), ("testing", 2)]
    with ProgressBar(quiet=False) as bar:
        for phase, epoch in shown:
            figures = {"steps": 3, "step": 3, "loss": 1.5, "accuracy": 0.25}
            bar.show(Progress(phase=phase, epoch=epoch, epochs=2, **figures))
    told = [line for line in capsys.readouterr().err.splitlines() if line]
    assert told == [f"epoch {n}/2 loss 1.5000 accuracy 25.00%" for n in (1, 2)]


def test_networks_are_compared_in_the_order_asked_for(capsys):
    words = ["describe", "--depth", "16", "--widen-factor", "2"]
    assert main([*words, "--compare", "WRN-22-4"]) == 0
    names, parameters, *_ = capsys.readouterr().out.splitlines()
    assert names.split() == ["WRN-16-2", "WRN-22-4", "ratio"]
    assert parameters.split() == ["Parameters", "691,674", "4,298,970", "6.22"]


@pytest.mark.slow
def test_pictures_are_classified_in_their_order(tmp_path, monkeypatch, capsys):
    path = write_weights(tmp_path / "ours.weights.h5")
    pictures = [str(tmp_path / name) for name in ("b.png", "a.png")]
    for value, picture in zip((10, 200), pictures, strict=True):
        Image.new("RGB", (32, 32), (value,) * 3).save(picture)
    words = ["classify", str(path), *pictures]

    def classify(classifier, images):
        assert [image[0, 0, 0] for image in images] == [10, 200]
        logits = classifier.logits(images)
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        return np.stack([shares[0], np.eye(10)[7]])

    monkeypatch.setattr("wrn.evaluation.explain.classify", classify)
    assert main([*words, "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)["pictures"]
    assert (first["picture"], second["picture"]) == tuple(pictures)
    best = first["top"][0]
    assert best["class"] == CLASS_NAMES[ANSWER]
    assert best["probability"] == pytest.approx(np.e / (np.e + 9), abs=1e-3)
    assert second["top"][0] == {"class": CLASS_NAMES[7], "probability": 1.0}
    assert [len(each["top"]) for each in (first, second)] == [5, 5]
    assert main(words) == 0
    line = next(x for x in capsys.readouterr().out.splitlines() if pictures[1] in x)
    assert f"{CLASS_NAMES[7]} 100.0%" in line


@pytest.mark.parametrize(("options", "asked"), [([], 0), (["--diagnose"], 1)])
def test_a_file_is_diagnosed_and_converted_as_asked(
    tmp_path, monkeypatch, capsys, dataset, options, asked
):
    path = write_weights(tmp_path / "ours.weights.h5")
    found, diagnosed, converted = SimpleNamespace(), [], []

    def diagnose(*given, on_progress):
        diagnosed.append(given)
        return found

    def convert(*given):
        converted.append(given)
        return {
            "name": "x",
            "written": str(given[1]),
            "notes": ["a note"],
            "assumed": ["statistics"],
            "certain": True,
        }

    monkeypatch.setitem(sources._kept, ("synthetic", "synthetic"), dataset)
    monkeypatch.setattr("wrn.evaluation.diagnosis.diagnose", diagnose)
    monkeypatch.setattr("wrn.stored.converting.convert", convert)
    new = tmp_path / "new.weights.h5"
    words = ["convert", str(path), "--out", str(new), "--data", "synthetic", *options]
    assert main([*words, "--quiet"]) == 0
    assert diagnosed == asked * [(path, dataset)]
    assert converted == [(path, new, found if asked else None)]
    hint = "" if asked else "- What the file leaves open was assumed; --diagnose finds"
    told = capsys.readouterr().out
    assert told.startswith(f"x: written to {new}\n- a note\n{hint}")
    assert ("--diagnose" in told) == (not asked)


def test_inspect_tells_each_layer_and_its_shapes(capsys):
    path = ROOT / "models" / "WRN-10-1.weights.h5"
    assert main(["inspect", str(path)]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    # WRN-10-1 as `describe` counts it.
    assert first.startswith("WRN-10-1: 77,850 parameters, 10 classes. ")
    assert any(x.startswith("conv1 ") and x.endswith(" 3x3x3x16") for x in lines)
    assert any(x.startswith("dense ") and x.endswith(" 64x10 10") for x in lines)
