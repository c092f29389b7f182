import dataclasses
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import ROOT
from wrn.architecture import describe
from wrn.architecture.wiring import FAMILIES
from wrn.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from wrn.speed import Speed
from wrn.speed import estimate as module
from wrn.speed.estimate import estimate, memory, seconds_per_epoch

CPU = "No GPU found: computing on the CPU, in bfloat16."
MODEL = ModelConfig(depth=10, widen_factor=1)

#: How far the estimate of the memory may be off, as its module states.
TOLERANCE = 0.15


def speed(rate=1e9, device=CPU):
    return Speed(multiply_adds_per_second=rate, device=device)


def config(source="synthetic", model=MODEL, **train):
    data = DataConfig(source=source)
    return RunConfig(model=model, data=data, train=TrainConfig(**train))


def test_kept_values_by_hand():
    # One block a group, at 32x32, 16x16 and 8x8, with 16, 32 and 64 channels. Each
    # has two batch norms: the first at the size before the block.
    first = 2 * 32 * 32 * 16
    second = 32 * 32 * 16 + 16 * 16 * 32
    third = 16 * 16 * 32 + 8 * 8 * 64
    last = 8 * 8 * 64
    # Each batch norm keeps its input, each ReLU its output.
    assert describe(MODEL).kept_values == 2 * (first + second + third + last)


def test_dropout_keeps_its_outputs_and_its_choice():
    plain = describe(MODEL).kept_values
    dropped = describe(MODEL.replace(dropout=0.3)).kept_values
    assert dropped - plain == 2 * (32 * 32 * 16 + 16 * 16 * 32 + 8 * 8 * 64)


def test_seconds_are_multiply_adds_over_the_speed():
    given = config("cifar10", batch_size=100)
    multiply_adds = describe(MODEL).multiply_adds
    # Three passes to train, one to measure.
    expected = (3 * 50_000 + 10_000) * multiply_adds / 1e9
    assert seconds_per_epoch(given, speed()) == pytest.approx(expected)


def test_seconds_of_validation_images_limit_and_partial_batch():
    given = config("cifar10", batch_size=128)
    multiply_adds = describe(MODEL).multiply_adds

    def passes(**data):
        changed = RunConfig(
            model=MODEL, data=given.data.replace(**data), train=given.train
        )
        return seconds_per_epoch(changed, speed()) * 1e9 / multiply_adds

    # 45,000 images are 351 whole batches; 1,000 are 7; 100 are one small one.
    assert passes(validation=5000) == pytest.approx(3 * 351 * 128 + 5000)
    assert passes(limit=1000) == pytest.approx(3 * 7 * 128 + 1000)
    assert passes(limit=100) == pytest.approx(3 * 100 + 100)


def test_small_images_cost_their_pixels_and_some_more():
    small = config("cifar10", epochs=4, first_size=16, full_size_from=1.0)
    multiply_adds = describe(MODEL).multiply_adds
    # 16, 20, 24 and 28 pixels, an epoch each.
    cost = sum((size / 32) ** 2 + 0.03 for size in (16, 20, 24, 28)) / 4
    expected = (3 * 390 * 128 * cost + 10_000) * multiply_adds / 1e9
    assert seconds_per_epoch(small, speed()) == pytest.approx(expected)


def test_a_late_average_costs_a_hundred_batches_for_its_statistics():
    soon, late = (
        seconds_per_epoch(
            config("cifar10", batch_size=100, averaging=0.9, averaging_from=start),
            speed(),
        )
        for start in (0.0, 0.5)
    )
    # Three passes over 50,000 images and one over 10,000 to test; the statistics in
    # every second epoch.
    assert late / soon == pytest.approx(165_000 / 160_000)


def test_of_a_training_that_is_over_nothing_is_left():
    told = estimate(config(epochs=7), speed(), epochs_done=7)
    assert told.seconds == 0
    assert "nothing left after epoch 7" in str(told)


