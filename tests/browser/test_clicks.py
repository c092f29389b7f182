"""Clicks arrive, however busy the server is."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.browsing import Server, serve
from tests.browser.steps import press


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("late")
    with serve(home, "tests/browser/apps/late_end.py") as running:
        yield running


# In this order: what mends it stays for as long as the server runs.
@pytest.mark.parametrize(
    ("query", "told"),
    [("", "The click is lost."), ("?mended", "The click has arrived.")],
)
def test_a_click_arrives_while_a_part_of_the_page_ends(late, page, query, told):
    page.goto(late.url + query)
    expect(page.get_by_text("The part is about to end.")).to_be_visible()
    press(page, "Count")
    expect(page.get_by_text("The click", exact=False)).to_have_text(told)
