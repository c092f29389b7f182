"""The Architecture page in a real browser."""

import re
import shutil
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.browser.browsing import Server, looks, screenshot, settled, visit
from tests.browser.steps import choose, wait_for_graph
from tests.browser.steps import press as press_button
from ui.architecture.graph import ASSETS
from wrn.architecture import describe
from wrn.config import ModelConfig
from wrn.graph import draw


def node(page: Page, id: str):
    return page.locator(f"svg .node[data-id='{id}']")


def graph(page: Page):
    return page.get_by_role("img", name=re.compile("^WRN-"))


def view_box(page: Page) -> list[float]:
    return [float(part) for part in graph(page).get_attribute("viewBox").split()]


def choose_level(page: Page, level: str) -> None:
    page.get_by_test_id("stButtonGroup").get_by_text(level, exact=True).click()


def press(page: Page, *keys: str) -> None:
    frame = page.get_by_role("application", name=re.compile("^Graph of"))
    for key in keys:
        frame.press(key)


@pytest.fixture
def start(page: Page, server: Server) -> Page:
    visit(page, server.url)
    wait_for_graph(page, "WRN-16-2")
    return page


def test_first_sight(start):
    expect(start.get_by_role("heading", name="Architecture")).to_be_visible()
    expect(graph(start)).to_have_attribute("aria-label", re.compile("^WRN-16-2: "))
    expect(start.locator("svg .node")).to_have_count(51)
    # The whole graph lies within the view.
    view = graph(start).bounding_box()
    for id in ("input", "dense", "group3_block2_add"):
        box = node(start, id).bounding_box()
        assert view["x"] <= box["x"]
        assert box["x"] + box["width"] <= view["x"] + view["width"]
        assert view["y"] <= box["y"]
        assert box["y"] + box["height"] <= view["y"] + view["height"]


def test_levels(start):
    for level, count in (("Network", 9), ("Blocks", 12), ("Layers", 51)):
        choose_level(start, level)
        expect(start.locator("svg .node")).to_have_count(count)


def test_click_shows_the_facts_and_marks_the_node(start):
    node(start, "group2_block1_conv1").click()
    facts = start.locator(".st-key-facts")
    expect(facts).to_contain_text("group2_block1_conv1")
    expect(facts).to_contain_text("16×16×64")
    expect(facts).to_contain_text("18,432")  # 3 * 3 * 32 * 64
    expect(node(start, "group2_block1_conv1")).to_have_class(re.compile("selected"))
    press(start, "n")
    expect(facts).to_contain_text("group2_block1_bn2")
    press(start, "Escape")
    expect(facts).to_have_count(0)


def test_a_click_on_the_background_selects_nothing(start):
    node(start, "dense").click()
    expect(start.locator(".st-key-facts")).to_be_visible()
    graph(start).click(position={"x": 8, "y": 8})
    expect(start.locator(".st-key-facts")).to_have_count(0)


def test_wheel_zooms_and_drag_moves_and_fit_returns(start):
    fitted = view_box(start)
    graph(start).hover()
    start.mouse.wheel(0, -300)
    expect(graph(start)).not_to_have_attribute("viewBox", " ".join(map(str, fitted)))
    zoomed = view_box(start)
    assert zoomed[2] < fitted[2]
    box = graph(start).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    start.mouse.move(x, y)
    start.mouse.down()
    start.mouse.move(x + 90, y + 30, steps=3)
    start.mouse.up()
    moved = view_box(start)
    scale = zoomed[2] / box["width"]
    assert moved[0] == pytest.approx(zoomed[0] - 90 * scale, abs=0.5)
    assert moved[1] == pytest.approx(zoomed[1] - 30 * scale, abs=0.5)
    start.get_by_role("button", name="Fit the graph into the view").click()
    assert view_box(start) == pytest.approx(fitted)
    # A drag is no click.
    expect(start.locator(".st-key-facts")).to_have_count(0)


def test_a_drag_that_leaves_the_graph_at_once_does_not_stick(start):
    press(start, "+", "+")
    zoomed = view_box(start)
    box = graph(start).bounding_box()
    y = box["y"] + box["height"] / 2
    # At one move from inside to outside the graph does not learn of the release.
    start.mouse.move(box["x"] + 2, y)
    start.mouse.down()
    start.mouse.move(box["x"] - 40, y)
    start.mouse.up()
    start.mouse.move(box["x"] + 300, y, steps=5)
    assert view_box(start) == zoomed
    assert "dragging" not in (graph(start).get_attribute("class") or "")


