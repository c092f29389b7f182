"""Weight files of other programs in a real browser: recognized, converted, refused."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests import weight_files
from tests.browser.browsing import ROOT, Server, screenshot, serve, visit
from tests.browser.steps import accuracy, choose, evaluate, upload
from tests.conftest import real_images

NAME = "WRN-16-2"


def source() -> str:
    """Return the real images where they are, else the synthetic ones."""
    with contextlib.suppress(pytest.skip.Exception):
        return str(real_images())
    return "synthetic"


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, temporary: Path
) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WRN_DATA", source())
        patch.setenv("TMPDIR", str(temporary))
        with serve(tmp_path_factory.mktemp("old")) as running:
            yield running


def open_uploader(page: Page, server: Server) -> None:
    visit(page, f"{server.url}/evaluate?weights=Upload+a+file")


def test_theano_file_reaches_the_accuracy_of_the_original(
    page, server, tmp_path, temporary
):
    visit(page, f"{server.url}/evaluate?weights={NAME}")
    choose(page, "How many", "250")
    evaluate(page, NAME)
    expected = accuracy(page), loss(page)
    if source() != "synthetic":
        assert float(expected[0].rstrip("%")) > 80
        metrics = page.locator(".st-key-result_metrics").get_by_test_id("stMetric")
        expect(metrics.filter(has_text="Published")).to_contain_text("93.69%")

    stored = ROOT / "models" / f"{NAME}.weights.h5"
    old = weight_files.rewrite_for_theano(stored, tmp_path / "from 2016.h5", 16, 2)
    open_uploader(page, server)
    upload(page, old)
    main = page.get_by_test_id("stMain")
    facts = page.locator(".st-key-recognized")
    expect(facts).to_contain_text(NAME)
    expect(facts).to_contain_text("Keras 1.2.2 (theano)")
    expect(main).to_contain_text(
        "Kernels were transposed from (out, in, height, width)"
    )
    expect(main).to_contain_text("Kernels were rotated by 180 degrees")
    choose(page, "How many", "250")
    evaluate(page, old.name)
    assert (accuracy(page), loss(page)) == expected
    page.set_viewport_size({"width": 1280, "height": 1600})
    expect(page.locator("svg.main-svg").first).to_be_visible()
    screenshot(page, "evaluate-theano")

    with page.expect_download(timeout=120_000) as download:
        page.get_by_role("button", name="Download as this program's own file").click()
    assert download.value.suggested_filename == f"{NAME}.weights.h5"
    own = tmp_path / "own.weights.h5"
    download.value.save_as(own)
    open_uploader(page, server)
    upload(page, own)
    expect(facts).to_contain_text("this program")
    expect(main).not_to_contain_text("rotated by 180 degrees")
    expect(page.get_by_role("button", name=re.compile("own file"))).to_have_count(0)
    choose(page, "How many", "250")
    evaluate(page, own.name)
    assert (accuracy(page), loss(page)) == expected
    assert list(temporary.glob("wrn-*")) == []


def test_resnet_is_named_and_refused(page, server, tmp_path, temporary):
    layers = weight_files.resnet(20)
    open_uploader(page, server)
    upload(page, weight_files.write_legacy(tmp_path / "resnet20_cifar10.h5", layers))
    alert = page.get_by_test_id("stAlert")
    expect(alert).to_contain_text("looks like a post-activation ResNet-20")
    expect(page.get_by_role("button", name="Evaluate", exact=True)).to_be_disabled()
    expect(page.get_by_text("Traceback")).to_have_count(0)
    screenshot(page, "evaluate-resnet-20")
    assert list(temporary.glob("wrn-*")) == []


def test_a_file_beyond_the_limit_is_refused_before_it_is_sent(
    page, tmp_path, monkeypatch
):
    monkeypatch.setenv("STREAMLIT_SERVER_MAX_UPLOAD_SIZE", "1")
    large = tmp_path / "large.h5"
    large.write_bytes(bytes(2 * 2**20))
    sent = []
    with serve(tmp_path) as small:
        page.on("request", lambda r: sent.append(r.url) if r.method == "PUT" else None)
        open_uploader(page, small)
        upload(page, large)
        uploader = page.get_by_test_id("stFileUploader")
        expect(uploader).to_contain_text(re.compile(r"must be 1(\.0)?MB or smaller"))
        expect(page.get_by_role("button", name="Evaluate", exact=True)).to_be_disabled()
        expect(page.locator(".st-key-recognized")).to_have_count(0)
        # Before its server is gone, which it would complain of.
        page.goto("about:blank")
    assert sent == []


def loss(page: Page) -> str:
    metrics = page.locator(".st-key-result_metrics").get_by_test_id("stMetric")
    return metrics.filter(has_text="Loss").get_by_test_id("stMetricValue").inner_text()