def test_sharpness_aware_minimization_costs_every_step_twice():
    given = config("cifar10", batch_size=100, sam_radius=0.05)
    expected = (6 * 50_000 + 10_000) * describe(MODEL).multiply_adds / 1e9
    assert seconds_per_epoch(given, speed()) == pytest.approx(expected)


def test_the_whole_training_takes_its_epochs():
    told = estimate(config(epochs=7), speed())
    assert told.seconds == pytest.approx(7 * told.seconds_per_epoch)
    assert told.precision == "bfloat16"


def test_a_training_that_goes_on_takes_what_is_left():
    """Images of full size, which come last, take longest."""
    given = config(epochs=4, first_size=16, full_size_from=0.5)
    told = estimate(given, speed(), epochs_done=2)
    full = estimate(config(epochs=1), speed())
    assert told.seconds_per_epoch == pytest.approx(full.seconds_per_epoch)
    assert told.seconds == pytest.approx(2 * full.seconds)
    assert ", 2 min 46 s after epoch 2 · " in str(
        estimate(given, speed(told.seconds_per_epoch * 1e9 / 83), epochs_done=2)
    )
    assert estimate(given, speed(), epochs_done=4).seconds == 0


def test_what_a_teacher_takes_is_not_counted_and_said_so():
    alone, taught = (estimate(config(teacher=file), speed()) for file in ("", "a.h5"))
    assert taught.seconds == alone.seconds
    assert str(taught).count("without the teacher's") == 2
    assert "teacher" not in str(alone)


def test_without_a_speed_only_the_memory_is_told(monkeypatch):
    monkeypatch.setattr(module, "available_memory", lambda: 23_000_000_000)
    told = estimate(config(precision="float32"), None)
    assert told.seconds is told.seconds_per_epoch is None
    assert str(told).startswith("Time not known yet on this device · about ")
    assert str(told).endswith("GB of memory (of 23 GB free)")


def test_figures_read_well(monkeypatch):
    monkeypatch.setattr(module, "available_memory", lambda: None)
    passes = 3 * 9984 + 2000
    rate = passes * describe(MODEL).multiply_adds / 100
    told = str(estimate(config(epochs=200), speed(rate)))
    assert told.startswith("About 1 min 40 s per epoch, 5 h 33 min in all · about ")
    assert told.endswith(" GB of memory")
    told = str(estimate(config(epochs=3), speed(1_000 * rate)))
    assert told.startswith("About 1 s per epoch, 1 s in all · ")


def test_too_little_memory_is_warned_of(monkeypatch):
    monkeypatch.setattr(module, "available_memory", lambda: 500_000_000)
    assert "0.5 GB are free: it may fail" in estimate(config(), speed()).warning
    monkeypatch.setattr(module, "available_memory", lambda: 50_000_000_000)
    assert estimate(config(), speed()).warning == ""
    monkeypatch.setattr(module, "available_memory", lambda: None)
    assert estimate(config(), speed()).warning == ""


def test_on_a_gpu_its_own_memory_counts():
    told = estimate(config(), speed(device="Computing on 1 GPU: X, in float16."))
    assert told.gpus == 1
    assert told.precision == "float16"
    assert told.available_bytes is None
    assert told.memory_bytes < memory(config(), "float16")
    assert str(told).endswith("of GPU memory")


def test_each_of_several_gpus_takes_its_share_of_a_batch():
    chosen = [
        estimate(config(batch_size=1024, devices=devices), speed())
        for devices in ("gpu:0", "gpu:0,gpu:1", "gpu:0,gpu:1,gpu:2,gpu:3")
    ]
    assert [told.gpus for told in chosen] == [1, 2, 4]
    one, two, four = (told.memory_bytes for told in chosen)
    # Images and weights are on each, whatever their number.
    assert one - two == pytest.approx(2 * (two - four), rel=1e-6)
    assert one > 1.5 * two
    assert "GPU memory each" in str(chosen[1])
    assert "each" not in str(chosen[0])
    two_found = estimate(
        config(), speed(device="Computing on 2 GPUs: X, X, in float16.")
    )
    assert two_found.gpus == 2


