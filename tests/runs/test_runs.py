import errno
import os
import shutil
from dataclasses import replace
from datetime import datetime

import h5py
import pytest

from wrn.config import ModelConfig, RunConfig
from wrn.errors import RunError
from wrn.files import UNFINISHED
from wrn.runs import Notes, Run, RunStore
from wrn.weights import save


def test_root_is_named_by_the_environment(tmp_path):
    assert RunStore().root == tmp_path / "runs"


def test_created_run_can_be_read_back(store):
    config = RunConfig()
    run = store.create(config, "first")
    assert store.open("first").config() == config
    assert store.open("first").status().state == "queued"
    assert [r.name for r in store.list()] == ["first"]
    assert run.metrics() == []
    assert run.evaluation() is None


def test_names_come_from_network_and_time_and_never_collide(store):
    names = {store.create(RunConfig()).name for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("WRN-28-10_20") for name in names)


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "", ".hidden", "a" * 101, "x y", "a\0b", "/etc"]
)
def test_names_cannot_leave_the_folder(store, name):
    with pytest.raises(RunError, match="A run's name"):
        store.open(name)
    with pytest.raises(RunError, match="A run's name"):
        store.create(RunConfig(), name)


def test_taken_name_is_refused(store):
    waiting = store.create(RunConfig(), "twice")
    with pytest.raises(RunError, match="twice, which exists"):
        store.create(RunConfig(), "twice")
    assert waiting.status().state == "queued"


@pytest.mark.parametrize("state", ["failed", "running"])
def test_run_that_ended_before_its_first_step_makes_way_for_another_try(store, state):
    """A run that nobody trains any more was interrupted, whatever it says."""
    ended = store.create(RunConfig(), "again")
    ended.write_status(replace(ended.status(), state=state))
    ended.release()
    wider = RunConfig(model=ModelConfig(widen_factor=4))
    assert store.create(wider, "again").config() == wider
    assert list(store.deleted()) == ["again"]


def _steps(run):
    run.record({"kind": "step", "epoch": 1, "step": 1})


def _keeps_weights(run):
    run.write_file(run.last_weights.name, b"weights")


def _damages_its_status(run):
    (run.path / "status.json").write_text("{")


@pytest.mark.parametrize(
    ("state", "what_happens"),
    [
        ("failed", _steps),
        ("failed", _keeps_weights),
        ("failed", _damages_its_status),
        ("interrupted", _steps),
        ("stopped", lambda run: None),
    ],
)
def test_run_that_holds_anything_keeps_its_name(store, state, what_happens):
    run = store.create(RunConfig(), "kept")
    run.write_status(replace(run.status(), state=state))
    what_happens(run)
    run.release()
    with pytest.raises(RunError, match="kept, which exists"):
        store.create(RunConfig(), "kept")


@pytest.mark.parametrize("left", [(), (".lock",), (".lock", "config.json")])
def test_what_a_kill_left_of_a_new_run_blocks_no_name(store, left):
    def leave(name):
        run = store.create(RunConfig(), name)
        run.release()
        for path in run.path.iterdir():
            if path.name not in left:
                path.unlink()

    leave("half")
    store.create(RunConfig(), "half").release()
    store.delete("half")
    leave("half")
    assert store.restore("half").status().state == "interrupted"


def test_a_run_that_is_being_made_keeps_its_name(store):
    run = store.create(RunConfig(), "new")
    (run.path / "status.json").unlink()
    with pytest.raises(RunError, match="new, which exists"):
        store.create(RunConfig(), "new")


def test_files_that_an_editor_gave_a_mark_of_their_encoding_are_read(store):
    run = store.create(RunConfig(), "edited")
    for name in ("config.json", "status.json"):
        path = run.path / name
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert run.config() == RunConfig()
    assert run.status().state == "queued"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a full device")
@pytest.mark.parametrize(
    "write",
    [
        lambda run: run.record({"kind": "step"}),
        lambda run: run.write_file("metrics.jsonl", b"new"),
    ],
)
def test_an_error_of_writing_names_the_file(store, monkeypatch, write):
    run = store.create(RunConfig(), "full")
    opened = type(run.path).open

    def full(path, mode="r", **options):
        return opened(path.with_name("full"), mode.replace("+", ""), **options)

    (run.path / "full").symlink_to("/dev/full")
    monkeypatch.setattr("pathlib.Path.open", full)
    monkeypatch.setattr("os.fsync", lambda file: None)
    with pytest.raises(OSError, match="No space left") as caught:
        write(run)
    assert caught.value.filename == str(run.path / "metrics.jsonl")


