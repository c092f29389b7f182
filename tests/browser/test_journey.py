"""The main job end to end, as one visitor does it on one server."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import steps
from tests.browser.browsing import Server, screenshot, serve, visit


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """Return a server with the weights that the repository ships."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("WRN_MODELS", raising=False)
        patch.setenv("WRN_DATA", "synthetic")
        with serve(tmp_path) as running:
            yield running


def go_to(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()


def set_network(page: Page, depth: int, widen_factor: int) -> None:
    for name, wanted in (("Depth", depth), ("Widen factor", widen_factor)):
        slider = page.get_by_role("slider", name=name)
        for _ in range(20):
            shown = int(slider.get_attribute("aria-valuetext") or "")
            if shown == wanted:
                break
            slider.press("ArrowRight" if shown < wanted else "ArrowLeft")
        # One change is seen before the next is made.
        named = str(depth) if name == "Depth" else f"{depth}-{widen_factor}:"
        expect(page.get_by_role("img", name=re.compile("^WRN-"))).to_have_attribute(
            "aria-label", re.compile(f"^WRN-{named}")
        )


def test_the_main_job(own_server, page, keras_file):
    # See the architecture: away from the first network, and back to 16/2.
    visit(page, own_server.url)
    steps.wait_for_graph(page, "WRN-16-2")
    set_network(page, 22, 3)
    set_network(page, 16, 2)
    expect(page.locator("svg .node")).to_have_count(51)

    # Train, watch, reload.
    go_to(page, "Train")
    steps.start_training(page, limit=512, batch_size=32, epochs=200)
    steps.wait_for_points(page, 2)
    expect(page.get_by_role("heading", name=re.compile("^WRN-16-2_"))).to_be_visible()
    page.reload()
    expect(steps.state(page, "running")).to_be_visible()
    steps.wait_for_points(page, 3)
    screenshot(page, "journey-train")

    # Test the stored weights while the training goes on.
    go_to(page, "Evaluate")
    steps.choose(page, "Weights", "WRN-10-1")
    steps.choose(page, "How many", "100")
    steps.evaluate(page, "WRN-10-1")
    assert 0 <= float(steps.accuracy(page).rstrip("%")) <= 100

    # Upload what Keras wrote: it answers "3" to every image.
    steps.choose(page, "Weights", "Upload a file")
    steps.upload(page, keras_file)
    expect(page.locator(".st-key-recognized")).to_contain_text("legacy model")
    steps.evaluate(page, "from keras.h5")
    assert float(steps.accuracy(page).rstrip("%")) < 30

    # Upload what is no weight file.
    steps.upload(
        page, {"name": "notes.h5", "mimeType": "text/plain", "buffer": b"Dear diary"}
    )
    expect(page.get_by_test_id("stAlert").first).to_contain_text("Received: text")

    # All the while the training was unharmed.
    go_to(page, "Train")
    expect(steps.state(page, "running")).to_be_visible()
    steps.press(page, "Stop")
    steps.press(page, "Stop training")
    expect(steps.state(page, "stopped")).to_be_visible()
