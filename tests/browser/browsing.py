"""Helpers of the browser tests: a real server, and what a visitor does."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

ROOT = Path(__file__).parents[2]
ARTIFACTS = ROOT / "test-artifacts"
#: Streamlit's own mark of a finished run.
IDLE = (
    "[data-testid=stApp][data-test-script-state=notRunning]"
    "[data-test-connection-state=CONNECTED]"
)
#: The backgroundColor of each theme in config.toml, as browsers write it.
BACKGROUNDS = {"light": "rgb(255, 255, 255)", "dark": "rgb(17, 22, 31)"}


@dataclass(frozen=True)
class Server:
    """A running `streamlit run`."""

    url: str
    process: subprocess.Popen[bytes]
    runs: Path
    log: Path


@contextlib.contextmanager
def serve(home: Path, script: str = "dashboard.py") -> Iterator[Server]:
    """Start a server on a free port and stop it in the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", script]
    options = {
        "server.port": port,
        "server.headless": "true",
        "server.fileWatcherType": "none",
    }
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    log = home / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {"WRN_HOME": str(home / "runs")},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    server = Server(f"http://127.0.0.1:{port}", process, home / "runs", log)
    try:
        _wait_for_health(server)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for_health(server: Server) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{server.url}/_stcore/health", timeout=5).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"The server did not start:\n{server.log.read_text()}")


def visit(page: Page, url: str) -> None:
    """Open an address and wait until Streamlit has shown the page."""
    page.goto(url)
    settled(page)


def settled(page: Page) -> None:
    """Wait until Streamlit has run to the end. Not for pages that poll."""
    # Looked at with each frame; `expect` would look once a second in the end.
    page.wait_for_function(
        "selector => document.querySelector(selector)", arg=IDLE, timeout=60_000
    )


def change_theme(page: Page, theme: str) -> None:
    """Prefer a theme, "light" or "dark", and wait until the page shows it."""
    page.emulate_media(color_scheme=theme)
    app = page.get_by_test_id("stApp")
    expect(app).to_have_css("background-color", BACKGROUNDS[theme])
    settled(page)


def looks(page: Page, name: str, *, height: int, narrow_height: int) -> None:
    """Keep pictures of a page in both themes, wide and narrow; nothing sticks out."""
    for theme in ("light", "dark"):
        for width in (1280, 390):
            change_theme(page, theme)
            page.set_viewport_size(
                {"width": width, "height": height if width > 400 else narrow_height}
            )
            settled(page)
            # Tables take the new width a moment later.
            page.wait_for_function(
                """() => {
                    const main = document.querySelector("[data-testid=stMain]");
                    return main.scrollWidth <= main.clientWidth;
                }"""
            )
            screenshot(page, f"{name}-{theme}-{width}")


def screenshot(page: Page, name: str) -> Path:
    """Keep a picture of the page in `test-artifacts/`."""
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    ARTIFACTS.mkdir(exist_ok=True)
    path = ARTIFACTS / f"{name}.png"
    page.screenshot(path=path)
    return path
