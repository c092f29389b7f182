"""A real server and a real Chromium.

Every page made here fails its test when the page asked another host for
anything, or wrote an error to the browser's console.
"""

import json
import os
import re
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    Response,
    expect,
    sync_playwright,
)

from tests import weight_files
from tests.browser.browsing import ARTIFACTS, Server, serve

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Long, since a training may have both cores of the machine.
expect.set_options(timeout=60_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell what a person would have seen when a test failed."""
    report = yield
    if report.when == "call" and report.failed:
        for fixture in getattr(item, "funcargs", {}).values():
            if isinstance(fixture, Page):
                report.sections.append(("Page", _last_sight(fixture, item.name)))
            elif isinstance(fixture, Server):
                log = fixture.log.read_text(errors="replace")
                report.sections.append(("Server", log[-4000:]))
    return report


def _last_sight(page: Page, name: str) -> str:
    """Keep a picture of a page; return its address and text."""
    try:
        ARTIFACTS.mkdir(exist_ok=True)
        page.screenshot(path=ARTIFACTS / f"failed-{name}.png")
        return f"{page.url}\n{page.locator('body').inner_text(timeout=5_000)}"
    except Error as error:
        return f"It could not be looked at: {error}"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return the server that the tests share."""
    with serve(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def fresh_server(tmp_path: Path) -> Iterator[Server]:
    """Return a server that nobody has visited yet."""
    with serve(tmp_path) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return the machine's Chromium, else the one that Playwright installed."""
    paths = map(shutil.which, ("chromium-headless-shell", "chromium"))
    path = os.environ.get("CHROMIUM") or next(filter(None, paths), None)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=path, args=CHROMIUM_ARGUMENTS
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def keras_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Let Keras write a whole model that answers class 3, whatever the image."""
    import h5py
    import keras

    network, places = weight_files.keras_wide_resnet(keras, 10, 1, shortcut_first=True)
    kernel, bias = places["dense"].get_weights()
    bias[:] = 0
    bias[3] = 1
    places["dense"].set_weights([0 * kernel, bias])
    path = tmp_path_factory.mktemp("keras") / "from keras.h5"
    network.save(path)
    # Nothing is to be found out about it, which would take its time.
    stored = {"kind": "mean-std", "mean": [125] * 3, "std": [64] * 3}
    with h5py.File(path, "a") as file:
        file.attrs["wrn"] = json.dumps({"preprocessing": stored})
    return path


@pytest.fixture(scope="session")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Return the profile that the pages share: what they load is loaded once."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """Return an empty page that watches for outside requests and errors.

    A test names its server before the page, so that the page is closed first.
    """
    page = context.new_page()
    outside: list[str] = []
    errors: list[str] = []
    inside = re.compile(
        r"^(https?|wss?)://(127\.0\.0\.1|localhost)(:\d+)?/|^(data|blob):"
    )
    page.on("request", lambda r: inside.match(r.url) or outside.append(r.url))
    page.on("websocket", lambda w: inside.match(w.url) or outside.append(w.url))
    page.on("response", lambda r: _is_refused(r) and errors.append(r.url))
    page.on("console", lambda m: _is_error(m) and errors.append(m.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert outside == []
    assert errors == []


def _is_refused(response: Response) -> bool:
    # On a deep link Streamlit looks for its server below the page's path first.
    probing = response.status == 404 and "/_stcore/" in response.url
    return response.status >= 400 and not probing


def _is_error(message: ConsoleMessage) -> bool:
    # Refused requests are looked at by themselves, where their address is known.
    refused = message.text.startswith("Failed to load resource: the server responded")
    return message.type == "error" and not refused
