"""The Evaluate page in a real browser."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.browsing import (
    ROOT,
    Server,
    looks,
    screenshot,
    serve,
    settled,
    visit,
)
from tests.browser.steps import accuracy, choose, evaluate, press, upload
from wrn.data import load_cached

RUN = "trained"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one run on synthetic images and its weights, stored."""
    home = tmp_path_factory.mktemp("evaluate")
    command = "train --depth 10 --widen-factor 1 --epochs 2 --limit 2000 --quiet"
    folders = ["--data", "synthetic", "--runs-folder", str(home / "runs")]
    subprocess.run(
        [sys.executable, "-m", "wrn", *command.split(), "--run", RUN, *folders],
        cwd=ROOT,
        check=True,
    )
    models = home / "models"
    models.mkdir()
    weights = home / "runs" / RUN / "best.weights.h5"
    shutil.copy(weights, models / "WRN-10-1.weights.h5")
    card = {
        "recipe": "2 epochs, for this test",
        "data": "Synthetic",
        "epochs": 2,
        "test_accuracy": 0.5,
    }
    (models / "WRN-10-1.json").write_text(json.dumps(card))
    return home


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WRN_MODELS", str(home / "models"))
        patch.setenv("WRN_DATA", "synthetic")
        with serve(home) as running:
            yield running


def test_stored_weights_on_samples(page, server):
    visit(page, f"{server.url}/evaluate")
    facts = page.locator(".st-key-recognized")
    expect(facts).to_contain_text("WRN-10-1")
    expect(facts).to_contain_text("50.00%")
    choose(page, "How many", "250")
    evaluate(page, "WRN-10-1")
    # Two epochs teach it more than guessing.
    assert float(accuracy(page).rstrip("%")) > 15
    expect(page.get_by_test_id("stAlert")).to_contain_text("Synthetic images")
    for name in (
        "Accuracy of each class",
        "Number of images by true and predicted",
        "How often the network is right by how sure it is",
    ):
        chart = page.get_by_role("figure", name=re.compile(name))
        expect(chart.locator("svg.main-svg").first).to_be_visible()
    images = page.locator(".st-key-images img")
    expect(images).to_have_count(24)
    page.get_by_role("radio", name="Confident mistakes").click()
    expect(page.locator(".st-key-images")).not_to_contain_text("✓")
    expect(page.locator(".st-key-images")).to_contain_text("✗")


def test_the_result_as_files(page, server):
    visit(page, f"{server.url}/evaluate?weights=WRN-10-1")
    choose(page, "How many", "100")
    evaluate(page, "WRN-10-1")
    shown = accuracy(page)
    texts = {}
    for name, file in (
        ("Report as JSON", "WRN-10-1-evaluation.json"),
        ("Report as a page", "WRN-10-1-evaluation.html"),
        ("Predictions as CSV", "WRN-10-1-evaluation.csv"),
    ):
        with page.expect_download() as download:
            press(page, name)
        assert download.value.suggested_filename == file
        texts[name] = download.value.path().read_text("utf-8")
    assert shown == f"{json.loads(texts['Report as JSON'])['accuracy']:.2%}"
    assert texts["Predictions as CSV"].count("\n") == 101
    # The page stands alone: the fixture fails it for any request to elsewhere.
    page.set_content(texts["Report as a page"])
    expect(page.get_by_role("heading", level=1)).to_contain_text("WRN-10-1")
    expect(page.get_by_text(shown).first).to_be_visible()
    assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
    screenshot(page, "evaluate-report")


def test_an_evaluation_is_stopped_and_keeps_its_part(page, server, home):
    # A network that takes seconds for the images, so that they are left for the click.
    name = "WRN-16-4"
    shutil.copy(ROOT / "models" / f"{name}.weights.h5", home / "models")
    visit(page, f"{server.url}/evaluate?weights={name}")
    expect(page.locator(".st-key-recognized")).to_contain_text(name)
    choose(page, "How many", "All")
    page.get_by_text("Test-time flip", exact=True).click()
    page.get_by_role("button", name="Evaluate", exact=True).click()
    progress = page.get_by_text(re.compile(r"^[1-9][\d,]* of [\d,]+ images · accuracy"))
    expect(progress).to_be_visible(timeout=120_000)
    press(page, "Stop")
    stopped = page.get_by_text(re.compile(r"^Stopped after [\d,]+ of [\d,]+ images"))
    expect(stopped).to_be_visible()
    expect(page.get_by_text("each averaged with its mirror image")).to_be_visible()


