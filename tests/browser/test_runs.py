"""The Runs page in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.browsing import Server, screenshot, settled, visit
from tests.browser.steps import press, wait_for_points
from tests.training_fakes import make_run


@pytest.fixture
def runs(fresh_server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Return a server with three runs."""
    monkeypatch.setenv("WRN_HOME", str(fresh_server.runs))
    for name in ("first", "second", "third"):
        make_run(name)
    return fresh_server


def test_a_run_is_deleted_and_brought_back(runs, page):
    visit(page, f"{runs.url}/runs?run=second")
    # Until the curves are drawn, what is below them moves.
    wait_for_points(page, 1)
    press(page, "Delete run")
    press(page, "Delete")
    expect(page.get_by_text("Deleted second.")).to_be_visible()
    assert not (runs.runs / "second").exists()
    press(page, "Undo")
    expect(page.get_by_role("heading", name="second")).to_be_visible()
    assert (runs.runs / "second").is_dir()
    expect(page).to_have_url(re.compile("run=second"))


def test_notes_are_kept_and_searched(runs, page):
    visit(page, f"{runs.url}/runs?run=third")
    page.get_by_text("Notes", exact=True).click()
    page.get_by_label("Title", exact=True).fill("A baseline")
    press(page, "Save notes")
    expect(page.get_by_text("Notes: A baseline")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Notes: A baseline")).to_be_visible()
    screenshot(page, "runs")


def test_train_again_opens_the_form_with_the_settings(runs, page):
    visit(page, f"{runs.url}/runs?run=first")
    press(page, "Train again with changes")
    expect(page.get_by_role("heading", name="Train", level=1)).to_be_visible()
    settled(page)
    expect(page.get_by_label("Epochs", exact=True)).to_have_value("4")
    expect(page.get_by_label("Image limit", exact=True)).to_have_value("100")
    expect(page.get_by_role("slider", name="Depth")).to_have_attribute(
        "aria-valuetext", "10"
    )
