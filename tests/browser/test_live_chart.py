"""A chart whose data changes all the time keeps what its reader did to it."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.browsing import Server, screenshot, serve

LOSS, TEST_LOSS = 0, 2  # places of two curves in `training_curves`


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("live_chart")
    with serve(home, "tests/browser/apps/live_chart.py") as running:
        yield running


@pytest.fixture
def chart(server: Server, page: Page) -> Locator:
    page.goto(server.url)
    chart = page.get_by_role("figure", name="Loss and accuracy by epoch")
    expect(chart.locator(".scatterlayer .js-line").first).to_be_visible()
    # Marked, to notice when another node takes its place.
    chart.evaluate("div => div.mark = 'first'")
    return chart


def points(chart: Locator, curve: int = LOSS) -> int:
    return chart.evaluate(f"div => div._fullData[{curve}].x.length")


def x_range(chart: Locator) -> list[float]:
    return chart.evaluate("div => div.layout.xaxis.range")


def updates(page: Page) -> int:
    """Return how often the server has sent the chart."""
    return int(page.get_by_text(re.compile(r"^Update \d+$")).inner_text().split()[1])


def wait_until_sent(page: Page, count: int) -> None:
    """Wait until the server has sent the chart so often, or more often."""
    page.wait_for_function(
        """count => [...document.querySelectorAll("[data-testid=stText]")].some(
            told => Number(told.innerText.split(" ")[1]) >= count)""",
        arg=count,
    )


def wait_for_updates(page: Page, chart: Locator, count: int = 3) -> None:
    """Wait until the chart shows the points of this many more updates."""
    wanted = points(chart) + 10 * count
    page.wait_for_function(
        "([div, wanted]) => div._fullData[0].x.length >= wanted",
        arg=[chart.element_handle(), wanted],
    )


def assert_same_node(chart: Locator) -> None:
    expect(chart).to_have_count(1)
    assert chart.evaluate("div => div.mark") == "first"


def drag(page: Page, chart: Locator, release: bool = True) -> None:
    """Drag over the middle third of the loss panel."""
    box = chart.locator(".nsewdrag").first.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 3, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.move(box["x"] + box["width"] * 2 / 3, middle)
    if release:
        page.mouse.up()


def wait_for_zoom(page: Page, chart: Locator, before: list[float]) -> list[float]:
    page.wait_for_function(
        "([div, start]) => div.layout.xaxis.range[0] > start",
        arg=[chart.element_handle(), before[0]],
    )
    return x_range(chart)


def test_zoom_is_kept_while_points_come(page, chart):
    unzoomed = x_range(chart)
    drag(page, chart)
    zoomed = wait_for_zoom(page, chart, unzoomed)
    span = unzoomed[1] - unzoomed[0]
    # New points may have come between the look at the range and the drag.
    assert zoomed[1] - zoomed[0] < span * 0.8

    wait_for_updates(page, chart)
    assert x_range(chart) == zoomed
    assert_same_node(chart)


def test_without_zoom_the_axis_follows_the_points(page, chart):
    before = x_range(chart)
    wait_for_updates(page, chart)
    assert x_range(chart)[1] > before[1]
    assert_same_node(chart)


def test_a_hidden_curve_stays_hidden(page, chart):
    chart.locator(".legendtoggle").last.click()  # Test
    page.wait_for_function(
        f"div => div.data[{TEST_LOSS}].visible === 'legendonly'",
        arg=chart.element_handle(),
    )
    wait_for_updates(page, chart)
    assert chart.evaluate(f"div => div.data[{TEST_LOSS}].visible") == "legendonly"
    assert chart.evaluate(f"div => div.data[{LOSS}].visible ?? true") is True


def test_an_update_does_not_break_off_a_drag(page, chart):
    unzoomed = x_range(chart)
    drag(page, chart, release=False)
    held = points(chart)
    wait_until_sent(page, updates(page) + 2)
    assert points(chart) == held

    page.mouse.up()
    wait_for_zoom(page, chart, unzoomed)
    wait_for_updates(page, chart, 1)
    assert_same_node(chart)


def test_the_hover_label_stays(page, chart):
    box = chart.locator(".nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    label = chart.locator(".hoverlayer").get_by_text("Train loss")
    expect(label).to_be_visible()
    wait_for_updates(page, chart)
    expect(label).to_be_visible()


def test_the_theme_switches_live_and_keeps_the_zoom(page, chart):
    page.emulate_media(color_scheme="light")
    tick = chart.locator(".xtick text").first
    expect(tick).to_have_css("fill", "rgb(10, 15, 23)")  # textColor of config.toml
    before = x_range(chart)
    drag(page, chart)
    zoomed = wait_for_zoom(page, chart, before)
    screenshot(page, "live-chart-light")

    page.emulate_media(color_scheme="dark")
    expect(tick).to_have_css("fill", "rgb(230, 234, 242)")
    assert x_range(chart) == zoomed
    assert_same_node(chart)
    screenshot(page, "live-chart-dark")


def test_the_chart_fills_the_width_at_a_fixed_height(page, chart):
    def size() -> tuple[int, int]:
        box = chart.locator(".main-svg").first.bounding_box()
        return round(box["width"]), round(box["height"])

    assert size()[1] == 560
    page.set_viewport_size({"width": 500, "height": 900})
    page.wait_for_function(
        "div => div.querySelector('.main-svg').getBoundingClientRect().width < 500",
        arg=chart.element_handle(),
    )
    assert size()[1] == 560


def test_nothing_leads_to_another_host(page, chart):
    chart.hover()
    titles = chart.locator(".modebar-btn").evaluate_all(
        "buttons => buttons.map(b => b.dataset.title)"
    )
    assert titles == ["Download plot", "Zoom", "Pan", "Reset axes"]


def test_plotly_is_fetched_once_for_the_page(page, server):
    fetched = []
    page.on("request", lambda r: "plotly" in r.url and fetched.append(r.url))
    page.goto(server.url)
    chart = page.get_by_role("figure", name="Loss and accuracy by epoch")
    expect(chart.locator(".scatterlayer .js-line").first).to_be_visible()
    wait_for_updates(page, chart, 2)
    assert len(fetched) == 1


@pytest.mark.parametrize("script", ["plotly-*.min.js", "live_chart-*.js"])
def test_without_a_script_the_chart_says_so(page, server, script):
    page.route(
        f"**/{script}",
        lambda route: route.fulfill(
            content_type="text/javascript", body="throw new Error()"
        ),
    )
    page.goto(server.url)
    expect(page.get_by_text("could not be loaded")).to_be_visible()
