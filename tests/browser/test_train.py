"""A real training, started and watched in a real browser."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.browsing import Server, screenshot, serve, visit

#: 40 steps an epoch, and a record of each: curves that grow all the time.
LIMIT, BATCH_SIZE, EPOCHS = 640, 16, 500
CHART = "Loss, accuracy and learning rate of"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("train")) as running:
        yield running


def state(page: Page, name: str) -> Locator:
    return page.locator(".stBadge, [data-testid=stBadge]").get_by_text(name, exact=True)


def chart(page: Page) -> Locator:
    return page.get_by_role("img", name=re.compile(CHART))


def points(page: Page) -> int:
    """Return the number of points of the curve of the training loss."""
    return chart(page).evaluate("div => div._fullData[0].x.length")


def wait_for_points(page: Page, count: int) -> None:
    page.wait_for_function(
        "([div, count]) => div._fullData && div._fullData[0].x.length >= count",
        arg=[chart(page).element_handle(), count],
        timeout=60_000,
    )


def wait_for_updates(page: Page, count: int) -> None:
    """Wait until the server has sent more points this many times."""
    for _ in range(count):
        wait_for_points(page, points(page) + 1)


def fill(page: Page, label: str, value: str) -> None:
    box = page.get_by_label(label, exact=True)
    box.fill(value)
    box.press("Enter")
    expect(box).to_have_value(value)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def choose_synthetic(page: Page) -> None:
    page.get_by_role("combobox", name=re.compile("Source")).click()
    page.get_by_role("option", name="synthetic").click()


def zoom(page: Page) -> list[float]:
    """Zoom into the middle third of the loss panel; return the range shown."""
    before = chart(page).evaluate("div => div.layout.xaxis.range[0]")
    chart(page).scroll_into_view_if_needed()
    box = chart(page).locator(".nsewdrag").first.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 3, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.move(box["x"] + box["width"] * 2 / 3, middle)
    page.mouse.up()
    page.wait_for_function(
        "([div, start]) => div.layout.xaxis.range[0] > start",
        arg=[chart(page).element_handle(), before],
    )
    return shown_range(page)


def shown_range(page: Page) -> list[float]:
    return chart(page).evaluate("div => div.layout.xaxis.range")


def start_training(page: Page, server: Server) -> None:
    visit(page, f"{server.url}/?depth=10&widen_factor=1")
    page.get_by_role("link", name="Train", exact=True).click()
    expect(page.get_by_text("Nothing has been trained yet")).to_be_visible()
    # The network chosen on Architecture came along.
    expect(page.get_by_role("slider", name="Depth")).to_have_attribute(
        "aria-valuetext", "10"
    )
    choose_synthetic(page)
    fill(page, "Image limit", str(LIMIT))
    fill(page, "Batch size", str(BATCH_SIZE))
    fill(page, "Epochs", str(EPOCHS))
    screenshot(page, "train-form")
    press(page, "Start training")
    expect(chart(page)).to_be_visible(timeout=120_000)


def test_a_training_is_watched_left_reloaded_paused_and_stopped(server, page):
    start_training(page, server)
    expect(state(page, "running")).to_be_visible()
    expect(state(page, "synthetic images")).to_be_visible()
    expect(
        page.get_by_text("No GPU found").or_(page.get_by_text("GPU:"))
    ).to_be_visible()
    wait_for_points(page, 3)

    # The zoom is kept while points come.
    chart(page).evaluate("div => { div.mark = 'first' }")
    zoomed = zoom(page)
    wait_for_updates(page, 3)
    assert shown_range(page) == pytest.approx(zoomed)
    assert chart(page).evaluate("div => div.mark") == "first"

    # A visit to another page, and a reload, do no harm.
    page.get_by_role("link", name="Architecture", exact=True).click()
    expect(page.get_by_role("heading", name="Architecture")).to_be_visible()
    page.get_by_role("link", name="Train", exact=True).click()
    expect(chart(page)).to_be_visible()
    seen = points(page)
    page.reload()
    expect(state(page, "running")).to_be_visible()
    wait_for_points(page, seen)

    press(page, "Pause")
    expect(state(page, "paused")).to_be_visible()
    press(page, "Continue")
    expect(state(page, "running")).to_be_visible()
    wait_for_updates(page, 1)

    press(page, "Stop")
    press(page, "Stop training")
    expect(state(page, "stopped")).to_be_visible()
    name = page.get_by_role("heading", name=re.compile("^WRN-10-1_")).inner_text()
    press(page, "Resume training")
    expect(state(page, "running")).to_be_visible()
    press(page, "Stop")
    press(page, "Stop training")
    expect(state(page, "stopped")).to_be_visible()

    # The run and its curves are on the Runs page, under a link of their own.
    visit(page, f"{server.url}/runs?run={name}")
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    wait_for_points(page, seen)
    with page.expect_download() as download:
        press(page, "Metrics (CSV)")
    assert download.value.suggested_filename == f"{name}.csv"
    assert download.value.path().read_text().startswith("kind,epoch,step")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["train", "runs"])
def test_looks(server, page, name, theme, width):
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": width, "height": 1800})
    visit(page, f"{server.url}/{name}")
    if name == "runs":
        page.locator("canvas").first.click(position={"x": 20, "y": 55})
    expect(chart(page).locator(".scatterlayer .js-line").first).to_be_visible()
    screenshot(page, f"{name}-{theme}-{width}")
    # Nothing sticks out sideways.
    main = page.get_by_test_id("stMain")
    assert main.evaluate("e => e.scrollWidth <= e.clientWidth")
