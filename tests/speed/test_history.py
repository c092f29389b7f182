import json

import pytest

from tests.training_fakes import make_run
from wrn.architecture import describe
from wrn.cli import main
from wrn.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from wrn.devices import choose
from wrn.runs import RunStore
from wrn.speed import Speed, known, measurement_key

CPU = "No GPU found: computing on the CPU, in {}."
SMALL, LARGE = ModelConfig(depth=10, widen_factor=1), ModelConfig(depth=16)


def config(model=SMALL, **train):
    data = DataConfig(source="synthetic")
    return RunConfig(model=model, data=data, train=TrainConfig(**train))


def past(
    name,
    rate,
    given=None,
    *,
    precision="bfloat16",
    updated=1e9,
    epochs=(1,),
    device=CPU,
):
    run = make_run(
        name, config=given or config(), updated=updated, device=device.format(precision)
    )
    for epoch in epochs:
        run.record_speed({"epoch": epoch, "seconds": 1.0, "images_per_second": rate})
    return run


def images_per_second(speed, model=SMALL):
    return speed.multiply_adds_per_second / (3 * describe(model).multiply_adds)


def test_nothing_is_known_at_first():
    assert known(config(), RunStore()) is None
    make_run("unmeasured")
    assert known(config(), RunStore()) is None


def test_a_run_tells_its_speed():
    past("one", 1000.0)
    speed = known(config(), RunStore())
    assert images_per_second(speed) == pytest.approx(1000)
    assert (speed.run, speed.precision, speed.gpus) == ("one", "bfloat16", 0)
    assert "run one" in str(speed)


def test_the_last_of_the_same_network_comes_first():
    past("large", 100.0, config(LARGE), updated=3e9)
    past("old", 1000.0, updated=1e9)
    past("new", 1200.0, updated=2e9)
    assert known(config(), RunStore()).run == "new"
    assert known(config(LARGE), RunStore()).run == "large"
    assert known(config(ModelConfig(depth=22)), RunStore()).run == "large"


def test_precisions_are_kept_apart():
    past("exact", 500.0, config(precision="float32"), precision="float32")
    assert known(config(), RunStore()) is None
    assert known(config(precision="bfloat16"), RunStore()) is None
    assert known(config(precision="float32"), RunStore()).run == "exact"
    past("auto", 900.0, config(), precision="bfloat16")
    assert known(config(), RunStore()).run == "auto"
    assert known(config(precision="bfloat16"), RunStore()).run == "auto"


def test_small_images_are_counted_as_such():
    train = {"epochs": 4, "first_size": 16, "full_size_from": 1.0}
    past("small", 4000.0, config(**train), epochs=(1,))
    speed = known(config(), RunStore())
    # A quarter of the pixels, and 3% of a full-size image besides.
    assert images_per_second(speed) == pytest.approx(4000 * (0.25 + 0.03))


def test_steps_of_two_gradients_are_counted_as_such():
    past("sharp", 500.0, config(sam_radius=0.05))
    assert images_per_second(known(config(), RunStore())) == pytest.approx(1000)


def test_a_run_with_a_teacher_tells_nothing():
    """How much of its time was the teacher's is not known."""
    past("taught", 500.0, config(teacher="large.weights.h5"))
    assert known(config(), RunStore()) is None


@pytest.mark.parametrize(
    ("batch_size", "tells"), [(1, False), (31, False), (32, True), (512, True)]
)
def test_batches_of_another_size_tell_nothing(batch_size, tells):
    """With single images a device trains many times slower."""
    past("other", 100.0, config(batch_size=batch_size))
    assert (known(config(), RunStore()) is not None) == tells
    past("alike", 900.0, config(LARGE), updated=5e8)
    assert known(config(), RunStore()).run == ("other" if tells else "alike")


def test_only_the_last_epochs_count():
    run = past("long", 10.0, epochs=range(1, 4))
    for epoch in range(4, 9):
        run.record_speed({"epoch": epoch, "images_per_second": 1000.0})
    assert images_per_second(known(config(), RunStore())) == pytest.approx(1000)


@pytest.mark.parametrize(
    "record",
    [
        {"epoch": 1, "images_per_second": "fast"},
        {"epoch": 1, "images_per_second": 0.0},
        {"epoch": 1, "images_per_second": float("inf")},
        {"epoch": "1", "images_per_second": 5.0},
        {"epoch": 0, "images_per_second": 5.0},
        {"images_per_second": 5.0},
        {"epoch": 1},
    ],
)
def test_nonsense_in_a_run_is_passed_over(record):
    make_run("odd").record_speed(record)
    assert known(config(), RunStore()) is None


def test_runs_on_other_devices_are_passed_over():
    past("here", 1000.0)
    gpus = "Computing on 2 GPUs: X, X, in {}."
    past("elsewhere", 5.0, config(devices="gpu:0,gpu:1"), device=gpus)
    assert known(config(), RunStore()).run == "here"
    assert known(config(devices="gpu:0,gpu:1"), RunStore()).run == "elsewhere"


def test_runs_by_several_machines_are_passed_over():
    past("alone", 1000.0)
    workers = "Computing on the CPU, as one of 2 workers, in {}."
    past("together", 5000.0, updated=3e9, device=workers)
    assert known(config(), RunStore()).run == "alone"


def test_damaged_runs_are_passed_over():
    past("good", 1000.0)
    past("damaged", 5.0).path.joinpath("config.json").write_text("{")
    assert known(config(), RunStore()).run == "good"


