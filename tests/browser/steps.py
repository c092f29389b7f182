"""What a visitor does on the Train and Evaluate pages."""

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser.browsing import screenshot, settled

#: The graph of a network is in a shadow tree.
GRAPH = """([name, nodes]) => [...document.querySelectorAll("*")].some(element => {
    const graph = element.shadowRoot?.querySelector(
        `[role=img][aria-label^="${name}: "]`);
    return graph?.querySelectorAll(".node").length >= nodes;
})"""
CHART = "[role=figure][aria-label^='Loss, accuracy and learning rate of']"


def wait_for_graph(page: Page, network: str, nodes: int = 1) -> None:
    """Wait, to the frame, until the graph of a network has so many nodes."""
    page.wait_for_function(GRAPH, arg=[network, nodes], timeout=60_000)


def state(page: Page, name: str) -> Locator:
    return page.locator(".stMarkdownBadge").get_by_text(name, exact=True).first


def chart(page: Page) -> Locator:
    return page.locator(CHART)


def reached(page: Page) -> float:
    """Return the place of the last point of the training loss, in epochs.

    It grows while their number, of which a chart has so many at most, does not.
    """
    return chart(page).evaluate("div => div._fullData[0].x.at(-1)")


def wait_until_reached(page: Page, place: float) -> None:
    _wait_for_chart(page, "chart._fullData[0].x.at(-1) >= wanted", place)


def wait_for_points(page: Page, count: int) -> None:
    _wait_for_chart(page, "chart._fullData[0].x.length >= wanted", count)


def _wait_for_chart(page: Page, condition: str, wanted: float) -> None:
    expect(chart(page)).to_be_visible(timeout=60_000)
    # Looked up each time: another run's chart takes the place of the one before.
    page.wait_for_function(
        f"""([selector, wanted]) => {{
            const chart = document.querySelector(selector);
            return chart?._fullData && {condition};
        }}""",
        arg=[CHART, wanted],
        timeout=60_000,
    )


def wait_for_updates(page: Page, count: int) -> None:
    """Wait until the server has sent more points this many times."""
    for _ in range(count):
        wait_until_reached(page, reached(page) + 1e-6)


def fill(page: Page, label: str, value: str) -> None:
    box = page.get_by_label(label, exact=True)
    box.fill(value)
    box.press("Enter")
    expect(box).to_have_value(value)


def press(page: Page, name: str) -> None:
    # Streamlit shows a "Stop" of its own while a page runs.
    buttons = page.get_by_role("button", name=name, exact=True)
    buttons.and_(page.locator(":not([kind=header])")).click()


def unfold(page: Page, title: str) -> None:
    """Open a box by its title, and wait until it is open: what is in it moves before.

    A click whose button moves away between pressing and releasing is none.
    """
    box = page.get_by_test_id("stExpander").filter(
        has=page.get_by_text(title, exact=True)
    )
    box.get_by_text(title, exact=True).click()
    expect(box.locator("details").first).to_have_attribute("open", "")
    box.evaluate(
        """async () => {
            for (let frame = 0; frame < 2; frame++)
                await new Promise(requestAnimationFrame);
        }"""
    )
    # Asked anew each frame: an animation that is replaced or paused never finishes.
    page.wait_for_function(
        """box => !box.getAnimations({subtree: true}).some(
            each => each.playState === "running" &&
                Number.isFinite(each.effect.getComputedTiming().endTime))""",
        arg=box.element_handle(),
        timeout=60_000,
    )


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
    _wait_for_chart(page, "chart.layout.xaxis.range[0] > wanted", before)
    return shown_range(page)


def shown_range(page: Page) -> list[float]:
    return chart(page).evaluate("div => div.layout.xaxis.range")


def start_training(page: Page, *, limit: int, batch_size: int, epochs: int) -> None:
    """Fill in the form of the Train page, start, and wait for the curves."""
    page.get_by_role("combobox", name=re.compile("Source")).click()
    page.get_by_role("option", name="synthetic").click()
    fill(page, "Image limit", str(limit))
    fill(page, "Batch size", str(batch_size))
    fill(page, "Epochs", str(epochs))
    screenshot(page, "train-form")
    press(page, "Start training")
    expect(chart(page)).to_be_visible(timeout=120_000)


def choose(page: Page, label: str, option: str) -> None:
    """Choose an option of a select box, or one more of a box that takes several."""
    boxes = page.get_by_test_id("stSelectbox").or_(page.get_by_test_id("stMultiSelect"))
    box = boxes.filter(has_text=label).get_by_role("combobox")
    # A list closes when the page moves, as it does while a far box comes into view.
    box.evaluate(
        """box => {
            box.scrollIntoView({block: "center"});
            return new Promise(done => requestAnimationFrame(() =>
                requestAnimationFrame(done)));
        }"""
    )
    box.click()
    page.get_by_role("option", name=option, exact=True).click()
    settled(page)


def evaluate(page: Page, weights: str, images: str = r"[\d,]+") -> None:
    """Press Evaluate and wait for the result of these weights.

    An earlier result stays on the page, greyed, until the new one is there: if it
    is of the same weights, it must be told from the new one by its number of images.
    """
    page.get_by_role("button", name="Evaluate", exact=True).click()
    # TensorFlow is loaded, then the network is compiled.
    facts = re.compile(rf"^{re.escape(weights)}, {images} test images in")
    expect(page.get_by_text(facts)).to_be_visible(timeout=120_000)
    settled(page)


def accuracy(page: Page) -> str:
    metric = page.locator(".st-key-result_metrics").get_by_test_id("stMetric").first
    expect(metric).to_contain_text("Accuracy")
    return metric.get_by_test_id("stMetricValue").inner_text()


def upload(page: Page, file: Path | dict[str, object]) -> None:
    page.get_by_test_id("stFileUploader").locator("input[type=file]").set_input_files(
        file
    )
