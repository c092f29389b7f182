"""The figures: what they show, and that thinning out keeps their shape."""

import numpy as np
import plotly.graph_objects as go
import pytest

from ui import charts
from ui.charts.decimation import POINTS_PER_CURVE, decimate
from ui.charts.records import Curves
from ui.charts.style import TEST_COLOR, TRAIN_COLOR
from ui.charts.training import smoothed

CLASSES = ("cat", "dog", "frog")


def values(figure: go.Figure, uid: str) -> tuple[list[float], list[float]]:
    """Return x and y of the one curve with this uid."""
    (trace,) = [trace for trace in figure.data if trace.uid == uid]
    return [float(x) for x in trace.x], [float(y) for y in trace.y]


def trace(figure: go.Figure, uid: str) -> go.Scatter:
    """Return the one curve with this uid."""
    (found,) = [candidate for candidate in figure.data if candidate.uid == uid]
    return found


def curves(points: list[dict[str, float]]) -> Curves:
    """Put the values of points, at their epochs, into one curve a quantity."""
    return {
        quantity: tuple(
            np.array([point[name] for point in points if quantity in point])
            for name in ("epoch", quantity)
        )
        for quantity in (
            "loss",
            "accuracy",
            "test_loss",
            "test_accuracy",
            "learning_rate",
        )
    }


#: Points that a curve is thinned out to.
MOST = POINTS_PER_CURVE


@pytest.mark.parametrize("count", [0, 1, 2, 3, MOST - 1, MOST])
def test_a_short_curve_keeps_every_point(count):
    x, y = decimate(np.arange(count), np.arange(count) ** 2)
    assert x.tolist() == list(range(count))
    assert y.tolist() == [i**2 for i in range(count)]


