"""The Architecture page, without a browser."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.app_page import metrics
from wrn.architecture import describe
from wrn.config import DataConfig, ModelConfig, RunConfig
from wrn.runs import RunStore
from wrn.speed.estimate import estimate
from wrn.text import gigabytes

ROOT = Path(__file__).parents[2]


@pytest.fixture
def page() -> AppTest:
    return AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=30)


def graph(page: AppTest) -> dict:
    component, *_ = page.get("bidi_component")
    return json.loads(component.proto.json)


def test_opens_on_wrn_16_2(page):
    page.run()
    assert not page.exception
    assert page.title[0].value == "Architecture"
    assert metrics(page)["Network"] == "WRN-16-2"
    assert metrics(page)["Parameters"] == "691,674"
    assert metrics(page)["Receptive field"] == "53×53"
    # The batch normalizations have 112 + 224 + 448 channels in the groups and 128 in
    # the head: 1,824 moving statistics, and 4 bytes for each of 693,498 numbers.
    assert metrics(page)["Weight file"] == "2.77 MB"
    assert graph(page)["level"] == "layers"
    assert graph(page)["name"] == "WRN-16-2"


@pytest.mark.parametrize(
    ("depth", "widen_factor", "parameters", "field"),
    [(10, 1, None, 25), (28, 10, "36,479,194", 109), (40, 4, "8,949,210", 165)],
)
def test_controls_change_metrics_and_graph(
    page, depth, widen_factor, parameters, field
):
    page.run()
    page.select_slider(key="depth").set_value(depth)
    page.slider(key="widen_factor").set_value(widen_factor)
    page.run()
    assert not page.exception
    assert parameters in (None, metrics(page)["Parameters"])
    assert metrics(page)["Receptive field"] == f"{field}×{field}"
    assert graph(page)["name"] == f"WRN-{depth}-{widen_factor}"
    blocks = [frame for frame in graph(page)["frames"] if frame["kind"] == "block"]
    assert len(blocks) == 3 * (depth - 4) // 6


def test_dropout_adds_its_layers(page):
    page.run()
    page.slider(key="dropout").set_value(0.3).run()
    dropped = [node for node in graph(page)["nodes"] if node["kind"] == "dropout"]
    assert [node["lines"] for node in dropped] == [["Dropout", "0.3"]] * 6


def test_levels(page):
    page.run()
    sizes = {}
    for level in ("network", "blocks", "layers"):
        page.button_group(key="level").set_value(level).run()
        assert not page.exception
        assert graph(page)["level"] == level
        sizes[level] = len(graph(page)["nodes"])
    assert sizes == {"network": 9, "blocks": 12, "layers": 51}


def test_a_second_network_is_set_beside_it(page):
    page.query_params["versus"] = "WRN-28-10"
    page.run()
    assert not page.exception
    table = page.dataframe[0].value.set_index("")
    assert list(table) == ["WRN-16-2", "WRN-28-10", "Ratio"]
    assert list(table.loc["Parameters"]) == ["691,674", "36,479,194", "52.7×"]
    # With itself, too.
    page.selectbox(key="versus").set_value("WRN-16-2").run()
    assert not page.exception
    assert set(page.dataframe[0].value["Ratio"]) == {"1×"}


def test_the_same_network_with_dropout_is_told_apart(page):
    page.query_params["dropout"] = "0.3"
    page.query_params["versus"] = "WRN-16-2"
    page.run()
    assert not page.exception
    table = page.dataframe[0].value.set_index("")
    assert list(table) == ["WRN-16-2, dropout 0.3", "WRN-16-2", "Ratio"]


def test_hundreds_of_times_are_written_out(page):
    page.query_params.update({"versus": "WRN-100-20"})
    page.query_params.update({"depth": "10", "widen_factor": "1"})
    page.run()
    large = describe(ModelConfig(depth=100, widen_factor=20)).parameters
    small = describe(ModelConfig(depth=10, widen_factor=1)).parameters
    table = page.dataframe[0].value.set_index("")
    assert table.loc["Parameters", "Ratio"] == f"{large / small:,.0f}×"
    assert large / small > 1000


def test_an_empty_level_in_the_address_is_the_default(page):
    page.query_params["level"] = ""
    page.run()
    assert not page.exception
    assert graph(page)["level"] == "layers"


def test_the_table_has_every_layer_s_numbers(page):
    page.run()
    table = page.dataframe[-1].value
    layers = describe(ModelConfig(depth=16, widen_factor=2)).layers
    for column in ("parameters", "multiply_adds", "receptive_field"):
        label = column.replace("_", " ").capitalize().replace("Multiply ", "Multiply-")
        assert list(table[label]) == [getattr(layer, column) for layer in layers]


def test_nodes_tell_all_of_their_figures(page):
    page.run()
    nodes = {node["id"]: node for node in graph(page)["nodes"]}
    lines = nodes["group1_block1_conv1"]["tooltip"].split("\n")
    assert lines[0] == "group1_block1_conv1"
    assert {line.partition(":")[0] for line in lines[1:]} >= {"Output", "Parameters"}


def test_shares_are_read_out_as_they_are_drawn(page):
    page.run()
    groups = describe(ModelConfig(depth=16, widen_factor=2)).by_group()
    parameters, adds = groups["Group 3"]
    told = next(
        json.loads(chart.proto.json)["alt"]
        for chart in page.get("bidi_component")
        if "Group 3" in json.loads(chart.proto.json).get("alt", "")
    )
    said = f"Group 3: {parameters:.1%} of the parameters, {adds:.1%} of the multiply-"
    assert said in told
    assert abs(parameters - adds) > 0.1


def test_peak_memory_is_that_of_the_estimate(page):
    page.run()
    config = RunConfig(
        model=ModelConfig(depth=16, widen_factor=2),
        data=DataConfig(source="cifar10"),
    )
    assert metrics(page)["Peak memory"] == gigabytes(
        estimate(config, None).memory_bytes
    )


def test_any_network_is_set_beside_it(page):
    page.query_params["versus"] = "wrn-22-4"
    page.run()
    assert not page.exception
    table = page.dataframe[0].value.set_index("")
    assert list(table) == ["WRN-16-2", "WRN-22-4", "Ratio"]
    assert table.loc["Convolutions", "WRN-22-4"] == "22"


@pytest.mark.parametrize(
    ("name", "received"),
    [
        ("ResNet-50", "named by its depth and widen factor"),
        ("WRN-17-2", "17"),
        ("WRN-9999-9999", "9999"),
        ("<b>WRN</b>-16-2", "named by its depth and widen factor"),
    ],
)
def test_a_second_network_that_is_none_is_refused_in_words(page, name, received):
    page.query_params["versus"] = name
    page.run()
    assert not page.exception
    assert received in page.error[0].value


def test_url_sets_the_network(page):
    page.query_params["depth"] = "28"
    page.query_params["widen_factor"] = "10"
    page.query_params["dropout"] = "0.3"
    page.run()
    assert metrics(page)["Network"] == "WRN-28-10"
    assert page.slider(key="dropout").value == 0.3
    assert not page.warning


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("depth", "17", "Depth must be one of 10, 16, 22"),
        ("depth", "028", "Depth must be one of"),
        ("depth", "x", "Depth must be one of"),
        ("widen_factor", "1e9", "Widen factor must be a whole number, 1 to 20"),
        ("widen_factor", "0", "Widen factor must be a whole number, 1 to 20"),
        ("widen_factor", "2.5", "Widen factor must be a whole number, 1 to 20"),
        ("dropout", "nan", "Dropout must be a number, 0 to 0.95"),
        ("dropout", "0.97", "Dropout must be a number, 0 to 0.95"),
    ],
)
def test_url_that_makes_no_sense_is_told(page, name, value, told):
    page.query_params[name] = value
    page.run()
    assert not page.exception
    assert metrics(page)["Network"] == "WRN-16-2"
    (warning,) = page.warning
    words = warning.value.replace("\\", "")
    assert told in words
    assert value in words


def test_url_may_write_numbers_as_it_likes(page):
    page.query_params["widen_factor"] = "1e1"
    page.query_params["dropout"] = ".30"
    page.run()
    assert not page.warning
    assert metrics(page)["Network"] == "WRN-16-10"
    assert page.slider(key="dropout").value == 0.3


def test_a_published_network_sets_the_controls(page):
    page.run()
    presets = page.selectbox(key="preset")
    assert presets.placeholder == "WRN-16-2"
    presets.set_value("WRN-28-10").run()
    assert not page.exception
    assert metrics(page)["Network"] == "WRN-28-10"
    assert metrics(page)["Published error"] == "4.00%"
    assert page.select_slider(key="depth").value == 28
    page.slider(key="dropout").set_value(0.3).run()
    assert metrics(page)["Published error"] == "3.89%"
    assert page.selectbox(key="preset").placeholder == "Another network"
    page.slider(key="widen_factor").set_value(3).run()
    assert metrics(page)["Published error"] == "–"


def test_a_training_costs_more_with_larger_batches(page):
    page.run()
    # WRN-16-2 keeps 245,760 values an image, of 2 or 4 bytes.
    assert metrics(page)["Activations"] in ("62.9 MB", "126 MB")
    page.number_input(key="batch_size").set_value(256).run()
    assert metrics(page)["Activations"] in ("126 MB", "252 MB")
    assert metrics(page)["Time per epoch"] == "–"
    fast = {"multiply_adds_per_second": 1e16, "device": "A fast one.", "updated": 1e9}
    RunStore().write_measured_speed("auto", fast)
    assert metrics(page.run())["Time per epoch"] == "1 s"


@pytest.mark.parametrize("batch_size", [0, 99_999_999])
def test_a_batch_size_that_cannot_be_is_refused_in_words(page, batch_size):
    page.run()
    page.number_input(key="batch_size").set_value(batch_size).run()
    assert not page.exception
    (error,) = page.error
    assert error.value.startswith("Batch size must be a whole number")
    assert "Activations" not in metrics(page)
    page.number_input(key="batch_size").set_value(64).run()
    assert not page.error
    assert "Activations" in metrics(page)


def test_the_network_goes_along_to_the_train_page(page):
    page.run()
    page.select_slider(key="depth").set_value(22).run()
    page.button(key="train_this").click().run()
    assert not page.exception
    assert page.title[0].value == "Train"
    assert page.select_slider(key="depth").value == 22


def test_table_has_every_layer(page):
    page.run()
    table = page.dataframe[0].value
    assert len(table) == 51
    assert table["Parameters"].sum() == 691_674


def test_without_graphviz_the_page_says_how_to_install_it(page, monkeypatch):
    monkeypatch.setenv("PATH", "")
    page.run()
    assert [button.label for button in page.download_button] == ["DOT"]
    assert any("apt install graphviz" in caption.value for caption in page.caption)


def test_with_graphviz_the_page_offers_image_files(page, monkeypatch, tmp_path):
    dot = tmp_path / "dot"
    dot.write_text("#!/bin/sh\n")
    dot.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    page.run()
    labels = [button.label for button in page.download_button]
    assert labels == ["DOT", "SVG", "PNG", "PDF"]


@pytest.mark.parametrize("name", ["train", "evaluate", "runs"])
def test_other_pages_open(page, name):
    page.run()
    page.switch_page(f"pages/{name}.py").run()
    assert not page.exception
    assert page.title[0].value == name.capitalize()


def test_first_page_imports_no_tensorflow():
    code = """
import sys
from streamlit.testing.v1 import AppTest
page = AppTest.from_file("dashboard.py", default_timeout=60).run()
assert page.title[0].value == "Architecture", page.exception
print(sorted({"tensorflow", "keras", "pydot"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_a_network_beside_itself_has_a_column_of_its_own(page):
    page.query_params["versus"] = "WRN-16-2"
    page.run()
    assert not page.exception
    table = page.dataframe[0].value.set_index("")
    parameters = ["691,674", "691,674", "1×"]
    assert list(table.loc["Parameters"]) == parameters
