"""The figures of the benchmark follow from what was measured."""

import types

import psutil
import pytest

from wrn import cli
from wrn.architecture import describe
from wrn.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from wrn.errors import ConfigError
from wrn.speed import benchmark
from wrn.speed.benchmark import rates


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


def test_each_figure_stands_under_its_name(wrn_16_2):
    report = rates(samples([1.0]), wrn_16_2)
    assert report["stock_keras_images_per_second"] == 300
    assert report["training_images_per_second"] == 490
    assert report["step_images_per_second"] == 500
    assert report["inference_images_per_second"] == 1800
    assert report["matrix_gflops"] == 420
    assert report["convolution_gflops"] == 400
    forward = 2 * wrn_16_2.multiply_adds
    inference = report["ceiling_inference_images_per_second"]
    assert inference == pytest.approx(400e9 / forward, abs=0.01)
    # Forward, and back to the inputs and to the weights.
    training = report["ceiling_training_images_per_second"]
    assert training == pytest.approx(400e9 / (3 * forward), abs=0.01)
    done = report["training_multiply_adds_per_second"]
    assert done == pytest.approx(490 * 3 * wrn_16_2.multiply_adds, abs=1)


def test_a_rate_is_the_amount_of_all_calls_by_the_second(monkeypatch):
    now = iter([10.0, 10.0, 10.5, 12.0])
    monkeypatch.setattr(benchmark.time, "perf_counter", lambda: next(now))
    assert benchmark._rate(lambda: None, 30.0) == 30.0


def test_the_command_measures_what_it_is_asked_to(monkeypatch, capsys):
    asked = []

    def run(model, source, **others):
        asked.append((model.name, source, others))
        return {"name": model.name}

    monkeypatch.setattr(benchmark, "run", run)
    words = "benchmark --data synthetic --rounds 3 --batch-size 50"
    assert cli.main([*words.split(), "--precision", "bfloat16"]) == 0
    settings = {"batch_size": 50, "rounds": 3, "precision": "bfloat16"}
    assert asked == [("WRN-16-2", "synthetic", settings)]
    assert "WRN-16-2" in capsys.readouterr().out


def test_no_rounds_and_too_large_batches_are_refused(monkeypatch, dataset):
    monkeypatch.setattr(benchmark, "load_cached", lambda source: dataset)
    monkeypatch.delattr(benchmark, "_ways")
    model, count = ModelConfig(depth=10, widen_factor=1), len(dataset.train)
    for batch_size, rounds, message in (
        (10, 0, "rounds must be at least 1. Received: 0"),
        (count + 1, 1, f"at most {count}, the number of training images"),
    ):
        with pytest.raises(ConfigError, match=message):
            benchmark.run(
                model,
                "synthetic",
                batch_size=batch_size,
                rounds=rounds,
                precision="float32",
            )


def test_each_way_is_measured_in_turn_there_and_back(monkeypatch, dataset):
    measured = []

    def way(name, rate):
        def measure():
            measured.append(name)
            return rate

        return measure

    once = samples([1.0])
    ways = {name: way(name, *rates) for name, rates in once.items()}
    monkeypatch.setattr(benchmark, "load_cached", lambda source: dataset)
    monkeypatch.setattr(benchmark, "_ways", lambda *given: ways)
    monkeypatch.setattr(benchmark, "seconds_to_first_step", lambda config: 1.5)
    model = ModelConfig(depth=10, widen_factor=1)
    # All images in one batch are not too many.
    size = {"batch_size": len(dataset.train), "rounds": 2}
    report = benchmark.run(model, "synthetic", **size, precision="float32")
    names = list(ways)
    # Once to warm up.
    assert measured == names + names + names[::-1]
    assert report["samples"] == {name: 2 * rates for name, rates in once.items()}
    assert report["step_images_per_second"] == 500
    assert report.items() >= size.items()
    assert report["seconds_to_first_step"] == 1.5


def test_peak_memory_is_in_bytes():
    now = psutil.Process().memory_info().rss
    assert now / 2 <= benchmark._peak_memory() < 100 * now


def test_the_training_that_is_timed_has_the_settings_measured(monkeypatch):
    started = []

    class Process:
        def __init__(self, command, **others):
            started.append(command)

        def kill(self):
            pass

        def wait(self):
            pass

    monkeypatch.setattr(benchmark.subprocess, "Popen", Process)
    monkeypatch.setattr(benchmark, "_wait_for_first_step", lambda *given: 1.5)
    config = RunConfig(
        model=ModelConfig(depth=10, widen_factor=3),
        data=DataConfig(source="synthetic"),
        train=TrainConfig(batch_size=50, precision="bfloat16"),
    )
    assert benchmark.seconds_to_first_step(config) == 1.5
    (command,) = started
    for option, value in (
        ("--depth", "10"),
        ("--widen-factor", "3"),
        ("--data", "synthetic"),
        ("--batch-size", "50"),
        ("--precision", "bfloat16"),
    ):
        assert command[command.index(option) + 1] == value
