"""A real training, started and watched in a real browser."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.browsing import Server, looks, screenshot, serve, settled, visit
from tests.browser.steps import (
    chart,
    choose,
    press,
    reached,
    shown_range,
    start_training,
    state,
    unfold,
    wait_for_points,
    wait_for_updates,
    wait_until_reached,
    zoom,
)
from wrn.runs import RunStore

#: 40 steps an epoch, and a record of each: curves that grow all the time.
LIMIT, BATCH_SIZE, EPOCHS = 640, 16, 500


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("train")) as running:
        yield running


def test_a_training_is_watched_left_reloaded_paused_and_stopped(server, page):
    visit(page, f"{server.url}/?depth=10&widen_factor=1")
    page.get_by_role("link", name="Train", exact=True).click()
    expect(page.get_by_text("Nothing has been trained yet")).to_be_visible()
    # The network chosen on Architecture came along.
    expect(page.get_by_role("slider", name="Depth")).to_have_attribute(
        "aria-valuetext", "10"
    )
    start_training(page, limit=LIMIT, batch_size=BATCH_SIZE, epochs=EPOCHS)
    expect(state(page, "running")).to_be_visible()
    expect(state(page, "synthetic images")).to_be_visible()
    expect(
        page.get_by_text("No GPU found").or_(page.get_by_text("GPU:"))
    ).to_be_visible()
    expect(
        page.get_by_text(re.compile(r"^Processors \d+% busy · memory"))
    ).to_be_visible()
    page.get_by_text("Log", exact=True).click()
    log = page.get_by_test_id("stExpander").filter(has_text="Log")
    expect(log.get_by_test_id("stCode")).to_contain_text("running")
    wait_for_points(page, 3)

    # The zoom is kept while points come.
    chart(page).evaluate("div => { div.mark = 'first' }")
    zoomed = zoom(page)
    wait_for_updates(page, 3)
    assert shown_range(page) == pytest.approx(zoomed)
    assert chart(page).evaluate("div => div.mark") == "first"

    # A visit to another page, and a reload, do no harm. The table of all runs counts
    # the epochs; it is drawn on a canvas, with a table for screen readers in it.
    page.get_by_role("link", name="Runs", exact=True).click()
    asked_for = page.locator(
        f"xpath=//*[@role='gridcell'][normalize-space()='{EPOCHS}']"
    )
    epochs = asked_for.locator("xpath=preceding-sibling::*[1]")
    shown = epochs.text_content()
    expect(epochs).not_to_have_text(shown)
    page.get_by_role("link", name="Train", exact=True).click()
    expect(chart(page)).to_be_visible()
    seen = reached(page)
    page.reload()
    expect(state(page, "running")).to_be_visible()
    wait_until_reached(page, seen)

    press(page, "Pause")
    expect(state(page, "paused")).to_be_visible()
    press(page, "Continue")
    expect(state(page, "running")).to_be_visible()
    wait_for_updates(page, 1)

    press(page, "Stop")
    press(page, "Stop training")
    # First what goes by itself; the newest is not always the last.
    toasts = page.get_by_test_id("stToast")
    expect(toasts.filter(has_text=": stopped").first).to_be_visible()
    expect(state(page, "stopped")).to_be_visible()
    # The run stays in view: the form unfolds on the next visit, not at the end.
    form = page.get_by_test_id("stExpander").filter(has_text="New training")
    expect(form.locator("details").first).not_to_have_attribute("open", "")
    name = page.get_by_role("heading", name=re.compile("^WRN-10-1_")).inner_text()
    press(page, "Resume training")
    # What was opened while it prepared stays open when it begins.
    press(page, "Stop")
    expect(state(page, "running")).to_be_visible()
    press(page, "Stop training")
    expect(state(page, "stopped")).to_be_visible()

    # The run and its curves are on the Runs page, under a link of their own.
    visit(page, f"{server.url}/runs?run={name}")
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    wait_until_reached(page, seen)
    with page.expect_download() as download:
        press(page, "Metrics (CSV)")
    assert download.value.suggested_filename == f"{name}.csv"
    assert download.value.path().read_text().startswith("kind,epoch,step")

    looks(page, "runs", height=1800, narrow_height=1800)
    visit(page, f"{server.url}/train")
    expect(chart(page).locator(".scatterlayer .js-line").first).to_be_visible()
    looks(page, "train", height=1800, narrow_height=1800)


def test_the_queue_is_put_into_another_order(server, page):
    visit(page, f"{server.url}/train?depth=10&widen_factor=1")
    start_training(page, limit=LIMIT, batch_size=BATCH_SIZE, epochs=EPOCHS)
    expect(state(page, "running")).to_be_visible()
    # Compiled: until then the page is redrawn more than once.
    wait_for_points(page, 3)
    rows = page.locator("[class*=st-key-queue_]")
    for waiting in (1, 2):
        if waiting == 1:
            unfold(page, "New training")
        press(page, "Add to the queue")
        expect(rows).to_have_count(waiting)
    first, second = (row.inner_text().split()[0] for row in rows.all())
    earlier = page.get_by_role("button", name="Earlier", exact=True)
    expect(earlier.first).to_be_disabled()
    earlier.last.click()
    expect(rows.first).to_contain_text(second)
    expect(rows.last).to_contain_text(first)
    screenshot(page, "train-queue")
    for left in (1, 0):
        page.get_by_role("button", name="Remove", exact=True).first.click()
        expect(rows).to_have_count(left)
    press(page, "Stop")
    press(page, "Stop training")
    expect(state(page, "stopped")).to_be_visible()


def test_before_the_start_a_person_sees_what_will_happen(fresh_server, page):
    visit(page, f"{fresh_server.url}/train")
    choose(page, "Source", "synthetic")
    expect(page.get_by_text("Time not known yet on this device")).to_be_visible()
    expect(page.get_by_role("button", name="Measure this device")).to_be_enabled()
    samples = page.locator(".st-key-samples img")
    expect(samples).to_have_count(0)

    # Loads TensorFlow, and draws the source.
    press(page, "Show samples")
    expect(samples).to_have_count(16, timeout=120_000)
    settled(page)
    first = pixels(samples)
    assert len(set(first)) == 16
    assert all(samples.evaluate_all("images => images.map(image => image.alt)"))

    RunStore(fresh_server.runs).write_measured_speed(
        "auto",
        {
            "multiply_adds_per_second": 1e11,
            "device": "No GPU found: computing on the CPU, in float32.",
            "updated": 1.7e9,
        },
    )
    choose(page, "Recipe", "fast")
    expect(page.get_by_text("Images grow: 24 pixels from epoch 1")).to_be_visible()
    expect(page.get_by_text("shrunk to 24×24 pixels")).to_be_visible()
    expect(samples).to_have_count(16)
    assert pixels(samples) != first
    expect(
        page.get_by_text(re.compile("^About .* per epoch, .* in all · "))
    ).to_be_visible()
    expect(page.get_by_text("a measurement of this device on")).to_be_visible()
    curve = page.get_by_role("figure", name="Learning rate over 80 epochs, at most 0.2")
    expect(curve).to_be_visible()

    looks(page, "train-before", height=1300, narrow_height=2190)
    expect(curve.locator(".scatterlayer .js-line")).to_be_visible()


def pixels(images: Locator) -> list[str]:
    """Return the addresses of pictures, which follow from their content."""
    for image in images.all():
        expect(image).to_have_js_property("complete", True)
        assert image.evaluate("image => image.naturalWidth") >= 96
    return images.evaluate_all("images => images.map(image => image.src)")
