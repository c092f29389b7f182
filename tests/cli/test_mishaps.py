"""What goes wrong around the command line: closed streams, lost files, full disks."""

import dataclasses
import json
import os
import shlex
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.training_fakes import CONFIG, make_run
from wrn.cli import main
from wrn.cli.output import ProgressBar, write
from wrn.errors import RunError
from wrn.jobs import execution
from wrn.jobs.execution import Execution
from wrn.runs import RunStore
from wrn.training.loop import Outcome, Progress

COMPLETE = {
    "phase": "training",
    "epoch": 4,
    "epochs": 4,
    "test_accuracy": 0.55,
    "best_accuracy": 0.6,
}


def snapshot(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def untrainable(monkeypatch):
    """Fail if a training begins."""

    def train(*arguments):
        raise AssertionError("a training has begun")

    monkeypatch.setattr(execution, "train", train)


def test_a_run_that_is_complete_is_told_and_not_touched(capsys, untrainable):
    run = make_run("first", progress=COMPLETE)
    before = snapshot(run.path)
    words = ["train", "--run", "first", "--resume", "--data", "/elsewhere", "--json"]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["finished"] is True
    assert (told["epochs"], told["test_accuracy"], told["seconds"]) == (4, 0.55, 3700)
    assert told["data"] == CONFIG.data.source
    assert snapshot(run.path) == before
    assert not run.is_owned()


@pytest.mark.parametrize(
    ("held_out", "said"), [(0, "4 epochs, accuracy"), (40, "4 epochs, validation acc")]
)
def test_a_training_tells_what_was_measured(capsys, untrainable, held_out, said):
    data = CONFIG.data.replace(validation=held_out)
    config = dataclasses.replace(CONFIG, data=data)
    make_run("first", config=config, progress=COMPLETE)
    words = ["train", "--run", "first", "--resume"]
    assert main(words) == 0
    assert said in capsys.readouterr().out
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["held_out"] == ("validation" if held_out else "test")


def test_a_run_whose_epochs_were_raised_is_not_complete():
    run = make_run("first", progress=COMPLETE | {"epochs": 3})
    assert CONFIG.train.epochs == 4
    assert not run.is_complete()


def test_what_was_trained_is_never_begun_anew(capsys, untrainable):
    run = make_run("first", "stopped")
    run.last_weights.unlink()
    best, metrics = run.best_weights.read_bytes(), run.metrics()
    assert main(["train", "--run", "first", "--resume"]) == 1
    assert "must have its last.weights.h5" in capsys.readouterr().err
    assert (run.best_weights.read_bytes(), run.metrics()) == (best, metrics)


def test_a_training_goes_on_with_images_that_moved(monkeypatch, capsys):
    seen = []

    def train(config, dataset, *others):
        seen.append((config.data.source, dataset))
        raise KeyboardInterrupt

    monkeypatch.setattr(execution, "train", train)
    monkeypatch.setattr(execution, "load_cached", lambda source: f"images of {source}")
    run = make_run("first", "stopped")
    assert main(["train", "--run", "first", "--resume", "--data", "elsewhere"]) == 1
    assert seen == [("elsewhere", "images of elsewhere")]
    # A second Ctrl-C is no failure.
    assert run.status().state == "interrupted"
    assert run.status().error == ""
    assert capsys.readouterr().err.strip() == "wrn: interrupted"


def test_images_that_moved_need_a_checkpoint_that_knows_them(capsys, untrainable):
    run = RunStore().create(CONFIG, "young")
    run.release()
    words = ["train", "--run", "young", "--resume", "--data", "elsewhere"]
    assert main(words) == 1
    assert "must come with a checkpoint" in capsys.readouterr().err


def test_the_way_to_go_on_names_another_folder(monkeypatch, capsys, tmp_path):
    folder = tmp_path / "my runs"
    stopped = Outcome(False, 0, None, None, "")
    monkeypatch.setattr(Execution, "execute", lambda *a, **k: stopped)
    monkeypatch.setattr("wrn.cli.train.start_tensorflow", lambda: None)
    monkeypatch.setattr("wrn.cli.train.catch_signals", list)
    words = ["train", "--run", "one", "--runs-folder", str(folder), "--quiet"]
    assert main([*words, "--devices", "cpu", "--data", "synthetic"]) == 1
    said = capsys.readouterr().err.strip()
    options = f"--runs-folder '{folder}' --devices cpu --data synthetic"
    assert said.endswith(f"--run one --resume {options}")


def test_an_estimate_is_of_the_run_that_resumes(capsys):
    done = len(make_run("first").metrics("epoch"))
    assert main(["train", "--run", "first", "--resume", "--estimate", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["name"], told["epochs_done"]) == (CONFIG.model.name, done)
    assert done > 0
    words = ["train", "--run", "first", "--resume", "--estimate", "--depth", "40"]
    assert main(words) == 2
    assert "depth must be" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("devices", "gpus"), [([], 1), (["--devices", "gpu:0,gpu:1"], 2)]
)
def test_an_estimate_is_for_the_devices_of_the_run_or_for_others(devices, gpus, capsys):
    train = CONFIG.train.replace(devices="gpu:0")
    make_run("first", config=dataclasses.replace(CONFIG, train=train))
    words = ["train", "--run", "first", "--resume", "--estimate", "--json"]
    assert main([*words, *devices]) == 0
    assert json.loads(capsys.readouterr().out)["gpus"] == gpus


def test_one_folder_that_may_not_be_looked_into_hides_no_run(monkeypatch, capsys):
    make_run("first")
    closed = make_run("closed").path
    listdir, open_file = os.listdir, type(closed).read_text

    def refused(path, *arguments):
        raise PermissionError(13, "Permission denied", str(path))

    def listed(path):
        return refused(path) if path == closed else listdir(path)

    def read(path, *arguments):
        return refused(path) if path.parent == closed else open_file(path, *arguments)

    monkeypatch.setattr(os, "listdir", listed)
    monkeypatch.setattr(type(closed), "read_text", read)
    assert main(["runs", "--json"]) == 0
    states = {run["run"]: run["state"] for run in json.loads(capsys.readouterr().out)}
    assert states == {"first": "finished", "closed": "damaged"}


def test_names_that_nobody_chose_never_collide(monkeypatch):
    store = RunStore()
    taken = store.create(CONFIG)
    taken.release()
    names = iter([taken.name, taken.name, "free"])
    monkeypatch.setattr(store, "_free_name", lambda model: next(names))
    run = store.create(CONFIG)
    run.release()
    assert run.name == "free"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("describe --compare WRN-16-4 --dot x.dot", 2, "--compare with --dot"),
        ("describe --compare=", 2, "named by its depth and widen factor"),
        (
            "evaluate models/WRN-10-1.weights.h5 --best",
            2,
            "must come with a run",
        ),
        ("evaluate first --csv .", 1, "Received: a folder"),
        ("evaluate first --html nowhere/x.html", 1, "Received: no such folder"),
        (
            "evaluate models/WRN-10-1.weights.h5 --csv models/WRN-10-1.weights.h5",
            1,
            "must be a file of its own",
        ),
        (
            "evaluate models/WRN-10-1.weights.h5 --csv new --html ./new",
            1,
            "must be a file of its own",
        ),
        ("classify first README.md", 1, "README.md: A picture must be"),
        ("classify first nowhere.png", 1, "nowhere.png: A picture must be"),
        ("train --seed 2147483646", 2, "0 to 2147483645"),
        ("store first --name=", 2, "Received: ''"),
        ("runs --runs-folder README.md", 1, "The runs folder must be a folder."),
        ("runs --compare first --search x", 2, "comes without --archived"),
    ],
)
def test_refusals(words, code, said, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    make_run("first")
    assert main(words.split()) == code
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.out == ""


def test_a_second_network_has_as_many_classes_as_the_first(capsys):
    words = "describe --classes 100 --depth 16 --widen-factor 4 --compare WRN-16-4"
    assert main([*words.split(), "--json"]) == 0
    parameters, *_ = json.loads(capsys.readouterr().out)
    assert parameters["ratio"] == 1


def test_what_the_system_refuses_is_one_sentence(monkeypatch, capsys):
    def full(*arguments):
        raise OSError(28, "No space left on device", "somewhere")

    monkeypatch.setattr(RunStore, "list", full)
    assert main(["runs"]) == 1
    said = capsys.readouterr().err
    assert said == "wrn: No space left on device: somewhere\n"


def test_a_full_disk_leaves_the_file_that_was_there(tmp_path, monkeypatch):
    there, new = tmp_path / "there.csv", tmp_path / "new.csv"
    there.write_text("all of it")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    for path in (there, new):
        with pytest.raises(RunError, match=r"can be written\. Received: No space left"):
            write(path, b"half of")
    assert {path.name for path in tmp_path.iterdir()} == {"there.csv"}
    assert there.read_text() == "all of it"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such device")
def test_a_device_is_written_to_and_not_replaced(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(os.devnull)
    write(link, b"words")
    assert link.is_symlink()
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such shell")
@pytest.mark.parametrize("streams", [">&-", "2>&-", "<&- >&-", "<&- 2>&-"])
def test_closed_streams_are_no_error(streams):
    # What a command does to them before it loads TensorFlow, too.
    code = (
        "import sys; from wrn.cli import main, process; "
        "code = main(['describe']); sys.modules['tensorflow'] = Fake = type(sys)('f'); "
        "Fake.config = Fake; Fake.list_physical_devices = list; "
        "process.start_tensorflow(); sys.exit(code)"
    )
    command = f'{shlex.quote(sys.executable)} -c "{code}" {streams}'
    done = subprocess.run(
        ["sh", "-c", command], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_character_that_cannot_be_shown_is_escaped():
    words = [sys.executable, "-m", "wrn", "describe", "--compare", "WRN-10-1"]
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(words, cwd=ROOT, env=ascii_only, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert rb"\u2013" in done.stdout


def test_a_progress_that_nobody_takes_ends_no_training(monkeypatch):
    class Broken:
        def write(self, text):
            raise BrokenPipeError

        def flush(self):
            raise BrokenPipeError

    with ProgressBar(quiet=False) as bar:
        monkeypatch.setattr(sys, "stderr", Broken())
        bar.show(Progress(phase="testing", epoch=1, epochs=2, steps=3, step=3))


def test_a_package_that_is_missing_is_named():
    # Without site-packages.
    done = subprocess.run(
        [sys.executable, "-S", "-m", "wrn", "describe"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "must be installed, as requirements.txt says" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("signals", [1, 2])
def test_the_first_signal_says_what_happens_the_second_breaks_off(name, signals):
    printed = f"[{int(getattr(signal, name))}]" if signals == 1 else "broken off"
    code = (
        "import os, signal\n"
        "from wrn.cli.process import catch_signals\n"
        # Whoever runs the tests may have turned it off.
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
        "stopped = catch_signals()\n"
        "try:\n"
        f"    for _ in range({signals}): os.kill(os.getpid(), signal.{name})\n"
        "    print(stopped)\n"
        "except KeyboardInterrupt: print('broken off')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout == f"{printed}\n"
    assert "stopping after this step" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_nohup_outlives_its_terminal():
    code = (
        "import os, signal\n"
        "from wrn.cli.process import catch_signals\n"
        "stopped = catch_signals()\n"
        "os.kill(os.getpid(), signal.SIGHUP)\n"
        "print(stopped)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    assert done.stdout == "[]\n"


def test_a_conversion_spares_a_link_that_leads_nowhere(tmp_path, monkeypatch, capsys):
    link = tmp_path / "new.weights.h5"
    link.symlink_to(tmp_path / "gone")
    source = ROOT / "models" / "WRN-10-1.weights.h5"
    assert main(["convert", str(source), "--out", str(link)]) == 1
    assert "which exists" in capsys.readouterr().err
    assert link.is_symlink()


def test_a_read_only_folder_is_refused_before_the_evaluation(
    tmp_path, monkeypatch, capsys
):
    # Nothing is read-only to the superuser, as whom these tests may run.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    source = str(ROOT / "models" / "WRN-10-1.weights.h5")
    page = tmp_path / "page.html"
    assert main(["evaluate", source, "--html", str(page)]) == 1
    assert "page.html must be a file that can be written" in capsys.readouterr().err
