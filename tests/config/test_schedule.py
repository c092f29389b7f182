import itertools

import pytest

from wrn.config import TrainConfig
from wrn.config.schedule import (
    averaging_start,
    drop_epochs,
    image_growth,
    image_size,
    learning_rate,
    mixes,
)


def test_papers_rates_epoch_by_epoch():
    """59 epochs at 0.1, then 60, 40 and 41 at a fifth of the one before."""
    train = TrainConfig()
    expected = [0.1] * 59 + [0.02] * 60 + [0.004] * 40 + [0.0008] * 41
    for epoch, rate in enumerate(expected):
        for step in (0, 389):
            found = learning_rate(train, epoch * 390 + step, 390)
            assert found == pytest.approx(rate)


def test_short_trainings_begin_at_the_full_rate():
    train = TrainConfig(epochs=3)
    rates = [learning_rate(train, epoch * 10, 10) for epoch in range(3)]
    assert rates[0] == 0.1
    assert rates == sorted(rates, reverse=True)


def test_one_cycle_rises_to_the_peak_and_falls_to_almost_nothing():
    train = TrainConfig(epochs=10, schedule="one-cycle", learning_rate=0.2, warmup=0.25)
    rates = [learning_rate(train, step, 40) for step in range(400)]
    peak = rates.index(max(rates))
    assert peak == 99
    assert rates[peak] == pytest.approx(0.2)
    assert rates[0] == pytest.approx(0.2 / 100)
    assert 0 < rates[-1] < 0.2 / 250
    rising = [b - a for a, b in itertools.pairwise(rates[: peak + 1])]
    assert rising == pytest.approx([0.2 / 100] * peak)
    falling = [b - a for a, b in zip(rates[peak:-1], rates[peak + 1 :], strict=True)]
    assert falling == pytest.approx([-0.2 / 301] * len(falling))


def test_only_steps_drops():
    assert drop_epochs(TrainConfig()) == [60, 120, 160]
    assert drop_epochs(TrainConfig(schedule="constant")) == []
    constant = TrainConfig(schedule="constant", learning_rate=0.3)
    assert {learning_rate(constant, step, 5) for step in range(50)} == {0.3}


def test_images_have_full_size_unless_asked_otherwise():
    assert {image_size(TrainConfig(), epoch) for epoch in range(200)} == {32}


def test_images_grow_in_equal_shares_until_they_have_full_size():
    train = TrainConfig(epochs=80, first_size=20, full_size_from=0.75)
    sizes = [image_size(train, epoch) for epoch in range(80)]
    assert sizes == 20 * [20] + 20 * [24] + 20 * [28] + 20 * [32]


def test_no_share_of_the_epochs_leaves_the_sizes():
    for epochs in (3, 20, 30):
        for share in (1 / 3, 2 / 3, 0.6666667, 0.75000003, 0.1, 1.0):
            for first in (12, 16, 20, 24, 28):
                train = TrainConfig(
                    epochs=epochs, first_size=first, full_size_from=share
                )
                sizes = [image_size(train, epoch) for epoch in range(epochs)]
                assert sizes == sorted(sizes)


def test_images_grow_in_the_shortest_trainings_too():
    for epochs in (1, 2, 3, 7):
        train = TrainConfig(epochs=epochs, first_size=16, full_size_from=0.5)
        sizes = [image_size(train, epoch) for epoch in range(epochs)]
        assert sizes == sorted(sizes)
        assert set(sizes) <= {16, 20, 24, 28, 32}
        assert sizes[-1] == 32 or epochs == 1


def test_growth_lists_the_first_epoch_of_each_size():
    train = TrainConfig(epochs=80, first_size=20, full_size_from=0.75)
    assert image_growth(train) == [(1, 20), (21, 24), (41, 28), (61, 32)]
    assert image_growth(TrainConfig()) == [(1, 32)]


def test_a_late_average_begins_after_its_share_of_the_steps():
    late = TrainConfig(epochs=20, averaging=0.9, averaging_from=0.75)
    assert averaging_start(late, 390) == 15 * 390
    assert averaging_start(late.replace(averaging=0.0), 390) == 0
    # However short the training, a late average is none from its beginning.
    assert averaging_start(late.replace(epochs=1), 1) == 1
    assert averaging_start(late.replace(averaging_from=0.0), 390) == 0


def test_shares_that_floats_miss():
    assert 0.55 * 100 > 55
    assert 0.29 * 100 < 29
    assert drop_epochs(TrainConfig(epochs=100, milestones=(0.55,))) == [55]
    late = TrainConfig(epochs=100, averaging=0.9, averaging_from=0.29)
    assert averaging_start(late, 1) == 29
    growing = TrainConfig(epochs=100, first_size=16, full_size_from=0.55)
    assert [image_size(growing, epoch) for epoch in (54, 55)] == [28, 32]
    mixed = TrainConfig(epochs=100, mixup=0.2, mixup_until=0.55)
    assert [mixes(mixed, step, 1) for step in (54, 55)] == [True, False]
    thirds = TrainConfig(epochs=10, first_size=16, full_size_from=2 / 3)
    sizes = [image_size(thirds, epoch) for epoch in range(10)]
    assert sizes == [16, 16, 20, 20, 24, 28, 28, 32, 32, 32]


def test_one_cycle_without_warm_up_begins_at_its_peak():
    train = TrainConfig(epochs=2, schedule="one-cycle", learning_rate=0.2, warmup=0.0)
    rates = [learning_rate(train, step, 5) for step in (0, 9)]
    assert rates == pytest.approx([0.2, 0.02])
