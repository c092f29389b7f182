"""One run on the Runs page, without a browser."""

import dataclasses

import pytest

from tests.pages.app_page import (
    chart,
    metrics,
    named_curves,
    open_run,
    text_of,
    values,
)
from tests.training_fakes import CONFIG, make_run, step_record
from ui.runs.view import data_name
from wrn.config import DataConfig

pytestmark = pytest.mark.slow


def test_figures_of_a_run_that_ended_are_those_of_its_last_epoch(page):
    make_run("first")
    open_run(page, "first")
    assert metrics(page)["Train loss"] == "0.500"
    assert metrics(page)["Train accuracy"] == "40.00%"


def test_validation_images_are_named(page):
    data = CONFIG.data.replace(validation=40)
    make_run("first", config=dataclasses.replace(CONFIG, data=data))
    open_run(page, "first")
    assert metrics(page)["Validation accuracy"] == "55.00%"
    assert "Test accuracy" not in metrics(page)
    assert ("Validation", "y2") in named_curves(chart(page, "curves"))


def test_a_run_that_ended_before_its_first_steps(page):
    run = make_run("first", "stopped", progress={"epoch": 1, "epochs": 4})
    (run.path / "metrics.jsonl").unlink()
    open_run(page, "first")
    assert "There are no curves: it ended" in text_of(page)


def test_a_finished_run_whose_metrics_are_gone(page):
    run = make_run("first")
    (run.path / "metrics.jsonl").write_text("")
    open_run(page, "first")
    assert "no curves: metrics.jsonl has no readable records" in text_of(page)


def test_the_end_of_an_epoch_is_told(page):
    progress = {"phase": "testing", "epoch": 3, "epochs": 4, "step": 2, "steps": 2}
    run = make_run("first", "running", progress=progress)
    run.acquire()
    try:
        open_run(page, "first")
    finally:
        run.release()
    (bar,) = page.get("progress")
    assert bar.proto.text == "Epoch 3 of 4 · measuring the images held out"


def test_images_in_a_folder_are_named_by_it():
    assert data_name(DataConfig(source="/data/my-images")) == "my-images"


def test_the_first_epoch_is_drawn_while_it_runs(page):
    progress = {"phase": "training", "epoch": 1, "epochs": 4, "step": 2, "steps": 4}
    run = make_run("first", "running", progress=progress)
    (run.path / "metrics.jsonl").unlink()
    for step in (1, 2):
        run.record(step_record(1, step))
    run.acquire()
    try:
        open_run(page, "first")
    finally:
        run.release()
    curve = named_curves(chart(page, "curves"))["Train", "y"]
    assert values(curve["x"]) == pytest.approx([0.25, 0.5])


def test_an_evaluation_without_flip_says_nothing_of_it(page):
    run = make_run("first")
    run.write_evaluation(
        {"accuracy": 0.9, "images": 10, "weights": "w", "data": "d", "flip": False}
    )
    open_run(page, "first")
    assert "90.00% on 10 images (d)." in text_of(page)


@pytest.mark.parametrize(
    ("saved", "progress", "told"),
    [
        (True, {"epoch": 3, "epochs": 4}, "It goes on after epoch 2."),
        (True, None, "It goes on where it was saved."),
        (False, {"epoch": 3, "epochs": 4}, "It starts from the beginning"),
    ],
)
def test_where_a_run_would_go_on(page, saved, progress, told):
    run = make_run("first", "stopped", progress=progress)
    run.last_weights.unlink(missing_ok=True)
    if saved:
        run.last_weights.write_bytes(b"weights")
    open_run(page, "first")
    assert told in text_of(page)
