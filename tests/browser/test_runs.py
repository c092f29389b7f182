"""The Runs page in a real browser."""

import dataclasses
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.browsing import Server, screenshot, settled, visit
from tests.browser.steps import choose, press, unfold, wait_for_points
from tests.training_fakes import CONFIG, make_run
from wrn.config import TrainConfig


@pytest.fixture
def runs(fresh_server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Return a server with three runs."""
    monkeypatch.setenv("WRN_HOME", str(fresh_server.runs))
    for name in ("first", "second", "third"):
        make_run(name)
    return fresh_server


def open_run(page: Page, server: Server, name: str) -> None:
    visit(page, f"{server.url}/runs?run={name}")
    # Until the curves are drawn, what is below them moves.
    wait_for_points(page, 1)


def test_a_run_is_deleted_and_brought_back(runs, page):
    open_run(page, runs, "second")
    press(page, "Delete run")
    press(page, "Delete")
    expect(page.get_by_text("Deleted second.")).to_be_visible()
    assert not (runs.runs / "second").exists()
    press(page, "Undo")
    expect(page.get_by_role("heading", name="second")).to_be_visible()
    assert (runs.runs / "second").is_dir()
    expect(page).to_have_url(re.compile("run=second"))


def test_notes_are_kept_and_searched(runs, page):
    open_run(page, runs, "third")
    unfold(page, "Notes")
    page.get_by_label("Title", exact=True).fill("A baseline")
    press(page, "Save notes")
    expect(page.get_by_text("Notes: A baseline")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Notes: A baseline")).to_be_visible()
    screenshot(page, "runs")


def test_chosen_run_is_chosen_again_after_another_page(runs, page):
    open_run(page, runs, "second")
    page.get_by_role("link", name="Evaluate").first.click()
    expect(page.get_by_role("heading", name="Evaluate")).to_be_visible()
    settled(page)
    page.get_by_role("link", name="Runs").first.click()
    expect(page.get_by_role("heading", name="second")).to_be_visible()
    expect(page).to_have_url(re.compile("run=second"))


def test_an_archived_run_is_listed_where_asked(runs, page):
    open_run(page, runs, "third")
    unfold(page, "Notes")
    archived = page.get_by_role("checkbox", name="Archived")
    page.get_by_text("Archived", exact=True).click()
    expect(archived).to_be_checked()
    press(page, "Save notes")
    too = page.get_by_text("Archived too", exact=True)
    expect(too).to_be_visible()
    visit(page, f"{runs.url}/runs")
    table = page.get_by_role("grid", include_hidden=True).first
    # Its head is a row of its own.
    expect(table).to_have_attribute("aria-rowcount", "3")
    too.click()
    expect(table).to_have_attribute("aria-rowcount", "4")


def test_runs_are_searched_and_chosen_by_a_click(runs, page):
    visit(page, f"{runs.url}/runs")
    table = page.get_by_role("grid", include_hidden=True).first
    expect(table).to_have_attribute("aria-rowcount", "4")
    search = page.get_by_role("textbox", name="Search")
    search.fill("third")
    search.press("Enter")
    expect(table).to_have_attribute("aria-rowcount", "2")
    settled(page)
    box = page.get_by_test_id("stDataFrame").first.bounding_box()
    page.mouse.click(box["x"] + 20, box["y"] + 52)
    expect(page.get_by_role("heading", name="third")).to_be_visible()
    expect(page).to_have_url(re.compile("run=third"))
    search.fill("")
    search.press("Enter")
    expect(table).to_have_attribute("aria-rowcount", "4")
    expect(page.get_by_role("heading", name="third")).to_be_visible()


def test_runs_are_compared(runs, page):
    config = dataclasses.replace(CONFIG, train=TrainConfig(learning_rate=0.05))
    slower = "slower-than-the-others-by-a-good-deal"
    make_run(slower, config=config)
    open_run(page, runs, "first")
    drawn = "first"
    for name in ("second", slower):
        choose(page, "Compare with", name)
        page.keyboard.press("Escape")
        # The page moves on until the chart is there: a list that is open would close.
        drawn = f"{drawn}, {name}"
        chart = page.get_by_role("figure", name=f"by epoch of {drawn}")
        expect(chart.locator("svg.main-svg").first).to_be_visible()
    # Cells are drawn on a canvas, with a table for screen readers in it.
    cells = page.get_by_role("gridcell", include_hidden=True)
    expect(cells.get_by_text("0.05", exact=True)).to_be_attached()
    screenshot(page, "runs-comparison")
    compared = page.get_by_role("figure", name=f"by epoch of {drawn}")
    page.go_back()
    expect(compared).to_have_count(0)
    expect(page.get_by_role("figure", name="by epoch of first, second")).to_be_visible()
    page.go_forward()
    expect(compared).to_be_visible()
    # A link shows the same, in another session.
    visit(page, page.url)
    expect(compared).to_be_visible()
    settled(page)
    # On a narrow screen, too, and on a wide one again, where they stand in fewer rows,
    # the names of the runs stand right below the axis, where no tools are.
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(
            """([name, width]) => {
                const chart = document.querySelector(
                    `[role=figure][aria-label$="${name}"]`);
                // Neither is there while the chart is drawn anew.
                const [legend, title] = [".legend", ".xtitle"].map(
                    each => chart?.querySelector(each)?.getBoundingClientRect());
                return legend && title && (legend.width > 390) == (width > 390)
                    && legend.top >= title.bottom && legend.top < title.bottom + 20;
            }""",
            arg=[f"by epoch of {drawn}", width],
            timeout=20_000,
        )
    settled(page)
    # Another run, the newest, has other runs to be compared with: none yet.
    box = page.get_by_test_id("stDataFrame").first.bounding_box()
    page.mouse.click(box["x"] + 20, box["y"] + 52)
    expect(page.get_by_role("heading", name=slower)).to_be_visible()
    expect(compared).to_have_count(0)
    expect(page).to_have_url(re.compile(f"run={slower}$"))


def test_files_of_a_run_are_downloaded(runs, page):
    open_run(page, runs, "first")
    for label, content in (("Best weights", b"best"), ("Last weights", b"last")):
        with page.expect_download() as download:
            press(page, label)
        assert download.value.path().read_bytes() == content
        assert download.value.suggested_filename.endswith(".weights.h5")


def test_a_failure_says_what_to_try(runs, page):
    make_run(
        "failed", "failed", error="No memory left.", advice="Choose a smaller batch."
    )
    open_run(page, runs, "failed")
    alert = page.get_by_test_id("stAlert")
    expect(alert).to_contain_text("No memory left.")
    expect(alert).to_contain_text("What to try: Choose a smaller batch.")
    expect(page.get_by_role("button", name="Resume training")).to_be_enabled()


def test_train_again_opens_the_form_with_the_settings(runs, page):
    open_run(page, runs, "first")
    press(page, "Train again with changes")
    expect(page.get_by_role("heading", name="Train", level=1)).to_be_visible()
    settled(page)
    expect(page.get_by_label("Epochs", exact=True)).to_have_value("4")
    expect(page.get_by_label("Image limit", exact=True)).to_have_value("100")
    expect(page.get_by_role("slider", name="Depth")).to_have_attribute(
        "aria-valuetext", "10"
    )


def test_a_table_covers_nothing_where_nothing_can_hover(runs, browser):
    """Its tool bar is always there on a phone, and hangs above it."""
    phone = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = phone.new_page()
    visit(page, f"{runs.url}/runs")
    tools = page.get_by_test_id("stElementToolbar").first
    expect(tools).to_be_visible()
    box = page.get_by_test_id("stMultiSelect")
    above = box.bounding_box()
    assert above["y"] + above["height"] <= tools.bounding_box()["y"]
    box.get_by_role("combobox").tap()
    page.get_by_role("option", name="finished").tap()
    expect(box.get_by_text("finished")).to_be_visible()
    phone.close()
