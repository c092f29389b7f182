"""The Train page, without a browser, with a training that only obeys."""

import dataclasses
import sys

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.conftest import ROOT
from tests.training_fakes import (
    CONFIG,
    DEVICE,
    FakeTraining,
    chart,
    make_run,
    named_curves,
    text_of,
    values,
    wait_for,
)
from ui import speed_measuring
from wrn import estimate
from wrn.data import CLASS_NAMES, sources
from wrn.jobs import manager
from wrn.runs import RunStore

pytestmark = pytest.mark.slow


@pytest.fixture
def page() -> AppTest:
    app = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=60).run()
    return app.switch_page("pages/train.py")


@pytest.fixture
def training(monkeypatch) -> FakeTraining:
    fake = FakeTraining()
    fake.install(monkeypatch)
    return fake


def buttons(page: AppTest) -> dict[str, object]:
    return {button.label: button for button in page.button}


def metrics(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


def badges(page: AppTest) -> str:
    return " ".join(m.value for m in page.markdown if "badge" in m.value)


def start(page: AppTest, training: FakeTraining) -> None:
    page.run()
    page.selectbox(key="train_source").set_value("synthetic")
    buttons(page)["Start training"].click().run()
    wait_for(lambda: training.done > 1)
    page.run()


def state() -> str:
    (run,) = RunStore().list()
    return run.status().state


def test_first_visit_says_what_to_do(page):
    page.run()
    assert not page.exception
    assert "Nothing has been trained yet" in text_of(page)
    assert not buttons(page)["Start training"].disabled
    # The network that Architecture opens with; the training of the paper.
    assert page.select_slider(key="depth").value == 16
    assert page.slider(key="widen_factor").value == 2
    assert page.number_input(key="train_paper_epochs").value == 200
    assert page.number_input(key="train_paper_batch_size").value == 128


def test_network_chosen_on_architecture_is_taken(page):
    page.switch_page("pages/architecture.py").run()
    page.select_slider(key="depth").set_value(28)
    page.slider(key="widen_factor").set_value(10).run()
    page.switch_page("pages/train.py").run()
    assert page.select_slider(key="depth").value == 28
    assert page.slider(key="widen_factor").value == 10


def test_schedule_is_drawn_before_the_start(page):
    page.run()
    rates = values(chart(page, "schedule")["data"][0]["y"])
    # The paper: 0.1, times 0.2 at epochs 60, 120 and 160 of 200.
    assert np.unique(rates) == pytest.approx([0.0008, 0.004, 0.02, 0.1])
    assert chart(page, "schedule")["layout"]["xaxis"]["range"] == [0, 200]
    page.selectbox(key="train_paper_schedule").set_value("constant").run()
    rates = values(chart(page, "schedule")["data"][0]["y"])
    assert np.unique(rates) == pytest.approx([0.1])


def test_recipe_brings_its_settings_and_says_how_images_grow(page):
    page.run()
    assert "Images grow" not in text_of(page)
    page.selectbox(key="recipe").set_value("fast").run()
    assert not page.exception
    assert page.number_input(key="train_fast_epochs").value == 80
    assert page.selectbox(key="train_fast_schedule").value == "one-cycle"
    # Half of 32 epochs each for 24 and 28 pixels; then all.
    assert (
        "Images grow: 24 pixels from epoch 1, 28 pixels from epoch 17, 32 pixels from "
        "epoch 33." in text_of(page)
    )
    # A peak after a quarter of the steps.
    rates = values(chart(page, "schedule")["data"][0]["y"])
    assert rates.max() == pytest.approx(0.2)
    assert rates.argmax() == pytest.approx(len(rates) / 4, abs=3)
    page.selectbox(key="train_fast_first_size").set_value(32).run()
    assert "Images grow" not in text_of(page)
    assert "first_size: 24 → 32" in text_of(page)


def test_images_that_are_not_here_yet_are_not_fetched_for_samples(
    page, tmp_path, monkeypatch
):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    page.run()
    assert page.selectbox(key="train_source").value == "cifar10"
    assert "CIFAR-10 is not on this machine yet" in text_of(page)
    assert "Show samples" not in buttons(page)


@pytest.fixture
def small_source(monkeypatch, dataset) -> None:
    """Let the source `synthetic` be 200 images, drawn at once."""
    monkeypatch.setattr(sources.synthetic, "draw", lambda on_progress: dataset)
    monkeypatch.setattr(sources, "_kept", {})
    st.cache_data.clear()


def pictures(page: AppTest) -> list[str]:
    return [image.proto.imgs[0].alt for image in page.get("image")]


def test_samples_are_shown_when_asked_for_and_follow_the_settings(page, small_source):
    page.run()
    page.selectbox(key="train_source").set_value("synthetic").run()
    assert "Show samples" in buttons(page)
    assert pictures(page) == []
    buttons(page)["Show samples"].click().run()
    assert not page.exception
    first = pictures(page)
    assert len(first) == 16
    assert set(first) <= set(CLASS_NAMES)
    # From now on they cost nothing: no button, and other settings show others.
    page.number_input(key="train_paper_seed").set_value(1).run()
    assert "Show samples" not in buttons(page)
    assert len(pictures(page)) == 16
    assert pictures(page) != first
    page.selectbox(key="recipe").set_value("fast").run()
    assert "shrunk to 24×24 pixels" in text_of(page)


def test_a_source_that_is_not_there_is_said_in_a_sentence(page, monkeypatch):
    monkeypatch.setenv("WRN_DATA", "/nowhere")
    page.run()
    buttons(page)["Show samples"].click().run()
    assert not page.exception
    (error,) = page.error
    assert "neither a known name nor an existing path" in error.value


def test_too_many_validation_images_are_said_in_a_sentence(page, small_source):
    page.run()
    page.selectbox(key="train_source").set_value("synthetic")
    page.number_input(key="data_paper_validation").set_value(200).run()
    buttons(page)["Show samples"].click().run()
    assert not page.exception
    (error,) = page.error
    assert error.value.startswith("validation must leave some")


def test_time_and_memory_are_told_before_the_start(page):
    config = CONFIG.model.replace(depth=16, widen_factor=2)
    run = make_run("past", config=dataclasses.replace(CONFIG, model=config))
    run.record_speed({"epoch": 1, "seconds": 1.0, "images_per_second": 500.0})
    page.run()
    # 390 batches of 128 images at 500 a second, and a third of it for 10,000.
    assert "About 1 min 47 s per epoch, 5 h 55 min in all · about 1." in text_of(page)
    assert "the speed of run past on this device" in text_of(page)
    page.number_input(key="train_paper_epochs").set_value(2).run()
    assert "1 min 47 s per epoch, 3 min 33 s in all" in text_of(page)


def test_device_without_a_past_can_be_measured(page, monkeypatch):
    measured = {"multiply_adds_per_second": 1e11, "device": DEVICE, "updated": 1e9}
    code = (
        "from wrn.runs import RunStore\n"
        f"RunStore().write_measured_speed('auto', {measured})"
    )
    monkeypatch.setattr(
        speed_measuring, "command", lambda *given: [sys.executable, "-c", code]
    )
    page.run()
    assert "Time not known yet on this device · about 1." in text_of(page)
    buttons(page)["Measure this device"].click().run()
    assert not page.exception
    assert "per epoch" in text_of(page)
    assert "a measurement of this device on 2001-09-09" in text_of(page)
    assert "Measure this device" not in buttons(page)


def test_failed_measurement_is_said_in_words(page, monkeypatch):
    code = "import sys; sys.exit('wrn: the toaster is cold')"
    monkeypatch.setattr(
        speed_measuring, "command", lambda *given: [sys.executable, "-c", code]
    )
    page.run()
    buttons(page)["Measure this device"].click().run()
    assert not page.exception
    (error,) = page.error
    assert error.value.replace("\\", "").endswith("Received: the toaster is cold")


def test_a_running_training_is_not_disturbed_by_a_measurement(page, training):
    start(page, training)
    assert buttons(page)["Measure this device"].disabled
    assert "The training under way will tell" in text_of(page)


def test_too_little_memory_is_warned_of(page, monkeypatch):
    monkeypatch.setattr(estimate, "available_memory", lambda: 500_000_000)
    page.run()
    assert "0.5 GB are free: it may fail" in page.warning[0].value
    assert not buttons(page)["Start training"].disabled


def test_refused_setting_disables_the_start(page):
    page.run()
    page.text_input(key="train_paper_milestones").set_value("often").run()
    assert not page.exception
    assert "milestones must be" in text_of(page)
    assert buttons(page)["Start training"].disabled
    page.text_input(key="train_paper_milestones").set_value("0.5").run()
    assert not buttons(page)["Start training"].disabled


def test_refused_name_is_said(page):
    page.run()
    page.text_input(key="run_name").set_value("../outside").run()
    buttons(page)["Start training"].click().run()
    assert not page.exception
    assert "A run's name must be" in text_of(page)
    assert RunStore().list() == []


def test_running_job_is_shown(page, training):
    start(page, training)
    assert not page.exception
    assert "running" in badges(page)
    assert "synthetic images" in badges(page)
    assert DEVICE in text_of(page)
    assert "Processors " in text_of(page)
    page.session_state[f"log_{RunStore().list()[0].name}"] = True
    page.run()
    assert any(DEVICE in code.value for code in page.code)


def test_a_change_of_state_is_said_once(page, training):
    start(page, training)
    # Seen queued at first, it is said to run.
    page.run()
    assert not page.toast
    training.finish.set()
    wait_for(lambda: manager().active() is None)
    page.run()
    (toast,) = page.toast
    assert toast.value.replace("\\", "").endswith(": finished")
    page.run()
    assert not page.toast


def test_a_queued_training_is_moved_forward(page, training):
    start(page, training)
    for name in ("second", "third"):
        manager().submit(CONFIG, name)
    page.run()
    next(b for b in page.button if b.key == "earlier_third").click().run()
    assert not page.exception
    assert [job.name for job in manager().live()][1:] == ["third", "second"]
    assert metrics(page)["Test accuracy"] == "43.21%"
    assert metrics(page)["Best"] == "43.21%"
    assert metrics(page)["Train accuracy"] == "50.00%"
    assert metrics(page)["Images/s"] == "1,234"
    (bar,) = page.get("progress")
    # One epoch of four and half of the second.
    assert bar.proto.value == 37
    assert bar.proto.text == "Epoch 2 of 4 · batch 1 of 2 · 2 min 5 s left"
    curves = named_curves(chart(page, "curves"))
    # Two steps an epoch: they lie half an epoch apart.
    assert values(curves["Train", "y"]["x"]) == pytest.approx([0.5, 1.0])
    assert values(curves["Train", "y"]["y"]) == pytest.approx([2 / 2, 2 / 3])
    assert values(curves["Test", "y2"]["x"]) == pytest.approx([1.0])
    assert values(curves["Test", "y2"]["y"]) == pytest.approx([0.4321])


def test_settings_of_the_form_reach_the_run(page, training):
    page.run()
    page.select_slider(key="depth").set_value(22)
    page.slider(key="widen_factor").set_value(1)
    page.slider(key="dropout").set_value(0.3)
    page.number_input(key="train_paper_epochs").set_value(7)
    page.number_input(key="data_limit").set_value(500)
    page.selectbox(key="train_paper_schedule").set_value("one-cycle")
    page.text_input(key="run_name").set_value("mine")
    start(page, training)
    config = RunStore().open("mine").config()
    assert config.model.name == "WRN-22-1"
    assert config.model.dropout == 0.3
    assert config.train.epochs == 7
    assert config.train.schedule == "one-cycle"
    assert config.data.source == "synthetic"
    assert config.data.limit == 500


def test_pause_continue_and_stop(page, training):
    start(page, training)
    buttons(page)["Pause"].click().run()
    wait_for(lambda: state() == "paused")
    page.run()
    assert "paused" in badges(page)
    held = training.done
    buttons(page)["Continue"].click().run()
    wait_for(lambda: training.done > held)
    page.run()
    buttons(page)["Stop training"].click().run()
    wait_for(lambda: manager().active() is None)
    page.run()
    assert state() == "stopped"
    assert "stopped" in badges(page)
    buttons(page)["Resume training"].click().run()
    wait_for(lambda: state() == "running")


def test_other_session_sees_the_same_job(page, training):
    start(page, training)
    (name,) = (run.name for run in RunStore().list())
    other = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=60).run()
    other.switch_page("pages/train.py").run()
    assert name in text_of(other)
    assert "running" in badges(other)


