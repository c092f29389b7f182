"""The figures of the benchmark follow from what was measured."""

import types

import pytest

from wrn import benchmark
from wrn.architecture import describe
from wrn.benchmark import rates
from wrn.config import ModelConfig


def samples(speeds):
    """What each way reaches while the machine runs at each of the speeds."""
    at_full_speed = {
        "stock_keras": 300.0,
        "training": 490.0,
        "step": 500.0,
        "convolution": 400e9,
        "inference": 1800.0,
        "matrix": 420e9,
    }
    return {n: [rate * s for s in speeds] for n, rate in at_full_speed.items()}


@pytest.fixture
def wrn_16_2():
    return describe(ModelConfig(depth=16, widen_factor=2))


def test_ratios_compare_what_one_round_measured(wrn_16_2):
    report = rates(samples([1.0, 0.5, 0.9, 0.2, 0.7]), wrn_16_2)
    assert report["over_stock_keras"] == pytest.approx(490 / 300, abs=1e-3)
    assert report["pipeline_efficiency"] == pytest.approx(0.98, abs=1e-3)
    # Two operations each, and three passes of a training step.
    ceiling = 400e9 / (2 * wrn_16_2.multiply_adds)
    assert report["training_over_ceiling"] == pytest.approx(1500 / ceiling, abs=1e-3)
    assert report["inference_over_ceiling"] == pytest.approx(1800 / ceiling, abs=1e-3)


def test_rates_are_medians_of_the_rounds(wrn_16_2):
    report = rates(samples([1.0, 0.1, 0.8, 0.9, 0.2]), wrn_16_2)
    assert report["step_images_per_second"] == pytest.approx(400.0)
    assert report["convolution_gflops"] == pytest.approx(320.0)


def test_one_disturbed_measurement_moves_no_ratio(wrn_16_2):
    measured = samples([1.0, 1.0, 1.0])
    measured["stock_keras"][1] = 1.0
    measured["convolution"][2] = 1e9
    report = rates(measured, wrn_16_2)
    undisturbed = rates(samples([1.0, 1.0, 1.0]), wrn_16_2)
    assert report == undisturbed


def test_steps_of_fit_are_timed_without_the_first_and_end_in_time(monkeypatch):
    now = iter([100.0, 100.5, 101.0, 101.5])
    monkeypatch.setattr(benchmark.time, "perf_counter", lambda: next(now))
    clock = benchmark._StepClock(seconds=1.25)
    clock.set_model(types.SimpleNamespace(stop_training=False))
    stopped = []
    for step in range(4):
        clock.on_train_batch_end(step)
        stopped.append(clock.model.stop_training)
    assert stopped == [False, False, False, True]
    assert clock.steps_per_second() == pytest.approx(2.0)
