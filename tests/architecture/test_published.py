"""Published results, against figures written down apart."""

import pytest

from wrn.architecture import describe
from wrn.architecture.published import PRESETS, PUBLISHED, published
from wrn.config import ModelConfig


@pytest.mark.parametrize(
    ("depth", "widen_factor", "dropout", "errors"),
    [
        (28, 10, 0.0, [4.00, 4.17]),
        (28, 10, 0.3, [3.89]),
        (40, 4, 0.0, [4.53, 4.97]),
        (16, 8, 0.0, [4.27, 4.81]),
        (40, 1, 0.0, [6.58, 6.85]),
        (40, 2, 0.0, [5.23, 5.33]),
        (40, 10, 0.3, [3.80]),
        (40, 10, 0.0, []),
        (16, 2, 0.0, [6.31]),
        (16, 2, 0.3, []),
        (34, 3, 0.0, []),
    ],
)
def test_errors_of_a_network(depth, widen_factor, dropout, errors):
    network = ModelConfig(depth=depth, widen_factor=widen_factor, dropout=dropout)
    rows = published(network)
    assert [100 * row.test_error for row in rows] == pytest.approx(errors)
    assert all("arXiv:16" in row.source or "README" in row.source for row in rows)


def test_results_of_ten_classes_say_nothing_about_others():
    assert published(ModelConfig(depth=28, widen_factor=10, classes=100)) == ()


def test_accuracy_has_the_digits_of_the_error():
    (row,) = published(ModelConfig(depth=16, widen_factor=2))
    assert row.test_accuracy == 0.9369


def test_presets_are_the_published_networks_once_each():
    assert len(PRESETS) == len(set(PRESETS)) == 16
    assert {n.name for n in PRESETS} == {row.network.name for row in PUBLISHED}
    assert [n.name for n in PRESETS if n.dropout] == ["WRN-40-10"]


def test_wider_networks_of_one_depth_are_better_in_one_table():
    """The paper's claim; it would show figures that changed places."""
    table = [row for row in PUBLISHED if row.source.endswith("Table 4")]
    by_size = {describe(row.network).parameters: row.test_error for row in table}
    forty = [row.test_error for row in table if row.depth == 40]
    assert forty == sorted(forty, reverse=True)
    assert by_size[min(by_size)] == max(by_size.values())
