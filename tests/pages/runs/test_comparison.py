"""Runs beside each other on the Runs page, without a browser."""

import dataclasses
import json

import pytest

from tests.pages.app_page import (
    chart,
    named_curves,
    open_run,
    text_of,
    values,
)
from tests.training_fakes import CONFIG, make_run, step_record
from wrn.runs import RunStore, Status

pytestmark = pytest.mark.slow


def test_runs_are_compared(page):
    for name in ("first", "second", "third"):
        make_run(name)
    settings = RunStore().open("second").path / "config.json"
    settings.write_text(settings.read_text().replace('"epochs": 4', '"epochs": 5'))
    open_run(page, "first")
    page.multiselect(key="compared_first").set_value(["second", "third"]).run()
    assert not page.exception
    names = {curve["name"] for curve in chart(page, "comparison")["data"]}
    assert names == {"first", "second", "third"}
    (row,) = next(d.value for d in page.dataframe if "Setting" in d.value).to_dict(
        "records"
    )
    assert row == {
        "Setting": "Epochs",
        "first": "4",
        "second": "5",
        "third": "4",
    }


def test_a_run_without_curves_is_named(page):
    make_run("first")
    RunStore().create(CONFIG, "second")
    open_run(page, "first")
    page.multiselect(key="compared_first").set_value(["second"]).run()
    assert not page.exception
    assert "Nothing to draw yet of second." in text_of(page)


def test_no_more_runs_are_compared_than_there_are_colours(page):
    names = [f"run{number}" for number in range(9)]
    for name in ("first", *names):
        make_run(name)
    page.query_params["compared"] = names
    open_run(page, "first")
    assert not page.exception
    assert page.multiselect(key="compared_first").value == names[:7]
    lines = [c for c in chart(page, "comparison")["data"] if c["showlegend"]]
    assert len({line["line"]["color"] for line in lines}) == len(lines) == 8


def test_compared_runs_are_in_the_address(page):
    for name in ("first", "second", "third"):
        make_run(name)
    page.query_params["compared"] = ["third", "gone", "third"]
    open_run(page, "first")
    assert not page.exception
    box = page.multiselect(key="compared_first")
    assert box.value == ["third"]
    assert page.query_params["compared"] == "third"
    assert "no run that can be read is called gone." in text_of(page)
    box.set_value(["third", "second"]).run()
    assert page.query_params["compared"] == ["third", "second"]
    # One that is removed meanwhile is neither shown nor named any more.
    RunStore().delete("third")
    page.run()
    assert not page.exception
    assert page.multiselect(key="compared_first").value == ["second"]
    assert page.query_params["compared"] == "second"
    page.multiselect(key="compared_first").set_value([]).run()
    assert "compared" not in page.query_params
    # The browser's way back to an address is followed.
    page.query_params["compared"] = ["second"]
    page.run()
    assert page.multiselect(key="compared_first").value == ["second"]
    # A deleted run takes along what it was compared with.
    page.button(key="delete").click().run()
    assert "compared" not in page.query_params


@pytest.mark.parametrize(
    ("validation", "shown"),
    [((0, 0), "test"), ((90, 80), "validation"), ((0, 80), "held-out")],
)
def test_a_comparison_names_the_images_that_were_measured(page, validation, shown):
    for name, number in zip(("first", "second"), validation, strict=True):
        data = dataclasses.replace(CONFIG.data, validation=number)
        make_run(name, config=dataclasses.replace(CONFIG, data=data))
    open_run(page, "first")
    page.multiselect(key="compared_first").set_value(["second"]).run()
    assert not page.exception
    assert f"{shown} solid, train dotted" in json.dumps(chart(page, "comparison"))


def test_damaged_runs_are_not_offered_for_comparison(page):
    for name in ("first", "second"):
        make_run(name)
    (RunStore().open("second").path / "config.json").write_text("no JSON")
    open_run(page, "first")
    assert not page.exception
    assert not any(box.label == "Compare with" for box in page.multiselect)


def test_a_first_epoch_that_has_not_ended_is_drawn(page):
    make_run("first")
    run = RunStore().create(CONFIG, "second")
    run.record(step_record(1, 1))
    run.write_status(Status(state="interrupted", progress={"step": 1, "steps": 4}))
    run.release()
    open_run(page, "first")
    page.multiselect(key="compared_first").set_value(["second"]).run()
    assert not page.exception
    curves = named_curves(chart(page, "comparison"))
    drawn = [values(c["x"]) for (name, _), c in curves.items() if name == "second"]
    # One step of four is a quarter of an epoch.
    assert [0.25] in [list(each) for each in drawn]


def test_who_follows_a_link_without_runs_to_compare_compares_none(page):
    for name in ("first", "second"):
        make_run(name)
    page.query_params["compared"] = "second"
    open_run(page, "first")
    assert page.multiselect(key="compared_first").value == ["second"]
    # The browser's way back.
    del page.query_params["compared"]
    page.run()
    assert page.multiselect(key="compared_first").value == []


def test_equal_settings_are_said_to_be_equal(page):
    for name in ("first", "second"):
        make_run(name)
    open_run(page, "first")
    page.multiselect(key="compared_first").set_value(["second"]).run()
    assert "All their settings are the same." in text_of(page)