def test_classifying_counts_where_batches_are_small():
    """250 images whose largest outputs are 32 x 32 x 320 float32 values, 3 at once."""
    model = ModelConfig(depth=10, widen_factor=20)
    small = config("cifar10", model=model, batch_size=1)
    weights = 6 * describe(model).weight_bytes
    images = 50_000 * 3072
    expected = images + weights + 3 * 250 * 32 * 32 * 320 * 4
    assert memory(small, "float32", gpus=1) == expected
    # All GPUs share a batch; one of them classifies.
    assert memory(small, "float32", gpus=2) == expected
    few = dataclasses.replace(small, data=small.data.replace(validation=25))
    less = 3 * 225 * 32 * 32 * 320 * 4 + 25 * 3072
    assert memory(few, "float32", gpus=1) == expected - less


def test_memory_grows_with_batch_precision_and_averaging():
    def at(precision="float32", **train):
        return memory(config("cifar10", batch_size=1024, **train), precision)

    kept = 1024 * describe(MODEL).kept_values
    assert at() - at("bfloat16") == pytest.approx(1.4 * 2 * kept, abs=2)
    averaged = at(averaging=0.9) - at()
    assert averaged == describe(MODEL).weight_bytes
    late = at(averaging=0.9, averaging_from=0.5) - at()
    assert late == 2 * describe(MODEL).weight_bytes
    assert at(sam_radius=0.05) - at() == describe(MODEL).weight_bytes


