"""The rate of a training, on a clock of the test's own."""

import pytest

from wrn.training.pace import Pace


@pytest.fixture
def walk(monkeypatch):
    """Return a pace, and what does a step of 100 images in so many seconds."""
    now = [1000.0]
    monkeypatch.setattr("wrn.training.pace.time.perf_counter", lambda: now[0])
    pace = Pace()

    def step(seconds: float) -> None:
        with pace.measure(100):
            now[0] += seconds

    return pace, step


def test_the_first_step_counts_for_the_time_and_not_for_the_rate(walk):
    pace, step = walk
    step(60)
    assert pace.images_per_second is None
    assert pace.seconds_left(100) is None
    step(2)
    assert pace.images_per_second == pytest.approx(50)
    assert pace.seconds_left(1000) == pytest.approx(20)
    assert pace.seconds == pytest.approx(62)


def test_the_rate_is_the_median_of_the_last_steps(walk):
    pace, step = walk
    for seconds in (60, *[1] * 30, *[2] * 49, 100):
        step(seconds)
    assert pace.images_per_second == pytest.approx(50)


def test_a_lap_is_what_came_since_the_last(walk):
    pace, step = walk
    step(3)
    assert pace.lap() == pytest.approx(3)
    step(2)
    step(2)
    assert pace.lap() == pytest.approx(4)
    assert pace.lap() == 0
