"""How fast the pages are. The times are kept in `test-artifacts/speeds.json`.

They are told, not asserted: on a busy machine they would say nothing. What goes over
the wire does not depend on the machine, and is.
"""

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page, WebSocket, expect

from tests.browser.browsing import ARTIFACTS, Server, serve, settled, visit
from tests.browser.steps import (
    press,
    reached,
    start_training,
    wait_for_graph,
    wait_for_points,
    wait_until_reached,
)
from tests.training_fakes import epoch_record, step_record
from wrn.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from wrn.runs import RunStore, Status

pytestmark = pytest.mark.speed

#: Bytes that a live update of the longest training may send.
MOST_BYTES = 20_000

#: A message with the curves of such a training has more.
CHART_BYTES = 8_000

#: A training of the paper's length, with a record every 10 steps or so.
EPOCHS, RECORDS = 200, 40

#: Visits of each page while a training runs.
VISITS = 5


@pytest.fixture(scope="module")
def told():
    """Collect the figures; write them in the end."""
    figures: dict[str, float] = {}
    yield figures
    ARTIFACTS.mkdir(exist_ok=True)
    (ARTIFACTS / "speeds.json").write_text(json.dumps(figures, indent=1))
    print(figures)


def computing(server: Server) -> float:
    """Return the seconds that a server has computed."""
    times = psutil.Process(server.process.pid).cpu_times()
    return times.user + times.system


def seconds(action: Callable[[], object]) -> float:
    began = time.monotonic()
    action()
    return round(time.monotonic() - began, 3)


def test_first_page_of_a_cold_server(browser, tmp_path, told):
    page = browser.new_page()
    began = time.monotonic()
    with serve(tmp_path) as server:
        page.goto(server.url)
        wait_for_graph(page, "WRN-16-2")
        told["first page, cold server, seconds"] = round(time.monotonic() - began, 3)
        page.close()


def test_a_changed_slider_and_the_largest_graph(page: Page, server: Server, told):
    visit(page, server.url)
    wait_for_graph(page, "WRN-16-2")
    slider = page.get_by_role("slider", name="Widen factor")
    times = []
    for widen_factor in range(3, 9):

        def change(name: str = f"WRN-16-{widen_factor}") -> None:
            slider.press("ArrowRight")
            wait_for_graph(page, name)

        times.append(seconds(change))
    told["changed slider, median seconds"] = statistics.median(times)
    told["WRN-40-10, layers, seconds"] = seconds(
        lambda: (
            page.goto(f"{server.url}/?depth=40&widen_factor=10&level=layers"),
            wait_for_graph(page, "WRN-40-10", nodes=135),
        )
    )
    settled(page)


@pytest.fixture
def long_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a server and a run near its end, which this process keeps alive."""
    with serve(tmp_path) as server:
        monkeypatch.setenv("WRN_HOME", str(server.runs))
        config = RunConfig(
            model=ModelConfig(depth=16, widen_factor=2),
            data=DataConfig(source="synthetic"),
            train=TrainConfig(epochs=EPOCHS),
        )
        run = RunStore().create(config, "long")
        for epoch in range(1, EPOCHS):
            for step in range(1, RECORDS + 1):
                # Uneven, so that nothing is left out for being straight.
                record = step_record(epoch, step)
                record["train_loss"] *= 1 + (epoch * step % 7) / 10
                run.record(record | {"learning_rate": 0.1 / epoch})
            run.record(epoch_record(epoch, RECORDS, 0.5 + epoch % 9 / 100))
        progress = {"phase": "training", "epoch": EPOCHS, "epochs": EPOCHS}
        run.write_status(
            Status(
                state="running",
                created=time.time(),
                progress=progress | {"step": 1, "steps": RECORDS},
            )
        )
        yield server, run


def test_a_live_update(browser, long_run, told):
    server, run = long_run
    page = browser.new_page()
    received: list[int] = []

    def count(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: received.append(len(frame)))

    page.on("websocket", count)
    page.goto(f"{server.url}/runs?run=long")
    wait_for_points(page, 100)
    updates = []
    first = len(received)
    computed = computing(server)
    for step in range(1, 6):
        shown = reached(page)
        before = sum(received)
        run.record(step_record(EPOCHS, step))
        wait_until_reached(page, shown + 1e-6)
        updates.append(sum(received) - before)
    # The page is updated every second, whether there is a new point or not.
    drawn = sum(size > CHART_BYTES for size in received[first:])
    told["live update of 200 epochs, seconds of computing on the server"] = round(
        (computing(server) - computed) / drawn, 4
    )
    told["live update of 200 epochs, median bytes"] = statistics.median(updates)
    page.close()
    assert statistics.median(updates) <= MOST_BYTES


@pytest.mark.long
def test_pages_answer_while_a_training_has_all_cores(browser, fresh_server, told):
    page = browser.new_page()
    visit(page, f"{fresh_server.url}/train?depth=16&widen_factor=2")
    start_training(page, limit=2000, batch_size=128, epochs=200)
    wait_for_points(page, 3)
    times = []
    for name in ("Architecture", "Evaluate", "Classify", "Runs", "Train") * VISITS:

        def go(name: str = name) -> None:
            page.get_by_role("link", name=name, exact=True).click()
            expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
            settled(page)

        times.append(seconds(go))
    told["page while training, 95th percentile, seconds"] = round(
        statistics.quantiles(times, n=20)[-1], 3
    )
    # The training was not disturbed.
    expect(page.locator(".stMarkdownBadge").get_by_text("running")).to_be_visible()
    press(page, "Stop")
    press(page, "Stop training")
    expect(page.locator(".stMarkdownBadge").get_by_text("stopped")).to_be_visible()
    page.close()