def test_second_training_waits_and_can_be_removed(page, training):
    start(page, training)
    page.text_input(key="run_name").set_value("second")
    buttons(page)["Add to the queue"].click().run()
    assert "second" in text_of(page)
    assert "Queue" in text_of(page)
    buttons(page)["Remove"].click().run()
    # It never began: nothing is left of it but what "Bring back" needs.
    assert list(RunStore().deleted()) == ["second"]
    assert len(RunStore().list()) == 1
    assert [job.name for job in manager().live()] != []


def form_is_open(page):
    return page.session_state["form"]


def test_the_form_folds_at_a_start_and_not_at_an_end(page, training):
    page.run()
    assert form_is_open(page)
    page.text_input(key="run_name").set_value("mine")
    start(page, training)
    assert not form_is_open(page)
    assert page.text_input(key="run_name").value == ""
    # Unfolded for the next one, it stays; and a toast tells that it waits.
    page.session_state["form"] = True
    buttons(page)["Add to the queue"].click().run()
    assert form_is_open(page)
    assert "was added to the queue" in page.toast[0].value
    page.session_state["form"] = False
    for job in manager().live():
        manager().stop(job.name)
    wait_for(lambda: not manager().live())
    page.run()
    assert not form_is_open(page)


def test_number_out_of_bounds_holds_the_start_back(page):
    page.run()
    recipe = page.selectbox(key="recipe").value
    page.number_input(key=f"train_{recipe}_epochs").set_value(0).run()
    assert not page.exception
    assert "epochs must be" in page.error[0].value
    assert buttons(page)["Start training"].disabled


