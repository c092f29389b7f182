"""No page has a serious violation of WCAG 2.1 AA, as axe-core finds them."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.browsing import Server, change_theme, settled
from tests.training_fakes import make_run

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
#: Beside them: no level of headings is left out.
HEADINGS = "heading-order"

#: The page's address, its heading, and what shows that it is complete.
PAGES = {
    "architecture": ("/", "Architecture", "svg .node"),
    "train": ("/train", "Train", ".st-key-start"),
    "evaluate": ("/evaluate", "Evaluate", ".st-key-recognized"),
    "classify": ("/classify", "Classify", ".st-key-recognized"),
    "runs": ("/runs?run=seen", "Runs", "svg.main-svg"),
    "comparison": ("/?versus=WRN-28-10", "Architecture", ".st-key-shares_second"),
}


@pytest.fixture
def with_a_run(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WRN_HOME", str(server.runs))
    if not (server.runs / "seen").exists():
        make_run("seen")
        make_run("other")


def compare_with_another(page: Page) -> None:
    """Choose a run to compare with: its mark has colours of its own."""
    page.get_by_role("combobox", name=re.compile("Compare with")).click()
    page.get_by_role("option", name="other").click()
    page.keyboard.press("Escape")
    chart = page.get_by_role("figure", name=re.compile("by epoch of seen, other"))
    expect(chart.locator("svg.main-svg").first).to_be_visible()
    settled(page)


@pytest.mark.parametrize("name", PAGES)
def test_no_serious_violation(server: Server, with_a_run: None, page: Page, name: str):
    address, heading, sign = PAGES[name]
    page.set_viewport_size({"width": 1280, "height": 1600})
    page.goto(server.url + address)
    expect(page.get_by_role("heading", name=heading, level=1)).to_be_visible()
    expect(page.locator(sign).first).to_be_visible()
    settled(page)
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    if name == "runs":
        compare_with_another(page)
    for theme in ("light", "dark"):
        change_theme(page, theme)
        # Buttons change their colours little by little.
        page.wait_for_function(
            "() => !document.getAnimations().some(a => a instanceof CSSTransition)"
        )
        assert serious_violations(page) == [], theme


def serious_violations(page: Page) -> list[tuple[str, str, str]]:
    """Return rule, element and explanation of each that axe calls serious or worse.

    Headings out of order, too, which it calls moderate.
    """
    options = {"runOnly": RULES, "rules": {HEADINGS: {"enabled": True}}}
    found = Axe().run(page, options=options).response["violations"]
    return [
        (violation["id"], node["html"][:200], node["failureSummary"][:300])
        for violation in found
        if violation["impact"] in ("serious", "critical") or violation["id"] == HEADINGS
        for node in violation["nodes"]
    ]