def test_a_selected_node_is_read_out(start):
    press(start, "n", "n")
    spoken = start.locator("[aria-live=polite]", has_text="conv1, ")
    expect(spoken).to_contain_text("Output: ")
    press(start, "Escape")
    expect(start.locator(".spoken")).to_be_empty()


def test_a_fitted_graph_lets_the_page_scroll(start):
    fitted = view_box(start)
    graph(start).hover()
    start.mouse.wheel(0, 400)
    expect(start.get_by_role("heading", name="Training")).to_be_in_viewport()
    assert view_box(start) == fitted


def test_keys_zoom_and_move(start):
    fitted = view_box(start)
    press(start, "+", "+")
    zoomed = view_box(start)
    assert zoomed[2] == pytest.approx(fitted[2] / 1.25**2, rel=0.01)
    press(start, "ArrowRight")
    assert view_box(start)[0] > zoomed[0]
    press(start, "0")
    assert view_box(start) == pytest.approx(fitted)


def test_zoom_stays_when_a_node_is_selected(start):
    press(start, "+", "+")
    zoomed = view_box(start)
    node(start, "group2_block1_conv1").click()
    expect(start.locator(".st-key-facts")).to_be_visible()
    settled(start)
    assert view_box(start) == zoomed


def test_a_changed_setting_redraws_the_same_svg(start):
    graph(start).evaluate("svg => { svg.kept = true }")
    start.get_by_test_id("stSlider").filter(has_text="Depth").get_by_role(
        "slider"
    ).press("ArrowRight")
    expect(start.locator("svg .node")).to_have_count(72)
    expect(graph(start)).to_have_attribute("aria-label", re.compile("^WRN-22-2"))
    assert graph(start).evaluate("svg => svg.kept")


def test_settings_live_in_the_url(start, server):
    start.get_by_test_id("stSlider").filter(has_text="Widen factor").get_by_role(
        "slider"
    ).press("ArrowRight")
    expect(start).to_have_url(re.compile("widen_factor=3"))
    choose_level(start, "Blocks")
    expect(start).to_have_url(re.compile("level=Blocks"))
    start.reload()
    expect(graph(start)).to_have_attribute("aria-label", re.compile("^WRN-16-3"))
    expect(start.locator("svg .node")).to_have_count(12)


def test_a_link_reproduces_the_view(server, page):
    visit(page, f"{server.url}/?depth=28&widen_factor=10&dropout=0.3&level=Network")
    expect(graph(page)).to_have_attribute("aria-label", re.compile("^WRN-28-10"))
    expect(page.locator("svg .node")).to_have_count(9)
    expect(
        page.get_by_test_id("stMetric").filter(has_text="Parameters")
    ).to_contain_text("36,479,194")


def test_dot_is_downloaded(start, tmp_path):
    with start.expect_download() as download:
        start.get_by_role("button", name="DOT", exact=True).click()
    assert download.value.suggested_filename == "WRN-16-2-layers.dot"
    text = Path(download.value.path()).read_text("utf-8")
    assert text.startswith("digraph")
    assert "group3_block2_conv2" in text


@pytest.mark.skipif(shutil.which("dot") is None, reason="Needs Graphviz")
def test_pictures_are_downloaded(start):
    for name, content in (("SVG", b"<svg"), ("PNG", b"\x89PNG"), ("PDF", b"%PDF-")):
        with start.expect_download() as download:
            start.get_by_role("button", name=name, exact=True).click()
        assert download.value.suggested_filename == f"WRN-16-2-layers.{name.lower()}"
        assert content in Path(download.value.path()).read_bytes()[:2_000]


def test_two_networks_side_by_side(start):
    choose(start, "Compare with", "WRN-28-10")
    expect(start).to_have_url(re.compile("versus=WRN-28-10"))
    # Cells are drawn on a canvas, with a table for screen readers in it.
    cells = start.get_by_role("gridcell", include_hidden=True)
    for words in ("36,479,194", "52.7×"):
        expect(cells.get_by_text(words, exact=True)).to_be_attached()
    shares = start.locator(".st-key-shares_second").get_by_role("figure")
    expect(shares).to_have_attribute("aria-label", re.compile("Group 3: .*%"))
    screenshot(start, "architecture-comparison")


def test_a_published_network_is_carried_over_to_train(start):
    choose(start, "Published", "WRN-40-4")
    wait_for_graph(start, "WRN-40-4")
    press_button(start, "Train this network")
    expect(start.get_by_role("heading", name="Train", level=1)).to_be_visible()
    for name, value in (("Depth", "40"), ("Widen factor", "4")):
        expect(start.get_by_role("slider", name=name)).to_have_attribute(
            "aria-valuetext", value
        )


