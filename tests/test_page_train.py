"""The Train page, without a browser, with a training that only obeys."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.conftest import ROOT
from tests.training_fakes import (
    DEVICE,
    FakeTraining,
    chart,
    make_run,
    named_curves,
    text_of,
    values,
    wait_for,
)
from wrn.jobs import manager
from wrn.runs import RunStore


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
    assert RunStore().open("second").status().state == "stopped"
    assert [job.name for job in manager().live()] != []


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
