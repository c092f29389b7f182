"""The Runs page, without a browser."""

import dataclasses
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.pages.app_page import (
    buttons,
    chart,
    named_curves,
    open_run,
    text_of,
    values,
)
from tests.training_fakes import (
    CONFIG,
    FakeTraining,
    make_run,
    wait_for,
)
from ui.runs import panel
from wrn.config import DataConfig, ModelConfig, OutputConfig, RunConfig, TrainConfig
from wrn.config.recipes import note
from wrn.jobs import manager
from wrn.runs import Notes, RunStore, Status

pytestmark = pytest.mark.slow


def test_empty_page_says_what_to_do(page):
    page.run()
    assert not page.exception
    assert "There are no runs yet" in text_of(page)
    assert len(page.get("page_link")) == 1


def test_run_of_the_url_is_shown(page):
    folder = make_run("first").teachers_folder
    folder.mkdir()
    (folder / "1.weights.h5").write_bytes(b"teacher")
    make_run("second", "stopped")
    open_run(page, "first")
    assert not page.exception
    assert [s.value for s in page.header] == ["first"]
    accuracies = {m.label: m.value for m in page.metric}
    assert accuracies["Test accuracy"] == "55.00%"
    assert accuracies["Best"] == "60.00%"
    curves = named_curves(chart(page, "curves"))
    assert values(curves["Train", "y"]["x"]) == pytest.approx([0.5, 1, 1.5, 2])
    assert values(curves["Test", "y2"]["y"]) == pytest.approx([0.6, 0.55])
    labels = [button.label for button in page.download_button]
    assert labels == ["Best weights", "Last weights", "Metrics (CSV)"]
    assert page.json[0].value.find('"widen_factor": 1') > 0
    assert str(RunStore().open("first").path.resolve()) in page.code[0].value
    files = list(page.dataframe[1].value["File"])
    assert {"last.weights.h5", str(Path("teachers", "1.weights.h5"))} <= set(files)
    assert "Resume training" not in buttons(page)


def test_curves_are_smoothed_on_request_and_stay_so(page):
    for name in ("first", "second"):
        make_run(name)
    open_run(page, "first")
    plain = chart(page, "curves")["data"]
    page.slider(key="smoothing").set_value(0.5).run()
    page.toggle(key="log_loss").set_value(True).run()
    assert not page.exception
    open_run(page, "second")
    figure = chart(page, "curves")
    assert figure["layout"]["yaxis"]["type"] == "log"
    assert len(figure["data"]) == len(plain) + 4


def test_unknown_run_of_the_url_is_said(page):
    make_run("first")
    open_run(page, "![x](http://example.org/x.png)")
    assert not page.exception
    assert "There is no run called" in page.warning[0].value
    # Nothing of the link is read as markup.
    assert "\\!\\[x\\]" in page.warning[0].value


def test_delete(page):
    run = make_run("first")
    make_run("second")
    open_run(page, "first")
    buttons(page)["Delete"].click().run()
    assert not page.exception
    assert not run.path.exists()
    assert [left.name for left in RunStore().list()] == ["second"]
    assert "run" not in page.query_params
    assert "Deleted first." in text_of(page)
    buttons(page)["Undo"].click().run()
    assert not page.exception
    assert run.path.exists()
    assert "first" in page.query_params["run"]
    assert "Undo" not in buttons(page)


def test_undo_brings_back_what_this_person_deleted(page):
    mine = make_run("first", seconds=11).path
    page.query_params["run"] = "first"
    page.run()
    buttons(page)["Delete"].click().run()
    # Another person makes one of that name, and deletes it.
    make_run("first", seconds=22)
    RunStore().delete("first")
    page.run()
    buttons(page)["Undo"].click().run()
    assert not page.exception
    (restored,) = RunStore().list()
    assert restored.status().seconds == 11
    assert not mine.exists()


def test_last_run_that_was_deleted_can_be_brought_back(page):
    make_run("only")
    RunStore().delete("only")
    page.run()
    assert "There are no runs yet" in text_of(page)
    (option,) = page.selectbox(key="deleted_run").options
    assert re.fullmatch(r"only, deleted \d{4}-\d\d-\d\d \d\d:\d\d", option)
    buttons(page)["Bring back"].click().run()
    assert not page.exception
    assert [run.name for run in RunStore().list()] == ["only"]
    RunStore().delete("only")
    page.run()
    buttons(page)["Remove"].click().run()
    assert not page.exception
    assert not RunStore().deleted()
    assert "Bring back" not in buttons(page)