def test_the_way_back_from_train_leads_to_the_network_that_went_there(page, server):
    visit(page, f"{server.url}/?depth=28&widen_factor=10")
    wait_for_graph(page, "WRN-28-10")
    press_button(page, "Train this network")
    page.wait_for_url(re.compile(r"/train\?depth=28&widen_factor=10"))
    settled(page)
    page.go_back()
    page.wait_for_url(re.compile(r"\?depth=28&widen_factor=10"))
    if "/train?" in page.url:
        # The page without parameters, which it has had for a moment on the way there.
        settled(page)
        depth = page.get_by_role("slider", name="Depth")
        expect(depth).to_have_attribute("aria-valuetext", "28")
        page.go_back()
        page.wait_for_url(f"{server.url}/?depth=28&widen_factor=10")
    expect(page.get_by_role("heading", name="Architecture", level=1)).to_be_visible()
    wait_for_graph(page, "WRN-28-10")
    settled(page)
    expect(page).to_have_url(f"{server.url}/?depth=28&widen_factor=10")
    expect(page).to_have_title("Architecture · Wide ResNets")


def test_a_call_of_streamlit_that_comes_late_draws_nothing(page):
    page.set_content((ASSETS / "graph_view.html").read_text("utf-8"))
    networks = [
        draw(describe(ModelConfig(depth=16, widen_factor=factor)), "network").to_dict()
        for factor in (2, 3)
    ]
    page.evaluate(
        """async ([script, older, newer]) => {
            const file = new Blob([script], { type: "text/javascript" });
            const { default: show } = await import(URL.createObjectURL(file));
            const call = (data) => show({
                data, parentElement: document.body, setStateValue: () => {},
            });
            call(newer);
            // What Streamlit does with one that it had given up before it was made.
            Promise.resolve(call(older)).then((undo) => undo());
        }""",
        [(ASSETS / "graph_view.js").read_text("utf-8"), *networks],
    )
    expect(graph(page)).to_have_attribute("aria-label", re.compile("^WRN-16-3: "))


def test_a_change_before_the_page_has_heard_of_the_last_one_is_kept(page, server):
    late: list[bytes] = []
    slow = False

    def relay(browser: WebSocketRoute) -> None:
        def tell(message: bytes) -> None:
            late.append(message) if slow else browser.send(message)

        told = browser.connect_to_server()
        told.on_message(tell)
        browser.on_message(told.send)
        relays.append(browser)

    relays: list[WebSocketRoute] = []
    page.route_web_socket(re.compile("/_stcore/stream"), relay)
    visit(page, server.url)
    wait_for_graph(page, "WRN-16-2")
    settled(page)
    slow = True
    page.get_by_role("slider", name="Depth").press("ArrowRight")
    deadline = time.monotonic() + 60
    while not any(ForwardMsg.FromString(m).HasField("script_finished") for m in late):
        assert time.monotonic() < deadline
        page.wait_for_timeout(20)
    page.get_by_role("slider", name="Widen factor").press("ArrowRight")
    slow = False
    for message in late:
        relays[-1].send(message)
    wait_for_graph(page, "WRN-22-3")
    expect(page).to_have_url(re.compile("depth=22&widen_factor=3"))


def test_the_back_button_returns_to_the_view_before(start):
    choose_level(start, "Blocks")
    expect(start.locator("svg .node")).to_have_count(12)
    start.get_by_role("link", name="Evaluate", exact=True).click()
    expect(start.get_by_role("heading", name="Evaluate", level=1)).to_be_visible()
    settled(start)
    start.go_back()
    expect(start.get_by_role("heading", name="Architecture", level=1)).to_be_visible()
    expect(start.locator("svg .node")).to_have_count(12)


def test_cold_deep_link_shows_the_frame(fresh_server, page):
    visit(page, f"{fresh_server.url}/train")
    expect(page.get_by_role("heading", name="Train")).to_be_visible()
    for name in ("Architecture", "Train", "Evaluate", "Classify", "Runs"):
        expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
    # The old kind of menu has the name of the script's file.
    expect(page.get_by_role("link", name="dashboard")).to_have_count(0)
    page.get_by_role("link", name="Architecture", exact=True).click()
    expect(node(page, "dense")).to_be_visible()


def test_the_server_loads_no_tensorflow_for_the_first_page(fresh_server, page):
    maps = Path(f"/proc/{fresh_server.process.pid}/maps")
    if not maps.exists():
        pytest.skip("Needs /proc")
    visit(page, fresh_server.url)
    expect(node(page, "dense")).to_be_visible()
    loaded = maps.read_text()
    assert "streamlit" in loaded or "python" in loaded
    assert "tensorflow" not in loaded


def test_looks(start):
    looks(start, "architecture", height=1000, narrow_height=1000)