@pytest.mark.parametrize("rest", ["", '\n{"kind": "st'])
def test_records_after_a_line_without_its_end_are_not_lost(store, rest):
    run = store.create(RunConfig(), "edited")
    path = run.path / "metrics.jsonl"
    for step in (1, 2):
        run.record({"kind": "step", "step": step})
        path.write_text(path.read_text().rstrip() + rest)
    run.record({"kind": "step", "step": 3})
    assert [record["step"] for record in run.metrics()] == [1, 2, 3]


class _Network:
    """As much of a network as has its weights saved."""

    weights = ()

    def save_weights(self, path):
        h5py.File(path, "w").close()


def test_what_a_kill_left_half_written_is_removed(store, monkeypatch):
    run = store.create(RunConfig(), "killed")
    names = {path.name for path in run.path.iterdir()}
    with monkeypatch.context() as patch:
        # Nothing is put in its place any more, nor cleaned up.
        for place in ("wrn.weights.writer.os.replace", "pathlib.Path.unlink"):
            patch.setattr(place, lambda *_, **__: None)
        save(run.last_weights, _Network(), {})
        run.write_notes(Notes(title="being written"))
    (run.path / f"{UNFINISHED}teachers").mkdir()
    (run.path / f"{UNFINISHED}teachers" / "1.weights.h5").touch()
    left = {path.name for path in run.path.iterdir()} - names
    assert len(left) == 3
    run.sweep()
    (kept,) = {path.name for path in run.path.iterdir()} - names
    assert "being written" in (run.path / kept).read_text()


def test_folders_with_names_that_no_run_may_have_are_told(store):
    run = store.create(RunConfig(), "first")
    for name in ("with spaces", "🦊", ".hidden"):
        shutil.copytree(run.path, store.root / name)
    (store.root / "not one").mkdir()
    assert [each.name for each in store.list()] == ["first"]
    assert store.misnamed() == ["with spaces", "🦊"]


def test_folder_that_is_a_file_is_refused(tmp_path):
    root = tmp_path / "runs"
    root.write_text("no folder")
    with pytest.raises(RunError, match=r"runs folder .*runs must be writable"):
        RunStore(root).create(RunConfig(), "first")


