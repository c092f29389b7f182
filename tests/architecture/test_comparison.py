"""Two networks side by side, against figures of the paper."""

import pytest

from wrn.architecture import describe
from wrn.architecture.comparison import compare, network_named
from wrn.config import ModelConfig
from wrn.errors import ConfigError

SMALL, LARGE = (
    ModelConfig(depth=16, widen_factor=2),
    ModelConfig(depth=28, widen_factor=10),
)


def test_figures_and_ratios():
    rows = {row.label: row for row in compare(SMALL, LARGE)}
    parameters = rows["Parameters"]
    assert (parameters.first, parameters.second) == (691_674, 36_479_194)
    assert parameters.second_in_words == "36,479,194"
    assert parameters.ratio == pytest.approx(36_479_194 / 691_674)
    # One at the start, two a block, one for each group's first shortcut.
    assert (rows["Convolutions"].first, rows["Convolutions"].second) == (16, 28)
    assert rows["Receptive field"].second_in_words == "109 pixels"
    error = rows["Published test error"]
    assert (error.first, error.second) == (0.0631, 0.04)
    assert (error.first_in_words, error.second_in_words) == ("6.31%", "4.00%")


def test_what_was_not_published_has_no_ratio():
    rows = compare(SMALL, ModelConfig(depth=22, widen_factor=3))
    assert rows[-1].second is None
    assert rows[-1].second_in_words == "–"
    assert rows[-1].ratio is None


@pytest.mark.parametrize("name", ["WRN-28-10", "28-10", " wrn-28-10 "])
def test_networks_by_name(name):
    assert network_named(name) == LARGE


@pytest.mark.parametrize("name", ["", "WRN", "28", "WRN-28-10-3", "ResNet-50", "28-x"])
def test_other_names_are_refused(name):
    with pytest.raises(ConfigError, match="such as WRN-28-10"):
        network_named(name)


def test_a_depth_that_no_network_has_is_refused():
    with pytest.raises(ConfigError, match="17"):
        network_named("WRN-17-2")


@pytest.mark.parametrize(
    ("label", "figure"),
    [
        ("Multiply-adds of an image", "multiply_adds"),
        ("Weight file", "weight_bytes"),
        ("Values kept of an image in training", "kept_values"),
    ],
)
def test_each_row_compares_what_it_says(label, figure):
    (row,) = (row for row in compare(SMALL, LARGE) if row.label == label)
    small, large = (getattr(describe(each), figure) for each in (SMALL, LARGE))
    assert row.ratio == large / small