def test_failure_is_said_in_words(page, training):
    training.fail = MemoryError()
    page.run()
    buttons(page)["Start training"].click().run()
    wait_for(lambda: RunStore().list()[0].status().state == "failed")
    wait_for(lambda: manager().active() is None)
    page.run()
    assert not page.exception
    assert "ran out of memory" in page.error[0].value
    assert "Traceback" in page.code[0].value
    assert "Resume training" in buttons(page)


def test_last_run_is_shown_after_a_restart(page):
    make_run("old", updated=1e9)
    make_run("new", "stopped", updated=2e9)
    make_run("broken").path.joinpath("status.json").write_text("{")
    page.run()
    assert not page.exception
    assert [s.value for s in page.subheader] == ["new"]
    assert "It goes on after epoch 2" in text_of(page)
    assert metrics(page)["Test accuracy"] == "55.00%"
    assert metrics(page)["Best"] == "60.00%"
    assert metrics(page)["Time"] == "1 h 1 min"


def test_nonsense_in_a_run_folder_does_no_harm(page):
    run = make_run(
        "odd",
        "failed",
        error="![x](http://example.org/x.png)",
        progress={"epoch": "x", "epochs": None, "step": [], "steps": float("nan")},
    )
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "epoch", "epoch": "1", "step": {}}\n')
        file.write('{"kind": "epoch", "epoch": 3, "step": 2, "test_loss": "low"}\n')
        file.write('{"kind": "step", "epoch": 1' + "0" * 400 + ', "step": 2}\n')
    page.run()
    assert not page.exception
    # Nothing of it is read as markup, which could fetch a picture from elsewhere.
    assert page.error[0].value.startswith("\\!\\[x\\]")


@pytest.mark.parametrize("progress", [[], "x", 3, None])
def test_progress_of_the_wrong_type_does_no_harm(page, progress):
    make_run("odd", "stopped", progress=progress)
    page.run()
    assert not page.exception