@pytest.mark.parametrize("count", [1001, 1024, 4097, 100_000])
@pytest.mark.parametrize("limit", [4, 100, 1000])
def test_decimation_keeps_order_ends_and_extremes(count, limit):
    noise = np.random.default_rng(count)
    x = np.cumsum(noise.uniform(0.5, 1.5, count))
    y = noise.normal(size=count)
    y[count // 3] = 50.0  # lone peaks, which plain striding would lose
    y[count // 2] = -50.0
    kept_x, kept_y = decimate(x, y, limit)

    assert len(kept_x) <= limit
    assert np.all(np.diff(kept_x) > 0)
    assert (kept_x[0], kept_y[0]) == (x[0], y[0])
    assert (kept_x[-1], kept_y[-1]) == (x[-1], y[-1])
    assert (kept_y.max(), kept_y.min()) == (50.0, -50.0)
    # Every point kept is a point of the curve.
    assert np.array_equal(y[np.searchsorted(x, kept_x)], kept_y)


def test_decimation_keeps_local_extremes():
    x = np.arange(10_000)
    y = np.zeros(10_000)
    peaks = np.arange(500, 10_000, 1000)
    y[peaks] = np.arange(1, 11)
    y[peaks + 100] = -np.arange(1, 11)
    _, kept = decimate(x, y)
    assert set(kept) == set(range(-10, 11))


def test_a_growing_curve_keeps_the_points_already_drawn():
    y = np.random.default_rng(0).normal(size=20_200)
    before, _ = decimate(np.arange(20_000), y[:20_000])
    after, _ = decimate(np.arange(20_200), y)
    # All but the end, whose bucket was not full and whose last point went on.
    assert set(before[:-4]) <= set(after)


def one_cycle(place):
    return np.where(place < 15, place / 75, 0.2 * (150 - place) / 135)


def steps(place):
    return np.where(place < 60, 0.1, np.where(place < 120, 0.02, 0.004))


def cosine(place):
    return 0.05 * (1 + np.cos(np.pi * place / 150))


def drawn_rates(x, y):
    """Return what the two charts of trainings draw of a learning rate."""
    run = {**curves([]), "learning_rate": (x, y)}
    yield trace(charts.training_curves(run), "learning_rate")
    yield trace(charts.compare_curves({"a": run}, "test"), "a/learning_rate")


@pytest.mark.parametrize("rate", [one_cycle, steps, cosine])
def test_a_learning_rate_is_drawn_as_it_was(rate):
    x = np.arange(1, 6001) / 40  # 150 epochs of 40 records
    y = rate(x)
    for drawn in drawn_rates(x, y):
        assert drawn.line.shape is None  # straight from point to point
        assert np.abs(np.interp(x, drawn.x, drawn.y) - y).max() <= 0.0021 * y.max()
        # Wherever the mouse is, one is near.
        assert 0 < np.diff(drawn.x).max() < 0.025 * x.max()
        assert len(drawn.x) <= MOST


def test_a_learning_rate_that_never_settles_is_thinned_out():
    y = np.random.default_rng(0).uniform(size=6000)
    for drawn in drawn_rates(np.arange(6000.0), y):
        assert len(drawn.x) <= MOST
        assert max(drawn.y) == pytest.approx(y.max())


# A live update may send 20 kB (tests/browser/test_speeds.py), the rest of the page with
# it, 5.5 kB. A smoothed chart, which is asked for, has 20 kB to itself.
@pytest.mark.parametrize(("smoothing", "most_bytes"), [(0.0, 14_500), (0.9, 20_000)])
@pytest.mark.parametrize("rate", [one_cycle, steps, cosine])
def test_the_longest_training_is_sent_in_few_bytes(rate, smoothing, most_bytes):
    x = np.arange(1, 8001) / 40  # the paper's 200 epochs
    uneven = np.random.default_rng(0).uniform(0.1, 0.9, size=len(x))
    train, test = (x, uneven), (x[39::40], uneven[39::40])
    drawn = {"loss": train, "accuracy": train, "learning_rate": (x, rate(x * 0.75))}
    drawn |= {"test_loss": test, "test_accuracy": test}
    figure = charts.training_curves(drawn, smoothing=smoothing)
    assert len(figure.to_json()) <= most_bytes


def test_training_curves_have_three_panels_over_one_x_axis():
    figure = charts.training_curves(
        curves(
            [
                {"epoch": 0.5, "loss": 2.0, "accuracy": 0.25, "learning_rate": 0.1},
                {"epoch": 1.0, "loss": 1.5, "accuracy": 0.5, "learning_rate": 0.1},
                {"epoch": 1.0, "test_loss": 1.75, "test_accuracy": 0.375},
            ]
        )
    )
    assert values(figure, "loss") == ([0.5, 1.0], [2.0, 1.5])
    assert values(figure, "accuracy") == ([0.5, 1.0], [0.25, 0.5])
    assert values(figure, "test_loss") == ([1.0], [1.75])
    assert values(figure, "test_accuracy") == ([1.0], [0.375])
    assert values(figure, "learning_rate")[0] == [0.5, 1.0]

    axes = {t.uid: (t.xaxis or "x", t.yaxis) for t in figure.data}
    assert axes == {
        "loss": ("x", "y"),
        "test_loss": ("x", "y"),
        "accuracy": ("x", "y2"),
        "test_accuracy": ("x", "y2"),
        "learning_rate": ("x", "y3"),
    }
    # The panels lie below each other without touching.
    layout = figure.layout
    assert layout.yaxis.domain[0] > layout.yaxis2.domain[1]
    assert layout.yaxis2.domain[0] > layout.yaxis3.domain[1]
    assert layout.xaxis.title.text == "Epoch"


@pytest.mark.parametrize("weight", [0.0, 0.6, 0.97])
def test_smoothing_equals_the_weighted_mean(random, weight):
    y = random.normal(size=60)
    for place, found in enumerate(smoothed(y, weight)):
        weights = weight ** np.arange(place, -1, -1.0)
        assert found == pytest.approx(np.average(y[: place + 1], weights=weights))
    np.testing.assert_allclose(smoothed(np.full(9, 2.5), weight), 2.5)


def test_smoothed_curves_lie_over_faint_ones_of_the_same_colour():
    points = [
        {"epoch": e, "loss": y, "test_accuracy": y / 9} for e, y in ((1, 4), (2, 2))
    ]
    plain = charts.training_curves(curves(points))
    figure = charts.training_curves(curves(points), smoothing=0.5)
    for quantity in ("loss", "test_accuracy"):
        raw, smooth = trace(figure, quantity), trace(figure, f"smoothed {quantity}")
        assert values(figure, quantity) == values(plain, quantity)
        assert raw.opacity < 0.5
        assert smooth.opacity is None
        assert smooth.line.color == raw.line.color
    assert values(figure, "smoothed loss")[1] == pytest.approx([4, 8 / 3])
    # Nothing else is smoothed, and the legend has no more entries than before.
    assert len(figure.data) == len(plain.data) + 4
    assert sum(bool(t.showlegend) for t in figure.data) == 2


def test_smoothing_sees_every_point_of_a_long_training():
    points = [{"epoch": i / 100, "loss": float(i % 2)} for i in range(50_000)]
    figure = charts.training_curves(curves(points), smoothing=0.99)
    _, y = values(figure, "smoothed loss")
    assert len(y) <= MOST
    assert y[-1] == pytest.approx(0.5, abs=0.01)


def test_only_the_loss_becomes_logarithmic():
    figure = charts.training_curves(curves([{"epoch": 1, "loss": 1.0}]), log_loss=True)
    assert figure.layout.yaxis.type == "log"
    assert figure.layout.yaxis2.type is None


def test_accuracy_is_shown_in_percent():
    figure = charts.training_curves(curves([{"epoch": 1, "accuracy": 0.5}]))
    assert figure.layout.yaxis2.tickformat.endswith("%")
    assert "%{y:.2%}" in trace(figure, "accuracy").hovertemplate
    assert "%{y:.2%}" not in trace(figure, "loss").hovertemplate


def test_train_and_test_have_fixed_colours_and_one_legend_entry_each():
    one = charts.training_curves(curves([{"epoch": 1, "loss": 1.0}]))
    two = charts.training_curves(curves([{"epoch": 1, "test_loss": 1.0}]), "Validation")
    for figure, name in ((one, "Test"), (two, "Validation")):
        for quantity in ("loss", "accuracy"):
            assert trace(figure, quantity).line.color == TRAIN_COLOR
            assert trace(figure, f"test_{quantity}").line.color == TEST_COLOR
        entries = [t.name for t in figure.data if t.showlegend]
        assert entries == ["Train", name]


def test_the_accuracy_stands_in_the_legend_where_the_loss_was_never_a_number():
    drawn = curves([{"epoch": 1, "test_accuracy": 0.1}])
    entries = [
        t.uid for t in charts.training_curves(drawn, "Test").data if t.showlegend
    ]
    assert entries == ["loss", "test_accuracy"]


def test_no_points_yet_is_an_empty_figure_of_the_same_curves():
    empty = charts.training_curves(curves([]))
    full = charts.training_curves(curves([{"epoch": 1, "loss": 1.0}]))
    assert [t.uid for t in empty.data] == [t.uid for t in full.data]
    assert all(len(t.x) == 0 for t in empty.data)


def test_a_single_point_can_be_seen():
    figure = charts.training_curves(curves([{"epoch": 1, "test_loss": 1.0}]))
    assert "markers" in trace(figure, "test_loss").mode


def test_long_training_is_thinned_out():
    points = [{"epoch": i / 100, "loss": 1 / (i + 1)} for i in range(50_000)]
    x, _ = values(charts.training_curves(curves(points)), "loss")
    assert len(x) <= MOST
    assert x[-1] == pytest.approx(499.99)


def test_runs_compared_differ_in_colour_and_share_the_legend():
    points = [{"epoch": 1, "loss": 1.0, "test_loss": 1.5, "test_accuracy": 0.5}]
    figure = charts.compare_curves(
        {"first": curves(points), "second": curves(points)}, "validation"
    )
    assert [t.name for t in figure.data if t.showlegend] == ["first", "second"]
    colors = {t.name: set() for t in figure.data}
    for t in figure.data:
        colors[t.name].add(t.line.color)
    assert len(colors["first"]) == len(colors["second"]) == 1
    assert colors["first"] != colors["second"]
    assert trace(figure, "first/loss").line.dash == "dot"
    assert trace(figure, "first/test_loss").line.dash is None


def test_a_run_whose_loss_was_never_a_number_stands_in_the_legend():
    runs = {
        "one": curves([{"epoch": 1, "loss": 2.0, "test_accuracy": 0.1}]),
        "two": curves([{"epoch": 1, "learning_rate": 0.1}]),
        "three": curves([]),
    }
    figure = charts.compare_curves(runs, "test")
    entries = [t.name for t in figure.data if t.showlegend]
    assert entries == ["one", "two", "three"]
    assert [len(t.x) for t in figure.data if t.showlegend] == [1, 1, 0]


def test_more_runs_than_colours_are_drawn_all():
    runs = {str(i): curves([{"epoch": 1, "loss": 1.0}]) for i in range(11)}
    assert len({t.name for t in charts.compare_curves(runs, "test").data}) == 11


@pytest.mark.parametrize("rate", [one_cycle, steps, cosine])
@pytest.mark.parametrize("values", [150, 450, 1000])
def test_a_schedule_is_drawn_as_it_will_be(rate, values):
    x = np.arange(values) * 150 / values
    (drawn,) = charts.schedule_curve(rate(x), epochs=150).data
    assert drawn.line.shape is None  # straight from point to point
    found = np.interp(x, drawn.x, drawn.y)
    assert np.abs(found - rate(x)).max() <= 0.0021 * rate(x).max()
    assert len(drawn.x) <= MOST


def test_schedule_lasts_to_its_end():
    (curve,) = charts.schedule_curve([0.1, 0.02], epochs=200).data
    assert list(curve.x) == [0, 100, 200]
    assert list(curve.y) == pytest.approx([0.1, 0.02, 0.02])
    assert list(charts.schedule_curve([0.1, 0.2, 0.3]).data[0].x) == [0, 1, 2, 3]
    assert list(charts.schedule_curve([]).data[0].x) == []


def test_confusion_matrix_shows_counts_and_shares():
    matrix = [[8, 2, 0], [1, 4, 0], [0, 0, 0]]
    (cells,) = charts.confusion_matrix(matrix, CLASSES).data
    assert list(cells.y) == list(CLASSES)
    assert cells.text.tolist() == [["8", "2", ""], ["1", "4", ""], ["", "", ""]]
    assert cells.customdata[0][1].tolist() == [2, 0.2]
    # Darker means a greater share of the true class; no image, no colour.
    assert cells.z[0][0] > cells.z[1][0] > 0
    np.testing.assert_allclose(cells.z[0] ** 2, [0.8, 0.2, 0])
    assert cells.z[2].tolist() == [0, 0, 0]


def test_confusion_matrix_has_the_true_classes_from_top_to_bottom():
    layout = charts.confusion_matrix(np.eye(3), CLASSES).layout
    assert layout.yaxis.title.text == "True"
    assert layout.yaxis.autorange == "reversed"
    assert layout.xaxis.title.text == "Predicted"


def test_confusion_matrix_of_many_classes_carries_no_numbers():
    (cells,) = charts.confusion_matrix(np.eye(100), [str(i) for i in range(100)]).data
    assert cells.texttemplate is None


def test_per_class_accuracy_in_percent_and_a_class_without_images():
    figure = charts.per_class_accuracy([0.5, float("nan"), 1.0], CLASSES)
    (bars,) = figure.data
    # Plotly writes no number into a bar of no length.
    zero = charts.per_class_accuracy([0.5, float("nan"), 0.0], CLASSES).data[0]
    assert zero.textposition == ("auto", "auto", "outside")
    assert list(bars.y) == ["cat", "dog (no images)", "frog"]
    assert bars.x[0] == 0.5
    assert "%" in bars.texttemplate
    assert figure.layout.xaxis.range == (0, 1)


CALIBRATED = {
    "accuracy": [None, 0.75],
    "confidence": [None, 0.9],
    "counts": [0, 4],
}


def test_reliability_has_a_bar_in_the_middle_of_each_bin():
    bars, diagonal = charts.reliability(CALIBRATED).data
    assert list(bars.x) == [0.25, 0.75]
    assert list(bars.y) == [None, 0.75]
    assert list(diagonal.x) == list(diagonal.y) == [0, 1]


@pytest.mark.parametrize(
    "figure",
    [
        charts.group_shares({name: (0.2, 0.2) for name in "abcde"}),
        charts.training_curves(curves([{"epoch": 1, "loss": 1.0}])),
        charts.compare_curves({"a": curves([{"epoch": 1, "loss": 1.0}])}, "test"),
        charts.schedule_curve([0.1]),
        charts.confusion_matrix(np.eye(3), CLASSES),
        charts.per_class_accuracy([1, 1, 1], CLASSES),
        charts.reliability(CALIBRATED),
    ],
    ids=[
        "shares",
        "training",
        "compare",
        "schedule",
        "confusion",
        "per class",
        "reliability",
    ],
)
def test_figures_leave_the_theme_to_the_page(figure):
    template = figure.layout.template
    assert template.layout.to_plotly_json() == {}
    assert figure.layout.paper_bgcolor is None
    assert figure.layout.font.color is None


@pytest.mark.parametrize("color", [*charts.RUN_COLORS, TEST_COLOR])
@pytest.mark.parametrize("background", ["#ffffff", "#11161f"])
def test_curves_have_a_contrast_of_three_to_one_in_both_themes(color, background):
    def luminance(text):
        channels = np.array([int(text[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(
            channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
        )
        return linear @ [0.2126, 0.7152, 0.0722]

    dark, light = sorted((luminance(color), luminance(background)))
    assert (light + 0.05) / (dark + 0.05) >= 3


def test_each_part_has_its_share_of_each_bar():
    parts = {name: (0.1, 0.3) for name in "abcde"}
    for bar in charts.group_shares(parts).data:
        assert dict(zip(bar.y, bar.x, strict=True)) == {
            "Parameters": 0.1,
            "Multiply-adds": 0.3,
        }


def test_what_was_trained_on_is_dotted():
    figure = charts.compare_curves({"a": curves([])}, "test")
    for quantity in ("loss", "accuracy"):
        assert trace(figure, f"a/{quantity}").line.dash == "dot"
        assert trace(figure, f"a/test_{quantity}").line.dash is None
