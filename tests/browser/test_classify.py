"""The Classify page in a real browser."""

import io
import re

from PIL import Image
from playwright.sync_api import expect

from tests.browser.browsing import screenshot, settled, visit
from tests.browser.steps import press, upload


def picture() -> dict[str, object]:
    file = io.BytesIO()
    Image.new("RGB", (640, 400), (30, 90, 200)).save(file, "JPEG")
    return {"name": "blue.jpg", "mimeType": "image/jpeg", "buffer": file.getvalue()}


def test_own_picture_with_stored_weights(server, page):
    visit(page, f"{server.url}/classify?weights=WRN-10-1")
    page.get_by_role("radio", name="My own pictures").click()
    settled(page)
    upload(page, picture())
    expect(page.get_by_role("button", name="Classify", exact=True)).to_be_enabled()
    press(page, "Classify")
    # TensorFlow is loaded.
    expect(page.get_by_text("As the network sees it")).to_be_visible(timeout=120_000)
    settled(page)
    expect(page.get_by_text("blue.jpg, WRN-10-1")).to_be_visible()
    for name in ("blue.jpg, 32x32", "Grad-CAM for", "16 filters", "16 maps of"):
        shown = page.get_by_role("img", name=re.compile(name))
        expect(shown).to_be_visible()
        # Fetched, not only named.
        assert shown.evaluate("image => image.naturalWidth") > 30
    chart = page.get_by_role("figure", name=re.compile(r"\d%, "))
    expect(chart.locator("svg.main-svg").first).to_be_visible()
    screenshot(page, "classify")
    # Another layer is shown at once.
    page.get_by_role("combobox", name=re.compile("Layer")).click()
    page.keyboard.type("group3_block1_conv1")
    page.get_by_role("option", name="group3_block1_conv1").click()
    expect(page.get_by_role("img", name=re.compile("64 maps of"))).to_be_visible()


def test_a_file_that_is_no_picture_is_refused_in_words(server, page):
    visit(page, f"{server.url}/classify?weights=WRN-10-1")
    page.get_by_role("radio", name="My own pictures").click()
    settled(page)
    upload(page, {"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"})
    expect(page.get_by_role("button", name="Classify", exact=True)).to_be_enabled()
    press(page, "Classify")
    alert = page.get_by_test_id("stAlert")
    expect(alert).to_contain_text("A picture must be in one of the formats")
