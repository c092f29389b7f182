"""The step compiled by XLA, as GPUs run it: here for the CPU, which XLA serves too."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.teachers import write_teacher
from wrn.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from wrn.data import load_cached
from wrn.devices import choose
from wrn.training.randomness import image_order
from wrn.training.session import Session
from wrn.training.teacher_files import read_teachers

pytestmark = pytest.mark.slow

BATCH = 20


def compare(folder, precision, devices, tolerance, **settings):
    """Train two steps with and without XLA, and compare losses and weights.

    The steps do all that they can, if the settings ask for it, but dropout, whose
    masks XLA draws otherwise.
    """
    teacher = folder / "teacher.weights.h5"
    write_teacher(teacher)
    config = RunConfig(
        model=ModelConfig(depth=10, widen_factor=1),
        data=DataConfig(source="synthetic", limit=40, cutout=8, trivial_augment=True),
        train=TrainConfig(
            batch_size=BATCH,
            label_smoothing=0.1,
            mixup=0.2,
            mixup_until=1.0,
            averaging=0.9,
            precision=precision,
            devices=devices,
            teacher=str(teacher),
            **settings,
        ),
    )
    teachers = read_teachers(config, folder / "teachers")
    (plain, plain_weights), (compiled, compiled_weights) = (
        two_steps(config, teachers, gpus) for gpus in (0, len(devices.split(",")))
    )
    np.testing.assert_allclose(compiled, plain, rtol=tolerance)
    for one, other in zip(compiled_weights, plain_weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def two_steps(config, teachers, gpus):
    """Train two steps; return their losses and the weights, XLA's if on GPUs."""
    devices = choose(config.train.precision, config.train.devices)
    devices = replace(devices, gpus=gpus)
    assert devices.compile == bool(gpus)
    session = Session(config, load_cached("synthetic"), devices, teachers=teachers)
    order = image_order(0, 0, 40, 40)
    losses = [
        session.step(number, order[number * BATCH : (number + 1) * BATCH], 0.01)[0]
        for number in range(2)
    ]
    session.average_statistics()
    return losses, session.model.get_weights()


TWO_DEVICES = """
import sys
from pathlib import Path
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)
from tests.training.test_xla import compare

compare(Path(sys.argv[1]), "float32", "cpu:0,cpu:1", 1e-4, attention_weight=100.0,
        sam_radius=float(sys.argv[2]))
"""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("radius", [0.0, pytest.param(0.05, marks=pytest.mark.long)])
def test_two_devices_compute_the_same(tmp_path, radius):
    subprocess.run(
        [sys.executable, "-c", TWO_DEVICES, str(tmp_path), str(radius)],
        check=True,
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        timeout=500,
    )


@pytest.mark.long
@pytest.mark.parametrize(
    ("precision", "tolerance", "settings"),
    [
        ("float32", 1e-4, {"sam_radius": 0.05, "attention_weight": 100.0}),
        # With the scaling of the loss.
        ("float16", 3e-2, {}),
    ],
)
def test_one_device_computes_the_same(tmp_path, precision, tolerance, settings):
    compare(tmp_path, precision, "cpu", tolerance, **settings)