def test_chosen_run_is_chosen_again_after_another_page(page):
    make_run("first")
    make_run("second")

    def visit_again():
        # What the router does when another page is left.
        page.session_state["visit"] += 1
        page.query_params.clear()
        page.run()

    open_run(page, "second")
    visit_again()
    assert not page.exception
    assert "second" in page.query_params["run"]
    # Within a visit the address alone counts.
    page.query_params.clear()
    page.run()
    assert "run" not in page.query_params
    # What was deleted meanwhile is not asked for.
    open_run(page, "second")
    RunStore().delete("second")
    visit_again()
    assert "run" not in page.query_params
    assert "There is no run" not in text_of(page)


def test_notes_and_archive(page):
    make_run("first")
    make_run("second")
    open_run(page, "first")
    next(box for box in page.text_input if box.label == "Title").set_value("*Mine*")
    next(box for box in page.text_area if box.label == "Text").set_value("Some words")
    next(box for box in page.checkbox if box.label == "Archived").check()
    next(b for b in page.button if b.label == "Save notes").click().run()
    assert not page.exception
    notes = RunStore().open("first").notes()
    assert notes == Notes(title="*Mine*", text="Some words", archived=True)
    (caption,) = (c.value for c in page.caption if "WRN-10-1 on" in c.value)
    assert caption.startswith("\\*Mine\\* · WRN-10-1 on ")
    del page.query_params["run"]
    page.run()
    assert set(page.dataframe[0].value["Run"]) == {"second"}
    page.checkbox(key="runs_archived").check().run()
    assert set(page.dataframe[0].value["Run"]) == {"first", "second"}
    assert set(page.dataframe[0].value["Title"]) == {"*Mine*", ""}


def test_train_again_brings_every_setting(page, monkeypatch):
    config = RunConfig(
        model=ModelConfig(depth=28, widen_factor=3, dropout=0.3),
        data=DataConfig(source="synthetic", limit=123, cutout=4),
        train=TrainConfig(
            epochs=7, milestones=(0.25, 0.5), learning_rate=0.05, averaging=0.5
        ),
        output=OutputConfig(tensorboard=False),
    )
    make_run("first", config=note(config, "fast"))
    open_run(page, "first")
    buttons(page)["Train again with changes"].click().run()
    assert not page.exception
    assert page.title[0].value == "Train"
    assert page.session_state["form"]
    # Only a browser stays there by itself.
    page.switch_page("pages/train.py").run()
    taken = []

    # The one of the process, whose class a test before may have imported anew.
    def submit(config, name):
        taken.append(config)
        return SimpleNamespace(name="next")

    monkeypatch.setattr(manager(), "submit", submit)
    buttons(page)["Start training"].click().run()
    assert not page.exception
    (asked,) = taken
    assert asked == note(config, "fast")


def test_the_last_weights_of_a_run_are_evaluated_from_its_page(page, monkeypatch):
    make_run("first")
    opened = []
    monkeypatch.setattr(
        "ui.runs.details.open_page", lambda *arguments: opened.append(arguments)
    )
    open_run(page, "first")
    page.button(key="evaluate_run").click().run()
    assert opened == [("pages/evaluate.py", {"weights": "first/last"})]
    # On the images that it was trained on: of others it need not know anything.
    assert page.session_state["evaluate_source"] == "synthetic"
    # Where they are gone, on whatever is usual.
    run = RunStore().open("first")
    gone = dataclasses.replace(run.config(), data=DataConfig(source="gone"))
    run.write_file("config.json", gone.to_json().encode())
    page.run()
    page.button(key="evaluate_run").click().run()
    assert page.session_state["evaluate_source"] == "synthetic"
    RunStore().open("first").last_weights.unlink()
    page.run()
    assert page.button(key="evaluate_run").disabled


