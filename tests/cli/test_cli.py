"""The command line, called as other programs call it."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT
from wrn.cli import main
from wrn.cli.weights_argument import add_weights, weights_path
from wrn.config import ModelConfig, RunConfig, TrainConfig
from wrn.errors import RunError
from wrn.runs import Notes, RunStore

TRAIN = [
    *("train", "--depth", "10", "--widen-factor", "1", "--data", "synthetic"),
    *("--limit", "400", "--batch-size", "50", "--precision", "float32"),
    "--no-save-plot",
]


def wrn(*arguments):
    """Run `python -m wrn` and return the finished process."""
    return subprocess.run(
        [sys.executable, "-m", "wrn", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )


def test_describe_prints_json(capsys):
    assert main(["describe", "--depth", "16", "--widen-factor", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["name"] == "WRN-16-2"
    assert found["parameters"] == 691_674
    assert found["receptive_field"] == 53
    assert found["multiply_adds"] == 101_106_944
    assert found["layers"][0]["name"] == "input"
    assert [row["test_error"] for row in found["published"]] == [0.0631]


def test_describe_writes_dot(tmp_path, capsys):
    target = tmp_path / "graph.dot"
    arguments = ["describe", "--depth", "10", "--widen-factor", "1", "--dot", target]
    assert main(list(map(str, arguments))) == 0
    assert "group1_block1_conv1" in target.read_text()


def test_describe_shows_a_table(capsys):
    assert main(["describe", "--depth", "10", "--widen-factor", "1"]) == 0
    shown = capsys.readouterr().out
    assert "group3_block1_shortcut" in shown
    assert "77,850 parameters" in shown
    assert "Published" not in shown
    assert main(["describe", "--depth", "40", "--widen-factor", "4"]) == 0
    shown = capsys.readouterr().out
    assert "Published test error: 4.53% (arXiv:1605.07146, Table 5" in shown


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["describe", "--depth", "17"], 2, "depth must be 6n + 4"),
        (["describe", "--depth", "many"], 2, "depth must be a whole number"),
        (["describe", "--dropout", "1"], 2, "below 1"),
        (["train", "--resume"], 2, "--run NAME"),
        (["train", "--run", "nowhere", "--resume"], 1, "nowhere"),
        (["train", "--run", "../up"], 1, "A run's name"),
        (["evaluate", "nowhere"], 1, "nowhere"),
        (["inspect", "nowhere.h5"], 1, "nowhere.h5"),
        (["dance"], 2, "dance"),
        (["train", "mine"], 2, "arguments: mine. Try: python -m wrn train --help"),
        ([], 2, "COMMAND"),
    ],
)
def test_errors_are_told_without_a_traceback(arguments, code, words, capsys):
    assert main(arguments) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert words in shown.err
    assert "Traceback" not in shown.err


def test_inspect_refuses_what_is_no_weight_file(tmp_path, capsys):
    path = tmp_path / "photo.h5"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    assert main(["inspect", str(path), "--json"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 1


def test_help_needs_no_tensorflow():
    script = (
        "import sys; from wrn.cli import main; code = main(['train', '--help']);"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules;"
        "sys.exit(code)"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
    assert "--weight-decay" in found.stdout
    assert "--no-flip" in found.stdout


@pytest.mark.slow
def test_train_evaluate_inspect_runs(tmp_path):
    done = wrn(*TRAIN, "--epochs", 2, "--run", "first", "--json")
    assert done.returncode == 0, done.stderr
    trained = json.loads(done.stdout)
    assert trained["finished"]
    assert trained["name"] == "WRN-10-1"

    done = wrn(
        "evaluate",
        "first",
        "--data",
        "synthetic",
        "--limit",
        400,
        "--json",
        "--precision",
        "float32",
    )
    assert done.returncode == 0, done.stderr
    evaluated = json.loads(done.stdout)
    assert evaluated["accuracy"] == trained["test_accuracy"]
    assert evaluated["images"] == 400
    assert sum(map(sum, evaluated["confusion"])) == 400
    low, high = evaluated["interval"]
    assert low < evaluated["accuracy"] < high
    assert RunStore().open("first").evaluation()["accuracy"] == evaluated["accuracy"]

    done = wrn("inspect", trained["weights"], "--json")
    assert done.returncode == 0, done.stderr
    inspected = json.loads(done.stdout)
    assert (inspected["depth"], inspected["widen_factor"]) == (10, 1)
    assert inspected["classes"] == 10

    listed = json.loads(wrn("runs", "--json").stdout)
    assert [(run["run"], run["state"]) for run in listed] == [("first", "finished")]
    assert listed[0]["accuracy"] == trained["test_accuracy"]


def test_run_is_named_by_its_folder_too(tmp_path):
    for folder in ("here", "backup"):
        run = RunStore(tmp_path / folder).create(RunConfig(), "first")
        run.write_file(run.last_weights.name, b"")
    parser = argparse.ArgumentParser()
    add_weights(parser)

    def found(weights):
        words = [weights, "--runs-folder", str(tmp_path / "here")]
        return weights_path(parser.parse_args(words))[0]

    assert found("first") == tmp_path / "here" / "first" / "last.weights.h5"
    backup = tmp_path / "backup" / "first"
    assert found(str(backup)) == backup / "last.weights.h5"
    with pytest.raises(RunError, match="a weight file or"):
        found(str(tmp_path / "backup" / "second"))


def test_metrics_edited_by_hand_hide_no_run(tmp_path, capsys):
    store = RunStore(tmp_path / "runs")
    for name, accuracy in (("odd", "much"), ("even", 0.5)):
        run = store.create(RunConfig(), name)
        run.record({"kind": "epoch", "epoch": 1, "test_accuracy": accuracy})
    assert main(["runs", "--runs-folder", str(store.root)]) == 0
    listed = capsys.readouterr().out
    assert "odd" in listed
    assert "50.00%" in listed


def test_archived_runs_are_listed_where_asked(tmp_path, capsys):
    store = RunStore(tmp_path / "runs")
    store.create(RunConfig(), "old").write_notes(Notes(title="First", archived=True))
    arguments = ["runs", "--runs-folder", str(store.root)]

    def listed(*more):
        assert main([*arguments, *more]) == 0
        return capsys.readouterr().out

    assert "are archived" in listed()
    assert listed("--json") == "[]\n"
    store.create(RunConfig(), "new")
    assert "new" in listed()
    assert "old" not in listed()
    assert "old" in listed("--archived")
    titles = {
        run["run"]: run["title"] for run in json.loads(listed("--archived", "--json"))
    }
    assert titles == {"old": "First", "new": ""}


def test_runs_are_searched(tmp_path, capsys):
    store = RunStore(tmp_path / "runs")
    for name, depth in (("one", 10), ("two", 16), ("three", 16)):
        # Left before it began: interrupted.
        store.create(RunConfig(model=ModelConfig(depth=depth)), name).release()
    store.open("two").write_notes(Notes(title="A Baseline"))
    (store.root / "three" / "config.json").write_text("{")
    arguments = ["runs", "--runs-folder", str(store.root)]

    def listed(*more):
        assert main([*arguments, "--json", *more]) == 0
        return {run["run"] for run in json.loads(capsys.readouterr().out)}

    assert listed() == {"one", "two", "three"}
    assert listed("--search", "baseLINE ") == {"two"}
    assert listed("--search", "wrn-10-") == {"one"}
    assert listed("--state", "damaged") == {"three"}
    both = ("--state", "damaged", "interrupted", "--search", "o")
    assert listed(*both) == {"one", "two"}
    assert listed("--state", "finished") == set()
    assert main([*arguments, "--search", "nothing"]) == 0
    assert "matches" in capsys.readouterr().out
    assert main([*arguments, "--state", "lost"]) == 2


def test_runs_are_compared(tmp_path, capsys):
    store = RunStore(tmp_path / "runs")
    for name, epochs in (("one", 3), ("two", 4)):
        store.create(RunConfig(train=TrainConfig(epochs=epochs)), name)
    arguments = ["runs", "--runs-folder", str(store.root), "--compare", "one", "two"]
    assert main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {"train.epochs": {"one": 3, "two": 4}}
    assert main([*arguments, "three"]) == 1
    assert "three" in capsys.readouterr().err
    for named in ("one", "one", "one"), ("one",):
        assert main([*arguments[:-2], *named]) == 2
        assert "two runs or more. Received: one" in capsys.readouterr().err


def start(*arguments, records=13, command=None):
    """Start a training in the background and wait for its curve's n-th record."""
    process = subprocess.Popen(
        [sys.executable, "-m", "wrn", *(command or TRAIN), *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    metrics = Path(os.environ["WRN_HOME"]) / "broken" / "metrics.jsonl"
    deadline = time.monotonic() + 120
    try:
        while not metrics.exists() or metrics.read_bytes().count(b"\n") < records:
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.02)
    except BaseException:
        # Left running, it would fail whichever test comes next.
        process.kill()
        process.communicate()
        raise
    return process


@pytest.mark.slow
def test_killed_training_is_interrupted_and_resumes_to_the_same_end():
    whole = wrn(*TRAIN, "--epochs", 4, "--run", "whole", "--json")
    assert whole.returncode == 0, whole.stderr

    process = start("--epochs", "4", "--run", "broken")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert RunStore().open("broken").status().state == "interrupted"

    # It may go on elsewhere: the devices are the one setting that may differ.
    resumed = wrn(
        *("train", "--run", "broken", "--resume", "--devices", "cpu:0", "--json")
    )
    assert resumed.returncode == 0, resumed.stderr
    store = RunStore()
    assert store.open("broken").status().state == "finished"
    metrics = [store.open(n).path / "metrics.jsonl" for n in ("whole", "broken")]
    assert metrics[0].read_bytes() == metrics[1].read_bytes()
    from tests.trainings import assert_same_arrays

    assert_same_arrays(
        store.open("whole").last_weights, store.open("broken").last_weights
    )


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_killed_at_random_moments_ends_like_uninterrupted(seed):
    """Again and again, each time further on than before, until it is through."""
    settings = ("--epochs", 5, "--averaging", 0.9, "--first-size", 24, "--dropout", 0.1)
    whole = wrn(*TRAIN, *settings, "--run", "whole", "--json")
    assert whole.returncode == 0, whole.stderr
    records = len(RunStore().open("whole").metrics())

    random = np.random.default_rng(seed)
    moments = sorted(random.choice(np.arange(1, records), 4, replace=False).tolist())
    command = (*TRAIN, *map(str, settings))
    for moment in moments:
        process = start("--run", "broken", records=moment, command=command)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        command = ("train", "--resume")
    resumed = wrn("train", "--run", "broken", "--resume", "--json")
    assert resumed.returncode == 0, resumed.stderr
    metrics = [RunStore().open(n).path / "metrics.jsonl" for n in ("whole", "broken")]
    assert metrics[0].read_bytes() == metrics[1].read_bytes()
    from tests.trainings import assert_same_arrays

    assert_same_arrays(
        *(RunStore().open(name).last_weights for name in ("whole", "broken"))
    )


@pytest.mark.slow
def test_ctrl_c_saves_and_says_how_to_go_on():
    process = start("--epochs", "100", "--run", "broken")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "--run broken --resume" in errors
    assert "Traceback" not in errors
    assert RunStore().open("broken").status().state == "stopped"

    refused = wrn("train", "--run", "broken", "--resume", "--depth", 16)
    assert refused.returncode == 2
    assert "depth must be 10" in refused.stderr


def test_estimate_tells_time_and_memory_and_starts_nothing(capsys):
    arguments = ["train", "--estimate", "--depth", "10", "--widen-factor", "1"]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert "WRN-10-1: Time not known yet on this device · about 1." in shown
    assert "python -m wrn train --measure" in shown
    RunStore().write_measured_speed(
        "auto",
        {
            "multiply_adds_per_second": 1e10,
            "device": "No GPU found: computing on the CPU, in float32.",
            "updated": 1e9,
        },
    )
    assert main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["name"] == "WRN-10-1"
    assert found["precision"] == "float32"
    assert found["seconds"] == pytest.approx(200 * found["seconds_per_epoch"])
    assert found["memory_bytes"] > 1e9
    assert RunStore().list() == []


@pytest.mark.slow
def test_estimate_asks_no_other_machine(capsys, monkeypatch):
    """A worker that is not the chief would wait for the chief's settings."""
    task = {"type": "worker", "index": 1}
    workers = {"cluster": {"worker": ["a:1", "b:1"]}, "task": task}
    monkeypatch.setenv("TF_CONFIG", json.dumps(workers))
    assert main(["train", "--estimate", "--depth", "10"]) == 0
    assert "of memory" in capsys.readouterr().out


@pytest.mark.slow
def test_measure_keeps_the_speed_for_later_estimates(capsys):
    done = wrn("train", "--measure", "--depth", "10", "--precision", "float32")
    assert done.returncode == 0, done.stderr
    assert " per epoch, " in done.stdout
    assert "a measurement of this device" in done.stdout
    assert list(RunStore().measured_speeds()) == ["float32"]
    assert RunStore().list() == []
