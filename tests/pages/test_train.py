"""The settings of a new training on the Train page, without a browser."""

import dataclasses
import sys

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.pages.app_page import (
    buttons,
    chart,
    open_page,
    text_of,
    values,
)
from tests.training_fakes import CONFIG, DEVICE, make_run
from ui.train import speed_measuring
from wrn.data import CLASS_NAMES, sources
from wrn.runs import RunStore
from wrn.speed import estimate
from wrn.training.randomness import image_order

pytestmark = pytest.mark.slow


@pytest.fixture
def page() -> AppTest:
    return open_page("train")


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
    assert "First image size: 24 → 32" in text_of(page)


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


def test_samples_are_shown_when_asked_for_and_follow_the_settings(
    page, small_source, dataset
):
    page.run()
    seed = page.number_input(key="train_paper_seed").value
    page.selectbox(key="train_source").set_value("synthetic").run()
    assert "Show samples" in buttons(page)
    assert pictures(page) == []
    buttons(page)["Show samples"].click().run()
    assert not page.exception
    first = pictures(page)
    assert len(first) == 16
    used = len(dataset.train) // 128 * 128
    order = image_order(seed, 0, len(dataset.train), used)
    labels = dataset.train.labels[order[:16]]
    assert first == [CLASS_NAMES[label] for label in labels]
    captions = [caption.value for caption in page.caption]
    under = [text for text in captions if text.startswith(":small[")]
    assert under == [f":small[{name}]" for name in first]
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
    assert error.value.startswith("Validation images must leave some")


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
    # On another day, or another machine, it may be measured anew.
    assert not buttons(page)["Measure this device"].disabled


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


def test_too_little_memory_is_warned_of(page, monkeypatch):
    monkeypatch.setattr(estimate, "available_memory", lambda: 500_000_000)
    page.run()
    assert "0.5 GB are free: it may fail" in page.warning[0].value
    assert not buttons(page)["Start training"].disabled


def test_refused_setting_disables_the_start(page):
    page.run()
    page.text_input(key="train_paper_milestones").set_value("often").run()
    assert not page.exception
    assert "Milestones must be" in text_of(page)
    assert buttons(page)["Start training"].disabled
    page.text_input(key="train_paper_milestones").set_value("0.5").run()
    assert not buttons(page)["Start training"].disabled


def test_settings_that_do_not_fit_each_other_hold_the_start_back(page):
    page.run()
    page.selectbox(key="train_paper_wiring").set_value("asmith26")
    page.selectbox(key="train_paper_first_size").set_value(16).run()
    assert not page.exception
    (error,) = page.error
    assert error.value.startswith("First image size must be 32 with the wiring")
    assert buttons(page)["Start training"].disabled
    page.selectbox(key="train_paper_first_size").set_value(32).run()
    assert not page.error
    assert not buttons(page)["Start training"].disabled


def test_a_network_whose_weights_are_too_large_holds_the_start_back(page):
    page.run()
    page.select_slider(key="depth").set_value(100)
    page.slider(key="widen_factor").set_value(20).run()
    assert not page.exception
    assert page.error[0].value.startswith("Depth and Widen factor must be of a network")
    assert buttons(page)["Start training"].disabled


def test_a_path_that_is_not_there_is_told_beside_the_source(
    page, tmp_path, monkeypatch
):
    for path, said in ((tmp_path, False), (tmp_path / "gone", True)):
        monkeypatch.setenv("WRN_DATA", str(path))
        page.run()
        page.selectbox(key="train_source").set_value(str(path)).run()
        assert not page.exception
        assert ("There is no such path on this machine" in text_of(page)) == said


def test_weight_files_that_are_not_there_are_told(page, tmp_path):
    page.run()
    recipe = page.selectbox(key="recipe").value
    there = tmp_path / "a.weights.h5"
    there.touch()
    page.text_input(key=f"train_{recipe}_initial_weights").set_value(str(there))
    page.text_input(key=f"train_{recipe}_teacher").set_value(f"{there},gone_b.h5").run()
    assert not page.exception
    told = [line for line in text_of(page).splitlines() if "no weight file" in line]
    assert told == [
        ":small[:red[There is no weight file gone_b.h5 on this machine yet.]]"
    ]
    # A training in the queue may begin with what the one before it will have written.
    assert not buttons(page)["Start training"].disabled


def test_refused_name_is_said(page):
    page.run()
    page.text_input(key="run_name").set_value("../outside").run()
    buttons(page)["Start training"].click().run()
    assert not page.exception
    assert "A run's name must be" in text_of(page)
    assert RunStore().list() == []


def test_number_out_of_bounds_holds_the_start_back(page):
    page.run()
    recipe = page.selectbox(key="recipe").value
    page.number_input(key=f"train_{recipe}_epochs").set_value(0).run()
    assert not page.exception
    assert "Epochs must be" in page.error[0].value
    assert buttons(page)["Start training"].disabled