def test_run_that_cannot_be_written_leaves_no_folder_behind(store, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("wrn.runs.run.replace_file", full)
        with pytest.raises(RunError, match=r"must be writable.*No space left"):
            store.create(RunConfig(), "first")
    assert not (store.root / "first").exists()
    store.create(RunConfig(), "first")


def test_an_interrupted_start_leaves_no_folder_behind(store, monkeypatch):
    def interrupted(path, content):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("wrn.runs.run.replace_file", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.create(RunConfig(), "first")
    assert not (store.root / "first").exists()


def test_run_in_a_folder_that_cannot_be_written_is_refused_in_words(store, monkeypatch):
    run = store.create(RunConfig(), "copied")
    run.release()

    def refused(*arguments, **options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("wrn.runs.run.FileLock.acquire", refused)
    for work in (run.acquire, lambda: store.delete("copied")):
        with pytest.raises(RunError, match=r"run copied must be writable.*denied"):
            work()


def test_missing_run_is_refused(store):
    with pytest.raises(RunError, match="Received: nowhere"):
        store.open("nowhere")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff\xfe", b'{"model": {"depth": 17}}', b"[" * 99999],
)
def test_damaged_config_is_told_in_words(store, content):
    run = store.create(RunConfig(), "damaged")
    (run.path / "config.json").write_bytes(content)
    with pytest.raises(
        RunError, match=r"Run damaged must have a readable config\.json"
    ):
        run.config()
    assert [r.name for r in store.list()] == ["damaged"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"state": "dancing"}',
        '{"state": "finished", "surprise": 1}',
        '{"state": "finished", "seconds": "long"}',
        '{"state": ["finished"]}',
        '{"state": "finished", "seconds": NaN}',
        '{"state": "finished", "seconds": 1e999}',
        '{"state": "finished", "updated": true}',
        '{"state": "failed", "advice": 5}',
    ],
)
def test_damaged_status_is_told_in_words(store, content):
    run = store.create(RunConfig(), "damaged")
    (run.path / "status.json").write_text(content)
    with pytest.raises(RunError, match=r"status\.json"):
        run.status()


def test_half_written_and_foreign_lines_of_metrics_are_left_out(store):
    run = store.create(RunConfig(), "metrics")
    run.record({"kind": "step", "step": 1})
    run.record({"kind": "epoch", "epoch": 1})
    with (run.path / "metrics.jsonl").open("ab") as file:
        file.write(b'"text"\n\xff\n{"kind": "st')
    assert run.metrics() == [{"kind": "step", "step": 1}, {"kind": "epoch", "epoch": 1}]
    assert run.metrics("epoch") == [{"kind": "epoch", "epoch": 1}]


def test_rewind_keeps_the_first_records(store):
    run = store.create(RunConfig(), "rewind")
    for step in range(5):
        run.record({"step": step})
    path = run.path / "metrics.jsonl"
    # As an editor may leave it.
    path.write_text("\n" + path.read_text().replace("\n", "\n \n"))
    run.rewind(3)
    assert [r["step"] for r in run.metrics()] == [0, 1, 2]
    with pytest.raises(RunError, match="4 records"):
        run.rewind(4)


def test_metrics_are_what_the_file_holds_however_it_came_to(store):
    run = store.create(RunConfig(), "growing")
    path = run.path / "metrics.jsonl"

    def epochs():
        return [record["epoch"] for record in run.metrics()]

    run.record({"kind": "epoch", "epoch": 1})
    assert epochs() == [1]
    run.record({"kind": "epoch", "epoch": 2})
    assert epochs() == [1, 2]
    with path.open("a") as file:
        file.write('{"kind": "epoch", "ep')
    assert epochs() == [1, 2]
    with path.open("a") as file:
        file.write('och": 3}')
    # Whole but for the end of its line; it must not count twice later.
    assert epochs() == [1, 2, 3]
    with path.open("a") as file:
        file.write("\n[4]\nnothing\n")
    assert epochs() == [1, 2, 3]
    # Changed in the middle, by hand.
    path.write_text(path.read_text().replace('"epoch": 2', '"epoch": 9'))
    assert epochs() == [1, 9, 3]
    run.rewind(1)
    assert epochs() == [1]
    path.unlink()
    assert epochs() == []


def test_halves_of_characters_are_replaced(store):
    # JSON can hold them, and no page, file or terminal can show them.
    run = store.create(RunConfig(), "odd")
    half = '"caf\\udce9"'
    files = {
        "notes.json": f'{{"title": {half}, "text": {half}}}',
        "status.json": f'{{"state": "failed", "error": {half}, "device": {half}}}',
        "evaluation.json": f'{{"weights": {half}, "notes": [{half}]}}',
        "config.json": f'{{"recipe": {{"name": {half}, "changed": [{half}]}}}}',
    }
    for name, content in files.items():
        (run.path / name).write_text(content)
    (run.path / "metrics.jsonl").write_text(f'{{"kind": "step", "note": {half}}}\n')
    assert run.metrics() == [{"kind": "step", "note": "caf?"}]
    assert vars(run.notes()) == {"title": "caf?", "text": "caf?", "archived": False}
    assert (run.status().error, run.status().device) == ("caf?", "caf?")
    assert run.evaluation() == {"weights": "caf?", "notes": ["caf?"]}
    assert (run.config().recipe, run.config().changed) == ("caf?", ("caf?",))


def test_log_has_a_line_a_time(store):
    run = store.create(RunConfig(), "logged")
    assert run.log_tail(10) == ""
    for number in range(30):
        run.log(f"line {number}\nof two")
    lines = run.log_tail(10).splitlines()
    assert len(lines) == 10
    moment, _, text = lines[-1].partition("  ")
    assert text == "line 29 of two"
    datetime.strptime(moment, "%Y-%m-%d %H:%M:%S")
    # A file's name that is no UTF-8, as Python tells it.
    run.log("There is no t\udcff.h5")
    assert run.log_tail(1).endswith(r"There is no t\udcff.h5")


def test_notes_round_trip(store):
    run = store.create(RunConfig(), "noted")
    assert run.notes() == Notes()
    notes = Notes(title="A title", text="two\nlines", archived=True)
    run.write_notes(notes)
    assert Run(run.path).notes() == notes


@pytest.mark.parametrize("content", ["", "[]", '{"title": 3, "archived": "yes"}'])
def test_notes_edited_by_hand_count_as_none(store, content):
    run = store.create(RunConfig(), "noted")
    (run.path / "notes.json").write_text(content)
    assert run.notes() == Notes()


def test_other_folders_are_no_runs(store):
    store.create(RunConfig(), "run")
    (store.root / "notes").mkdir()
    (store.root / "file").write_text("x")
    assert [r.name for r in store.list()] == ["run"]


def test_evaluation_round_trips(store):
    run = store.create(RunConfig(), "evaluated")
    run.write_evaluation({"accuracy": 0.5})
    assert Run(run.path).evaluation() == {"accuracy": 0.5}


def test_runs_are_listed_newest_first(store):
    for name, made in (("b", 2e9), ("c", 3e9), ("a", 1e9)):
        run = store.create(RunConfig(), name)
        os.utime(run.path / "config.json", (made, made))
    assert [run.name for run in store.list()] == ["c", "b", "a"]
