"""Training on two devices of one process."""

import os
import subprocess
import sys

import pytest

from tests.command_lines import PATIENCE, SETTINGS, outcome, start
from tests.conftest import ROOT
from tests.ghost_batches import assert_identical, assert_is_ghost_batches
from wrn.runs import RunStore

pytestmark = [pytest.mark.slow, pytest.mark.timeout(PATIENCE)]


def run_script(code: str, *arguments: str) -> None:
    """Run a script in a process of its own, which may set its devices up."""
    subprocess.run(
        [sys.executable, "-c", code, *arguments],
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        timeout=PATIENCE / 3,
    )


def test_two_devices_train_as_two_halves_of_a_batch(tmp_path):
    words = ["train", *SETTINGS.split(), "--runs-folder", str(tmp_path), "--run", "two"]
    process = start(
        [*words, "--devices", "cpu:0,cpu:1"], tmp_path / "device", logical=2
    )
    code, errors = outcome(process)
    assert code == 0, errors
    run = RunStore(tmp_path).open("two")
    assert "cpu:0, cpu:1" in run.status().device
    replicas = [tmp_path / f"device_{index}.npz" for index in range(2)]
    assert_is_ghost_batches(run, replicas)
    assert_identical(replicas)


def test_a_divergence_on_two_devices_is_told_as_on_one(tmp_path):
    words = ["train", *SETTINGS.split(), "--runs-folder", str(tmp_path), "--run", "two"]
    words += ["--schedule", "constant", "--learning-rate", "100"]
    process = start(
        [*words, "--devices", "cpu:0,cpu:1"], tmp_path / "device", logical=2
    )
    code, errors = outcome(process)
    assert code == 1
    assert "must stay finite numbers" in errors
    assert "with a learning rate of 100" in errors


OVERFLOW = """
from dataclasses import replace
import numpy as np
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)
from wrn.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from wrn.data import load_cached
from wrn.devices import choose
from wrn.training.randomness import image_order
from wrn.training import session as module

finite = module.image_losses

def overflowing(*arguments, **options):
    context = tf.distribute.get_replica_context()
    last = tf.equal(context.replica_id_in_sync_group, 1)
    return finite(*arguments, **options) * tf.where(last, np.float32(np.inf), 1.)

config = RunConfig(
    model=ModelConfig(depth=10, widen_factor=1),
    data=DataConfig(source="synthetic", limit=80),
    train=TrainConfig(batch_size=40, precision="float16", devices="cpu:0,cpu:1"),
)
sharp = replace(config, train=config.train.replace(sam_radius=0.05))
devices = choose("float16", "cpu:0,cpu:1")
for losses, config in (finite, sharp), (overflowing, config), (overflowing, sharp):
    module.image_losses = losses
    session = module.Session(config, load_cached("synthetic"), devices)
    before = session.model.get_weights()
    scale = np.asarray(session.optimizer.dynamic_scale)
    session.step(0, image_order(0, 0, 80, 40), 0.1)
    trained = [v.trainable for v in session.model.weights]
    after = session.model.get_weights()
    changed = [
        (a != b).any() for a, b, t in zip(before, after, trained, strict=True) if t
    ]
    assert any(changed) == (losses is finite), losses
    assert all(np.isfinite(a).all() for a in after)
    lowered = np.asarray(session.optimizer.dynamic_scale) < scale
    assert lowered == (losses is overflowing)
"""


def test_an_overflow_on_one_device_skips_the_step_on_all():
    run_script(OVERFLOW)


SUCCESSION = """
import gc
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 3,
)
from wrn.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from wrn.data import load_cached
from wrn.devices import choose
from wrn.training.randomness import image_order
from wrn.training.session import Session

for widen_factor, names in (
    (1, "cpu:0,cpu:1"), (2, "cpu:1,cpu:0"), (1, "cpu:1,cpu:2"), (1, "cpu:0,cpu:1"),
):
    config = RunConfig(
        model=ModelConfig(depth=10, widen_factor=widen_factor),
        data=DataConfig(source="synthetic", limit=80),
        train=TrainConfig(batch_size=40, precision="float32", devices=names),
    )
    devices = choose("float32", names)
    session = Session(config, load_cached("synthetic"), devices)
    session.step(0, image_order(0, 0, 80, 40), 0.1)
    # Graphs hold the weights.
    del session
    gc.collect()
    assert not [o for o in gc.get_objects() if type(o).__name__ == "FuncGraph"], names
"""


def test_one_process_trains_one_network_after_another():
    """TensorFlow remembers the shapes that two devices exchanged."""
    run_script(SUCCESSION)


PLACES = """
import sys
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 3,
)
from wrn import cli
from wrn.training.batch_statistics import BatchStatistics
from wrn.inference import Classifier
from wrn.training.session import Session

step, batches, of = Session.step, Classifier.batches, BatchStatistics.of
chosen = sys.argv[1].split(",")
seen = set()

def check(kind, *tensors):
    seen.add(kind)
    places = [tensor.device.rpartition("device:")[2].lower() for tensor in tensors]
    assert places == (chosen if kind == "images" else chosen[:1]), (kind, places)

def checked_step(self, *arguments):
    strategy = self.devices.strategy
    check("images", *strategy.experimental_local_results(self._images))
    return step(self, *arguments)

def checked_batches(self, images, **options):
    check("logits", self._forward(images[:2]))
    if hasattr(self.preprocessing, "matrix"):
        check("preprocessing", self.preprocessing.matrix)
    return batches(self, images, **options)

def checked_of(self, trained):
    found = of(self, trained)
    check("statistics", self._model.non_trainable_weights[0].value)
    return found

Session.step, Classifier.batches = checked_step, checked_batches
BatchStatistics.of = checked_of
code = cli.main([*sys.argv[2:], "--devices", sys.argv[1]])
assert seen >= {"images", "logits", "statistics"}, seen
assert "preprocessing" in seen or "mean-std" in sys.argv
sys.exit(code)
"""


@pytest.mark.parametrize(
    ("chosen", "preprocessing"),
    [
        ("cpu:1,cpu:2", "mean-std"),
        pytest.param("cpu:2", "keras-zca", marks=pytest.mark.long),
    ],
)
def test_all_is_computed_on_the_chosen_devices(tmp_path, chosen, preprocessing):
    words = (
        "train --depth 10 --widen-factor 1 --data synthetic --limit 80 --epochs 1 "
        "--batch-size 10 --precision float32 --no-save-plot --no-tensorboard --quiet "
        "--averaging 0.9 --averaging-from 0.5 --run placed"
    )
    options = ["--runs-folder", str(tmp_path), "--preprocessing", preprocessing]
    run_script(PLACES, chosen, *words.split(), *options)
