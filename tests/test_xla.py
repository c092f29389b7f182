"""The step compiled by XLA, as GPUs run it: here for the CPU, which XLA serves too."""

from dataclasses import replace

import numpy as np
import pytest

from tests.teachers import write_teacher
from wrn.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from wrn.data import load_cached
from wrn.devices import choose
from wrn.randomness import image_order
from wrn.session import Session
from wrn.teacher_files import read_teachers

pytestmark = pytest.mark.slow

#: All that a step can do, but for dropout, whose masks XLA draws otherwise.
BATCH = 20
DATA = DataConfig(source="synthetic", limit=40, cutout=8, trivial_augment=True)
TRAIN = TrainConfig(
    batch_size=BATCH, label_smoothing=0.1, mixup=0.2, mixup_until=1.0, averaging=0.9
)


def two_steps(config, teachers, gpus):
    """Train two steps; return their losses and the weights, XLA's if on GPUs."""
    devices = replace(choose(config.train.precision, "cpu"), gpus=gpus)
    assert devices.compile == bool(gpus)
    session = Session(config, load_cached("synthetic"), devices, teachers=teachers)
    order = image_order(0, 0, 40, 40)
    losses = [
        session.step(number, order[number * BATCH : (number + 1) * BATCH], 0.01)[0]
        for number in range(2)
    ]
    return losses, session.model.get_weights()


@pytest.mark.parametrize(
    ("precision", "tolerance", "settings"),
    [
        ("float32", 1e-4, {"sam_radius": 0.05, "attention_weight": 100.0}),
        # With the scaling of the loss.
        pytest.param("float16", 3e-2, {}, marks=pytest.mark.long),
    ],
)
def test_it_computes_the_same(tmp_path, precision, tolerance, settings):
    write_teacher(tmp_path / "teacher.weights.h5")
    config = RunConfig(
        model=ModelConfig(depth=10, widen_factor=1, dropout=0.0),
        data=DATA,
        train=TRAIN.replace(
            precision=precision,
            teacher=str(tmp_path / "teacher.weights.h5"),
            **settings,
        ),
    )
    teachers = read_teachers(config, tmp_path / "teachers")
    plain, plain_weights = two_steps(config, teachers, gpus=0)
    compiled, compiled_weights = two_steps(config, teachers, gpus=1)
    np.testing.assert_allclose(compiled, plain, rtol=tolerance)
    for one, other in zip(compiled_weights, plain_weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)
