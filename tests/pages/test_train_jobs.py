"""Trainings on the Train page, without a browser: they only obey."""

import pytest
from filelock import FileLock
from streamlit.testing.v1 import AppTest

from tests.pages.app_page import (
    buttons,
    chart,
    metrics,
    named_curves,
    open_page,
    open_run,
    text_of,
    values,
)
from tests.training_fakes import CONFIG, DEVICE, FakeTraining, make_run, wait_for
from wrn.jobs import manager
from wrn.runs import RunStore

pytestmark = pytest.mark.slow


@pytest.fixture
def page() -> AppTest:
    return open_page("train")


@pytest.fixture
def training(monkeypatch) -> FakeTraining:
    fake = FakeTraining()
    fake.install(monkeypatch)
    return fake


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


def test_a_running_training_is_not_disturbed_by_a_measurement(page, training):
    start(page, training)
    assert buttons(page)["Measure this device"].disabled
    assert "The training under way will tell" in text_of(page)


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


def test_a_run_that_waits_says_for_what(page, training):
    RunStore().root.mkdir(parents=True)
    with FileLock(RunStore().root / ".device.lock", thread_local=False):
        manager().submit(CONFIG, "first")
        wait_for(lambda: manager().waits_for_another)
        page.run()
        assert "It starts when another dashboard with these runs" in text_of(page)
        assert not page.get("progress")
    wait_for(lambda: training.done > 0)
    assert not manager().waits_for_another
    manager().submit(CONFIG, "second")
    runs = open_run(open_page("runs"), "second")
    assert "It starts when the trainings before it have ended." in text_of(runs)
    assert not runs.get("progress")


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
    other = open_page("train").run()
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


def test_who_comes_with_settings_finds_the_form_unfolded(page, training):
    page.run()
    start(page, training)
    assert not form_is_open(page)
    page.session_state["form_asked"] = True
    page.run()
    assert not page.exception
    assert form_is_open(page)


def test_who_is_told_of_a_refused_address_finds_the_form_unfolded(page, training):
    page.run()
    start(page, training)
    assert not form_is_open(page)
    page.query_params["depth"] = "17"
    page.run()
    assert form_is_open(page)
    assert "Depth must be one of" in page.warning[0].value


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
    assert [s.value for s in page.header] == ["new"]
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


def test_the_run_that_changed_last_is_shown(page):
    make_run("old", created=1e9, updated=3e9)
    make_run("new", created=2e9, updated=2e9)
    page.run()
    assert [s.value for s in page.header] == ["old"]