TRAINING = """
import re
import sys

import numpy as np

from wrn.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from wrn.data import CLASS_NAMES, Dataset, Images
from wrn.devices import choose
from wrn.training.randomness import image_order
from wrn.training.session import Session

random = np.random.default_rng(0)


def images(count):
    return Images(
        random.integers(0, 256, (count, 32, 32, 3), np.uint8),
        random.integers(0, 10, count),
    )


data = Dataset(images(10_000), images(2_000), CLASS_NAMES, "synthetic", "Noise")
config = RunConfig(
    model=ModelConfig(depth=10, widen_factor=2), train=TrainConfig(batch_size=256)
)
session = Session(config, data, choose("float32"))
for number in range(4):
    session.step(number, image_order(0, 0, 10_000, 256), 0.01)
session.measure(data.test.first(500), lambda: False)
status = open("/proc/self/status").read()
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", status).group(1)) * 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the peak memory")
def test_memory_is_near_what_a_training_takes():
    done = subprocess.run(
        [sys.executable, "-c", TRAINING],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    given = config(model=ModelConfig(depth=10, widen_factor=2), batch_size=256)
    expected = memory(given, "float32")
    assert int(done.stdout) == pytest.approx(expected, rel=TOLERANCE)


def test_whitened_images_are_kept_in_float32():
    plain, whitened = (
        memory(
            RunConfig(data=DataConfig(source="cifar10", preprocessing=kind)),
            "float32",
            gpus=1,
        )
        for kind in ("mean-std", "gcn-zca")
    )
    assert whitened - plain == 3 * 50_000 * 32 * 32 * 3


def test_all_images_that_are_loaded_count():
    real, drawn = (
        memory(config(source, batch_size=1024), "float32")
        for source in ("cifar10", "synthetic")
    )
    # The training images twice, as read and as trained on; the test images; and what
    # reading them takes.
    assert real - drawn == (2 * 40_000 + 8_000) * 32 * 32 * 3 + (120 << 20)


def test_images_of_a_folder_are_counted(tmp_path):
    for name, images in (("train", 1500), ("test", 40)):
        kind = pa.struct({"bytes": pa.binary()})
        rows = pa.array([{"bytes": b""}] * images, kind)
        table = pa.table({"img": rows, "label": [0] * images})
        pq.write_table(table, tmp_path / f"{name}-0.parquet")
    own = estimate(config(str(tmp_path), batch_size=100), speed())
    # Three passes to train, one to measure.
    assert own.seconds_per_epoch == pytest.approx(
        (3 * 1500 + 40) * describe(MODEL).multiply_adds / 1e9
    )
    whole = estimate(config("cifar10", batch_size=100), speed())
    # As read, once more on the device, and a copy for a moment.
    fewer_bytes = (60_000 - 1540) * 3072 + 2 * (50_000 - 1500) * 3072
    assert whole.memory_bytes - own.memory_bytes <= fewer_bytes
    assert own.memory_bytes < whole.memory_bytes - 100_000_000


def test_fitting_a_whitening_counts():
    plain, whitened = (
        memory(
            RunConfig(
                model=MODEL, data=DataConfig(source="cifar10", preprocessing=kind)
            ),
            "float32",
        )
        for kind in ("mean-std", "keras-zca")
    )
    assert whitened > plain + (100 << 20)


def test_the_precision_asked_for_is_counted_with():
    # The device last computed in bfloat16.
    assert estimate(config(precision="float16"), speed()).precision == "float16"


def test_no_batch_is_larger_than_the_images():
    data = DataConfig(source="synthetic", limit=100)
    small, large = (
        memory(RunConfig(data=data, train=TrainConfig(batch_size=size)), "float32")
        for size in (100, 1000)
    )
    assert small == large


def images(limit=None, preprocessing="mean-std", **train):
    data = DataConfig(source="cifar10", limit=limit, preprocessing=preprocessing)
    return RunConfig(model=MODEL, data=data, train=TrainConfig(**train))


def test_images_are_in_memory_twice_for_a_moment():
    few, many = (
        memory(images(limit, batch_size=8), "bfloat16") for limit in (45_000, 49_000)
    )
    assert many - few == 2 * 4000 * 3072


def test_whitened_as_by_keras_they_are_kept_as_they_were():
    plain, whitened = (
        memory(images(preprocessing=kind), "float32", gpus=1)
        for kind in ("mean-std", "keras-zca")
    )
    assert whitened == plain


def test_both_kinds_of_16_bits_take_as_much():
    one, other = (
        memory(images(batch_size=1024), precision, gpus=1)
        for precision in ("bfloat16", "float16")
    )
    assert one == other


@pytest.mark.parametrize(
    ("driver", "gpus", "precision"), [(True, 1, "bfloat16"), (False, 0, "float32")]
)
def test_a_driver_tells_of_a_gpu(monkeypatch, driver, gpus, precision):
    monkeypatch.setattr(module, "has_nvidia_driver", lambda: driver)
    monkeypatch.setattr(module, "best_cpu_precision", lambda: "float32")
    told = estimate(images(), None)
    assert (told.gpus, told.precision) == (gpus, precision)


def test_the_time_is_that_of_the_wiring():
    multiply_adds = describe(MODEL, FAMILIES["asmith26"]).multiply_adds
    assert multiply_adds > describe(MODEL).multiply_adds
    speed = Speed(multiply_adds_per_second=1e9, device=CPU)
    found = seconds_per_epoch(images(batch_size=100, wiring="asmith26"), speed)
    # Three passes over 50,000 images, and 10,000 measured.
    assert found == pytest.approx(160_000 * multiply_adds / 1e9)


def test_statistics_of_an_average_take_all_images_at_most():
    speed = Speed(multiply_adds_per_second=1e9, device=CPU)
    settings = {"limit": 10_000, "batch_size": 1000, "epochs": 2}
    plain = seconds_per_epoch(images(**settings), speed)
    late = images(averaging=0.9, averaging_from=0.5, **settings)
    more = seconds_per_epoch(late, speed) - plain
    # In one of the two epochs.
    expected = 10_000 * describe(MODEL).multiply_adds / 1e9 / 2
    assert more == pytest.approx(expected)


def test_teachers_are_told_apart_where_nothing_is_known():
    assert "without the teacher's" in str(estimate(images(teacher="a.h5"), None))