def test_a_cell_of_the_confusion_matrix_shows_its_images(page, server):
    visit(page, f"{server.url}/evaluate?weights=WRN-10-1")
    choose(page, "How many", "250")
    evaluate(page, "WRN-10-1")
    chart = page.get_by_role("figure", name=re.compile("true and predicted"))
    cells = chart.locator(".nsewdrag").first
    expect(cells).to_be_visible()
    # The fullest cell of the diagonal, so that there is something to show.
    counts = chart.evaluate(
        "div => div._fullData[0].customdata.map(row => row.map(cell => cell[0]))"
    )
    names = chart.evaluate("div => div._fullData[0].x")
    number = max(range(len(names)), key=lambda index: counts[index][index])
    cells.scroll_into_view_if_needed()
    box = cells.bounding_box()
    part = (number + 0.5) / len(names)
    page.mouse.click(box["x"] + part * box["width"], box["y"] + part * box["height"])
    count = counts[number][number]
    expect(page.get_by_text(f"{min(count, 24)} of {count} images.")).to_be_visible()
    settled(page)
    expect(page.get_by_role("combobox", name=re.compile("True class"))).to_have_value(
        names[number]
    )
    expect(page.locator(".st-key-images")).not_to_contain_text("✗")
    screenshot(page, "evaluate-cell")


def test_weights_of_a_run_by_a_link(page, server, home):
    visit(page, f"{server.url}/evaluate?weights={RUN}/last")
    expect(page.locator(".st-key-recognized")).to_contain_text("Synthetic")
    choose(page, "How many", "All")
    evaluate(page, f"{RUN}/last")
    shown = accuracy(page)
    # All test images of the training were 2,000 too, and so was the limit.
    lines = (home / "runs" / RUN / "metrics.jsonl").read_text().splitlines()
    assert shown == f"{json.loads(lines[-1])['test_accuracy']:.2%}"
    stored = json.loads((home / "runs" / RUN / "evaluation.json").read_text())
    assert shown == f"{stored['accuracy']:.2%}"


def test_chosen_weights_live_in_the_url(page, server):
    visit(page, f"{server.url}/evaluate")
    choose(page, "Weights", f"{RUN}/best")
    expect(page).to_have_url(re.compile(f"weights={RUN}(/|%2F)best"))
    page.reload()
    settled(page)
    expect(page.get_by_role("combobox", name=re.compile("Weights"))).to_have_value(
        f"{RUN}/best"
    )


def test_upload_written_by_keras(page, server, keras_file):
    visit(page, f"{server.url}/evaluate?weights=Upload+a+file")
    upload(page, keras_file)
    facts = page.locator(".st-key-recognized")
    expect(facts).to_contain_text("WRN-10-1")
    expect(facts).to_contain_text("legacy model")
    choose(page, "How many", "100")
    evaluate(page, "from keras.h5", images="100")
    labels = load_cached("synthetic").test.labels[:100]
    assert accuracy(page) == f"{(labels == 3).mean():.2%}"
    expect(page.get_by_test_id("stMain")).to_contain_text("from keras.h5")
    # What was found out the first time serves the second.
    choose(page, "How many", "250")
    evaluate(page, "from keras.h5", images="250")
    labels = load_cached("synthetic").test.labels[:250]
    assert accuracy(page) == f"{(labels == 3).mean():.2%}"
    expect(page.get_by_text("Traceback")).to_have_count(0)
    # The browser gave the file to this page alone; the next one has it all the same.
    page.get_by_role("link", name="Classify").click()
    expect(page.get_by_text("Uploaded before: from keras.h5")).to_be_visible()
    settled(page)
    expect(facts).to_contain_text("WRN-10-1")
    screenshot(page, "classify-uploaded-before")
    press(page, "Classify")
    expect(page.get_by_text("As the network sees it")).to_be_visible(timeout=60_000)


def test_upload_that_is_no_weight_file(page, server):
    visit(page, f"{server.url}/evaluate?weights=Upload+a+file")
    upload(
        page,
        {"name": "notes.h5", "mimeType": "text/plain", "buffer": b"Dear diary, ..."},
    )
    alert = page.get_by_test_id("stAlert")
    expect(alert).to_contain_text("must be HDF5 (.h5, .hdf5) or a .keras archive")
    expect(alert).to_contain_text("Received: text")
    expect(page.get_by_role("button", name="Evaluate", exact=True)).to_be_disabled()
    expect(page.get_by_text("Traceback")).to_have_count(0)


def test_looks(page, server):
    visit(page, f"{server.url}/evaluate?weights=WRN-10-1")
    choose(page, "How many", "250")
    evaluate(page, "WRN-10-1")
    expect(page.locator("svg.main-svg").first).to_be_visible()
    expect(page.locator(".st-key-images img")).to_have_count(24)
    looks(page, "evaluate", height=2000, narrow_height=3600)
    # The cells are square: higher than wide, the narrow chart would be half empty.
    matrix = page.get_by_role("figure", name=re.compile("true and predicted"))
    assert matrix.bounding_box()["height"] < 1.2 * 390