def test_a_page_that_tells_epochs_is_drawn_anew_with_each(monkeypatch):
    run = make_run("chosen")
    jobs = manager()
    for epoch in (3, 4):
        progress = {"epoch": epoch, "epochs": 9}
        status = dataclasses.replace(run.status(), state="running", progress=progress)
        other = SimpleNamespace(name="other", state="running", status=status)
        monkeypatch.setattr(jobs, "live", lambda other=other: [other])
        seen = [panel._outline(jobs, run, epochs=epochs) for epochs in (False, True)]
        if epoch == 3:
            before = seen
    assert [one == other for one, other in zip(before, seen, strict=True)] == [
        True,
        False,
    ]


def test_networks_of_other_classes_are_trained_again_from_the_command_line(page):
    config = dataclasses.replace(CONFIG, model=CONFIG.model.replace(classes=100))
    make_run("first", config=config)
    open_run(page, "first")
    button = page.button(key="train_again")
    assert button.disabled
    assert "`python -m wrn train --classes 100`" in button.help


def test_the_last_evaluation_is_told(page):
    run = make_run("first")
    told = "Last evaluation: first/last after epoch 7, 90.50% on 1,000 images (*Mine*)"
    open_run(page, "first")
    assert "Last evaluation" not in text_of(page)
    result = {"accuracy": 0.905, "images": 1000, "weights": "first/last"}
    run.write_evaluation(result | {"data": "*Mine*", "flip": True, "epochs": 7})
    page.run()
    assert f"{told}, with test-time flip." in text_of(page)
    # Edited by hand.
    run.write_evaluation({"accuracy": "all", "images": None})
    page.run()
    assert "Last evaluation" not in text_of(page)
    run.write_file("evaluation.json", b"{")
    page.run()
    assert not page.exception
    assert "must have a readable evaluation.json" in text_of(page)


def test_tensorboard_command(page):
    run = make_run("first")
    open_run(page, "first")
    assert not any(code.value.startswith("tensorboard") for code in page.code)
    (run.path / "events.out.tfevents.1.host.2").write_bytes(b"")
    page.run()
    assert any(
        code.value == f"tensorboard --logdir {run.path.resolve()}" for code in page.code
    )


def test_log_and_advice_of_a_failure(page):
    run = make_run("first", "failed", error="It broke.", advice="Try *less*.")
    run.log("a line of the log")
    page.session_state["log_first"] = True
    open_run(page, "first")
    assert not page.exception
    assert "What to try:** Try \\*less\\*\\." in page.error[0].value
    assert any("a line of the log" in code.value for code in page.code)


@pytest.mark.parametrize("state", ["stopped", "failed", "interrupted", "running"])
def test_resume(page, monkeypatch, state):
    # A run that is said to run, while no process owns it, was interrupted.
    training = FakeTraining()
    training.install(monkeypatch)
    make_run("first", state)
    open_run(page, "first")
    shown = "interrupted" if state == "running" else state
    assert any(shown in m.value for m in page.markdown if "badge" in m.value)
    buttons(page)["Resume training"].click().run()
    wait_for(lambda: training.done > 0)
    assert manager().active().name == "first"
    page.run()
    assert not page.exception
    assert "Pause" in buttons(page)
    # Nobody deletes what is being written.
    assert page.get("popover")[-1].proto.popover.disabled


@pytest.mark.parametrize("state", ["running", "queued"])
def test_run_of_another_process_cannot_be_touched(page, state):
    run = make_run("first", state)
    run.acquire()
    try:
        open_run(page, "first")
    finally:
        run.release()
    assert not page.exception
    assert "Another program has this run" in text_of(page)
    assert not {"Resume training", "Pause", "Stop training"} & set(buttons(page))
    # Nothing is prepared where it waits.
    waits = state == "queued"
    assert ("It waits in the queue of another program." in text_of(page)) == waits
    assert bool(page.get("progress")) != waits


def test_why_a_run_failed_is_told_where_its_folder_could_not_be_written(page):
    run = make_run("first", "running")
    made = manager()
    failed = SimpleNamespace(
        live=False, status=Status(state="failed", error="No space left on device")
    )
    made.snapshot = {"first": failed}.get
    try:
        assert run.status().state == "interrupted"
        open_run(page, "first")
        assert not page.exception
        assert "No space left on device" in text_of(page)
    finally:
        del made.snapshot