def measured(rate=1e9, device=None, updated=5.0):
    return Speed(
        multiply_adds_per_second=rate,
        device=device or CPU.format("bfloat16"),
        updated=updated,
    )


def test_a_measurement_is_kept_for_its_precision():
    store = RunStore()
    store.write_measured_speed("auto", measured().to_dict())
    store.write_measured_speed("float32", measured(5e8).to_dict())
    assert known(config(), store) == measured()
    assert known(config(precision="float32"), store) == measured(5e8)
    assert "measurement" in str(known(config(), store))
    assert store.list() == []


def test_a_measurement_is_kept_for_its_devices():
    store = RunStore()
    gpu = measured(1e13, "Computing on 1 GPU: NVIDIA A100, in bfloat16.")
    for train, speed in [
        (TrainConfig(), gpu),
        (TrainConfig(devices="cpu", precision="float32"), measured()),
    ]:
        store.write_measured_speed(measurement_key(train), speed.to_dict())
    assert known(config(), store) == gpu
    assert known(config(devices="cpu"), store) is None
    assert known(config(devices="cpu", precision="float32"), store) == measured()


@pytest.mark.parametrize(
    ("device", "gpus"),
    [
        ("Computing on 1 GPU: NVIDIA A100, in bfloat16.", 1),
        ("Computing on 12 GPUs: A, B, in float16.", 12),
        ("Computing on cpu:0, cpu:1, in float32.", 0),
        ("No GPU found: computing on the CPU, in float32.", 0),
    ],
)
def test_the_number_of_gpus_is_told_by_the_device(device, gpus):
    assert measured(device=device).gpus == gpus


def test_who_measures_is_told_of_the_measurement(monkeypatch, capsys):
    past("run", 1000.0, updated=3e9)
    monkeypatch.setattr("wrn.cli.train.start_tensorflow", lambda: None)
    monkeypatch.setattr(
        "wrn.speed.measurement.measure", lambda *_: measured(updated=2e9)
    )
    words = "train --measure --data synthetic --depth 10 --widen-factor 1"
    assert main(words.split()) == 0
    assert "a measurement of this device" in capsys.readouterr().out
    assert main(words.replace("--measure", "--estimate").split()) == 0
    assert "run run" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("devices", "device", "counts"),
    [
        ("auto", "No GPU found: computing on the CPU, in float32.", True),
        ("auto", "Computing on 1 GPU: X, in float32.", True),
        ("auto", "Computing on the CPU, in float32.", False),
        ("auto", "Computing on cpu:0, cpu:1, in float32.", False),
        ("cpu", "Computing on the CPU, in float32.", True),
        ("cpu", "Computing on 1 GPU: X, in float32.", False),
        ("gpu:0", "Computing on 1 GPU: X, in float32.", True),
        ("gpu:0", "Computing on the CPU, in float32.", False),
    ],
)
def test_a_run_that_was_resumed_elsewhere_does_not_count(devices, device, counts):
    chosen = config(devices=devices)
    past("moved", 1000.0, chosen, device=device)
    assert (known(chosen, RunStore()) is not None) == counts


def test_of_run_and_measurement_the_later_counts():
    past("run", 1000.0, config(LARGE), updated=1e9)
    store = RunStore()
    store.write_measured_speed("auto", measured(updated=2e9).to_dict())
    assert known(config(), store) == measured(updated=2e9)
    # Asked for since: the run may have been on another machine.
    assert known(config(LARGE), store) == measured(updated=2e9)
    past("newer", 1000.0, config(LARGE), updated=3e9)
    assert known(config(LARGE), store).run == "newer"
    assert known(config(ModelConfig(depth=22)), store).run == "newer"
    middling = config(ModelConfig(depth=16, widen_factor=2))
    assert known(middling, store) == measured(updated=2e9)
    # Far smaller networks keep a device less busy than what it is measured with.
    assert known(config(), store).run == "newer"
    past("small", 1000.0, config(), updated=1.5e9)
    assert known(config(), store).run == "small"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "[]",
        '{"auto": 3}',
        '{"auto": {"multiply_adds_per_second": 1e9}}',
        json.dumps({"auto": measured(-1.0).to_dict()}),
        json.dumps({"auto": measured(float("nan")).to_dict()}),
        json.dumps({"auto": measured(updated="now").to_dict()}),
        json.dumps({"auto": measured(device=["x"]).to_dict()}),
        json.dumps({"auto": measured(10**400).to_dict()}),
        json.dumps({"auto": measured(1e-308).to_dict()}),
        json.dumps({"auto": measured(updated=1e300).to_dict()}),
        json.dumps({"auto": measured(updated=10**400).to_dict()}),
    ],
)
def test_a_damaged_measurement_is_no_measurement(text):
    store = RunStore()
    store.root.mkdir(parents=True)
    (store.root / "speed.json").write_text(text)
    assert known(config(), store) is None


def test_the_sentence_about_the_devices_names_the_precision():
    speed = measured(device=choose("float32").description)
    assert speed.precision == "float32"


@pytest.mark.slow
def test_measuring_tells_a_speed(monkeypatch):
    from wrn.speed import measurement

    monkeypatch.setattr(measurement, "MEASURED", SMALL)
    monkeypatch.setattr(measurement, "_SECONDS", 0.0)
    speed = measurement.measure("float32")
    assert speed.multiply_adds_per_second > 0
    assert speed.precision == "float32"
