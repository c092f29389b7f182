"""Plotly's script is put where Streamlit serves it."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import plotly
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from ui import live_chart

BUNDLE = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


def publish(folder):
    return live_chart.publish(BUNDLE, live_chart._BUNDLE_NAME, folder)


def test_the_script_is_published_whole_under_a_name_with_its_version(tmp_path):
    static = tmp_path / "static"
    address = publish(static)
    assert address == f"app/static/plotly-{plotly.__version__}.min.js"
    (published,) = static.iterdir()
    assert published.name == Path(address).name
    assert published.read_bytes() == BUNDLE.read_bytes()


def test_a_second_call_leaves_the_file_alone(tmp_path):
    publish(tmp_path)
    (published,) = tmp_path.iterdir()
    before = published.stat()
    publish(tmp_path)
    after = published.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_names_stand_for_the_content():
    assert plotly.__version__ in live_chart._BUNDLE_NAME
    digest = hashlib.sha256(live_chart._SCRIPT.read_bytes()).hexdigest()
    assert digest[:16] in live_chart._SCRIPT_NAME


def test_many_calls_at_once_publish_one_whole_file(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(publish, tmp_path) for _ in range(16)]
        addresses = {call.result() for call in calls}
    assert len(addresses) == 1
    (published,) = tmp_path.iterdir()
    assert published.stat().st_size == BUNDLE.stat().st_size


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "static").write_text("a file in the way")
    with pytest.raises(OSError, match="static"):
        publish(tmp_path / "static")


def in_the_way(tmp_path, monkeypatch):
    (tmp_path / "static").write_text("a file in the way")
    monkeypatch.setattr(live_chart, "STATIC", tmp_path / "static")


def serving_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("streamlit.get_option", lambda name: "Static" not in name)


@pytest.mark.parametrize("hinder", [in_the_way, serving_nothing])
def test_a_chart_is_drawn_although_its_script_cannot_be_served(
    hinder, tmp_path, monkeypatch
):
    def page(figure):
        from ui.live_chart import live_chart

        live_chart(figure, key="curve", height=300, alt="A curve.")

    hinder(tmp_path, monkeypatch)
    figure = go.Figure(go.Scatter(y=[1.5, 2.5]))
    shown = AppTest.from_function(page, kwargs={"figure": figure}).run()
    assert not shown.exception
    (chart,) = shown.get("plotly_chart")
    (curve,) = json.loads(chart.proto.spec)["data"]
    assert list(curve["y"]) == [1.5, 2.5]
    assert not shown.get("bidi_component")
