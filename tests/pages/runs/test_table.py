"""The table of the Runs page, without a browser."""

from datetime import timedelta

import pytest

from tests.pages.app_page import (
    buttons,
    open_run,
    text_of,
)
from tests.training_fakes import (
    CONFIG,
    epoch_record,
    make_run,
)
from ui.text import percent
from wrn.runs import Notes, RunStore

pytestmark = pytest.mark.slow


def test_table_tells_each_run(page):
    make_run("first")
    make_run("second", "stopped", seconds=45)
    page.run()
    assert not page.exception
    table = page.dataframe[0].value.set_index("Run")
    assert set(table.index) == {"first", "second"}
    table["Accuracy"] = [list(curve) for curve in table["Accuracy"]]
    assert dict(table.loc["second"]) | {"Started": ""} == {
        "State": "stopped",
        "Network": "WRN-10-1",
        "Recipe": "",
        "Images": "synthetic images, 100 images",
        "Epochs": 2,
        "of": 4,
        "Accuracy": [0.6, 0.55],
        "Last": pytest.approx(55),
        "Best": pytest.approx(60),
        "Duration": timedelta(seconds=45),
        "Started": "",
    }
    assert table.loc["first", "Epochs"] == 4
    assert "Choose a run" in text_of(page)


def test_damaged_run_is_listed_with_its_sentence_and_can_be_deleted(page):
    make_run("good")
    make_run("torn").path.joinpath("status.json").write_text('{"state": "ru')
    make_run("odd").path.joinpath("config.json").write_text('{"model": {"depth": 17}}')
    page.run()
    assert not page.exception
    table = page.dataframe[0].value.set_index("Run")
    assert dict(table["State"]) == {
        "good": "finished",
        "torn": "damaged",
        "odd": "damaged",
    }
    assert "Run torn must have a readable status.json" in text_of(page)
    assert "Received: 17" in text_of(page)
    open_run(page, "torn")
    assert not page.exception
    assert [heading.value for heading in page.header] == ["torn"]
    assert text_of(page).count("Run torn must have a readable status.json") == 1
    buttons(page)["Delete"].click().run()
    assert {run.name for run in RunStore().list()} == {"good", "odd"}


def test_of_many_damaged_runs_a_few_are_told(page):
    for number in range(5):
        make_run(f"torn{number}").path.joinpath("status.json").write_text("{")
    make_run("good")
    open_run(page, "good")
    assert not page.exception
    assert text_of(page).count("must have a readable status.json") == 3
    assert "2 more runs of this list cannot be read." in text_of(page)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (59.6, timedelta(minutes=1)),
        (3_599, timedelta(minutes=59, seconds=59)),
        (3_659, timedelta(hours=1)),
        (100_000, timedelta(days=1, hours=3)),
        # As nobody but an editor of files has them.
        (-9e14, timedelta()),
        (9e14, timedelta(days=11_574, hours=1)),
    ],
)
def test_durations_have_two_units(page, seconds, told):
    make_run("first", seconds=seconds)
    page.run()
    assert not page.exception
    assert list(page.dataframe[0].value["Duration"]) == [told]


def test_a_folder_with_a_name_that_no_run_may_have_is_told(page):
    make_run("good")
    make_run("bad").path.rename(RunStore().root / "*with* spaces")
    page.run()
    assert not page.exception
    assert "Left out: *with* spaces. A run's name must be" in text_of(page)
    assert list(page.dataframe[0].value["Run"]) == ["good"]


def test_runs_are_searched_and_filtered(page):
    make_run("first")
    make_run("second", "stopped")
    make_run("third", "stopped")
    RunStore().open("third").write_notes(Notes(title="Odd one"))
    page.run()

    def listed():
        return set(page.dataframe[0].value["Run"])

    page.multiselect(key="runs_states").set_value(["stopped"]).run()
    assert listed() == {"second", "third"}
    page.text_input(key="runs_search").set_value("ODD").run()
    assert listed() == {"third"}
    # What the address names stays.
    open_run(page, "first")
    assert not page.exception
    assert listed() == {"first", "third"}


def test_a_search_without_a_hit_shows_no_empty_table(page):
    make_run("first")
    page.run()
    page.text_input(key="runs_search").set_value("nothing").run()
    assert not page.exception
    assert "No run matches." in text_of(page)
    assert not page.dataframe


def test_table_and_figures_round_alike(page):
    """Half a hundredth goes to the even neighbour, in Python as in the table."""
    make_run("first").record(epoch_record(3, 2, 0.98125))
    open_run(page, "first")
    (shown,) = page.dataframe[0].value["Last"]
    assert f"{shown}%" == percent(0.98125)


def test_the_table_has_the_accuracies_of_the_curve_whatever_the_status_tells(page):
    make_run("diverged", "failed", progress=None)
    page.run()
    table = page.dataframe[0].value
    assert (table["Last"].tolist(), table["Best"].tolist()) == ([55.0], [60.0])


def test_the_table_tells_when_a_run_was_started(page):
    make_run("first", created=1e9, updated=1.1e9)
    page.run()
    (started,) = page.dataframe[0].value["Started"]
    assert started.startswith("2001-09-")


def test_a_recipe_that_was_changed_has_a_star(page):
    make_run("plain", config=CONFIG.with_recipe("fast", ()))
    make_run("changed", config=CONFIG.with_recipe("fast", ("epochs: 80 → 4",)))
    page.run()
    table = page.dataframe[0].value.set_index("Run")
    assert dict(table["Recipe"]) == {"plain": "fast", "changed": "fast *"}


def test_the_curve_of_the_table_grows(page):
    run = make_run("first")
    page.run()
    run.record({"kind": "epoch", "epoch": 3, "step": 2, "test_accuracy": 0.7})
    page.run()
    (curve,) = page.dataframe[0].value["Accuracy"]
    assert list(curve) == [0.6, 0.55, 0.7]
