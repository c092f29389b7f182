"""Training on two devices, in one process and in two."""

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import ROOT
from tests.trainings import arrays, assert_same_arrays
from wrn import augmentation
from wrn.config import RunConfig
from wrn.data import load_cached, select
from wrn.model import build_model
from wrn.randomness import AUGMENTATION, image_order, step_seed
from wrn.runs import RunStore
from wrn.schedule import learning_rate

pytestmark = pytest.mark.slow

#: A training of ten steps in two epochs, exact to the bit.
SETTINGS = (
    "--depth 10 --widen-factor 1 --data synthetic --limit 200 --epochs 2 "
    "--batch-size 40 --precision float32 --schedule one-cycle --averaging 0.9 "
    "--no-save-plot --no-tensorboard --quiet"
)

#: Seconds until a test gives up: processes that start TensorFlow share few cores.
PATIENCE = 900

# What a process does beside the command line: it splits the CPU in two, tells its
# weights after each measurement, or is hit by a signal before a step.
PROCESS = """
import os, sys
import numpy as np
import tensorflow as tf
from wrn import cli
from wrn.session import Session

logical, dump, struck_at, signal = sys.argv[1:5]
if int(logical) > 1:
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * int(logical),
    )
measure, step = Session.measure, Session.step

def measure_and_dump(self, *arguments):
    measured = measure(self, *arguments)
    variables = [*self.model.weights, *self.optimizer.variables]
    variables += self.average.variables
    replicas = zip(*(
        [np.asarray(value) for value in
         self.devices.strategy.experimental_local_results(variable.value)]
        for variable in variables
    ))
    for number, values in enumerate(replicas):
        np.savez(f"{dump}_{number}.npz", *values)
    return measured

def step_or_strike(self, number, *arguments):
    if number == int(struck_at):
        os.kill(os.getpid(), int(signal))
    return step(self, number, *arguments)

Session.measure, Session.step = measure_and_dump, step_or_strike
sys.exit(cli.main(sys.argv[5:]))
"""


def start(words, dump, *, logical=1, struck_at=-1, by=0, tf_config=None):
    """Start a command line in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("TF_CONFIG", None)
    if tf_config:
        environment["TF_CONFIG"] = json.dumps(tf_config)
    return subprocess.Popen(
        [
            *(sys.executable, "-c", PROCESS),
            *map(str, (logical, dump, struck_at, int(by))),
            *words,
        ],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(process):
    """Wait for a process; return its exit code and what it complained of."""
    try:
        _, errors = process.communicate(timeout=PATIENCE / 3)
    finally:
        process.kill()
    return process.returncode, errors


def run_two_workers(folder, words, *, struck=None, struck_at=-1, by=0):
    """Run one command line as two workers; return their outcomes."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(2)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    processes = []
    try:
        for index in range(2):
            processes.append(
                start(
                    words,
                    folder / f"worker{index}",
                    struck_at=struck_at if index == struck else -1,
                    by=by,
                    tf_config={
                        "cluster": {"worker": addresses},
                        "task": {"type": "worker", "index": index},
                    },
                )
            )
        return [outcome(process) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def ghost_batches(config: RunConfig):
    """Train on one device as two replicas must: batch norm over each half apart.

    The update is the authors', in NumPy.

    Returns:
        The steps' mean losses, and the weights at the end in the model's order,
        with the mean of the two halves' batch-norm statistics.
    """
    train, batch = config.train, config.train.batch_size
    images = select(load_cached(config.data.source), config.data).train
    pixels = images.images.astype(np.float64)
    mean, deviation = pixels.mean((0, 1, 2)), pixels.std((0, 1, 2))
    model = build_model(config.model, seed=train.seed)
    trained, statistics = model.trainable_variables, model.non_trainable_variables
    weights = [np.asarray(v, np.float64) for v in trained]
    velocity = [np.zeros_like(w) for w in weights]
    halves = [[np.asarray(v) for v in statistics] for _ in range(2)]
    losses = []
    steps = len(images) // batch
    for number in range(train.epochs * steps):
        epoch, step = divmod(number, steps)
        order = image_order(train.seed, epoch, len(images), steps * batch)
        chosen = order[step * batch : (step + 1) * batch]
        drawn = augmentation.draw(
            tf.constant(step_seed(train.seed, AUGMENTATION, number), tf.int32),
            batch,
            flip=config.data.flip,
            crop_padding=config.data.crop_padding,
        )
        inputs = np.asarray(augmentation.gather(images.images, chosen, *drawn))
        inputs = ((inputs - mean) / deviation).astype(np.float32)
        gradients = [0.0] * len(weights)
        loss = 0.0
        for half, mine in enumerate(np.split(np.arange(batch), 2)):
            for variable, value in zip(statistics, halves[half], strict=True):
                variable.assign(value)
            with tf.GradientTape() as tape:
                logits = model(inputs[mine], training=True)
                losses_of_images = tf.nn.sparse_softmax_cross_entropy_with_logits(
                    images.labels[chosen[mine]], logits
                )
                share = tf.reduce_sum(losses_of_images) / batch
            found = tape.gradient(share, [v.value for v in trained])
            gradients = [
                a + np.asarray(b) for a, b in zip(gradients, found, strict=True)
            ]
            loss += float(share)
            halves[half] = [np.asarray(v) for v in statistics]
        losses.append(loss)
        rate = learning_rate(train, number, steps)
        for index, gradient in enumerate(gradients):
            gradient = gradient + train.weight_decay * weights[index]
            velocity[index] = train.momentum * velocity[index] + gradient
            weights[index] = weights[index] - rate * (
                gradient + train.momentum * velocity[index]
            )
            trained[index].assign(weights[index])
        if step == steps - 1:
            means = [np.mean(pair, axis=0) for pair in zip(*halves, strict=True)]
            halves = [means, means]
    for variable, value in zip(statistics, halves[0], strict=True):
        variable.assign(value)
    return losses, model.get_weights()


def assert_is_ghost_batches(run, replicas):
    """Compare a run, and what its replicas held, with the computation above."""
    losses, expected = ghost_batches(run.config())
    found = [record["train_loss"] for record in run.metrics("step")]
    np.testing.assert_allclose(found, losses, rtol=1e-4)
    for path in replicas:
        with np.load(path) as held:
            for index, weight in enumerate(expected):
                np.testing.assert_allclose(
                    held[f"arr_{index}"], weight, rtol=1e-3, atol=1e-4
                )


def assert_identical(replicas):
    """Check that replicas hold the same weights, statistics, momenta, averages."""
    first, second = (np.load(path) for path in replicas)
    with first, second:
        assert first.files == second.files
        for name in first.files:
            np.testing.assert_array_equal(first[name], second[name], err_msg=name)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of an uninterrupted training by two workers."""
    folder = tmp_path_factory.mktemp("whole")
    words = ["train", *SETTINGS.split(), "--runs-folder", str(folder), "--run", "two"]
    for code, errors in run_two_workers(folder, words):
        assert code == 0, errors
    return folder


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE)
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


OVERFLOW = """
from dataclasses import replace
from itertools import product
import numpy as np
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)
from wrn.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from wrn.data import load_cached
from wrn.devices import choose
from wrn.randomness import image_order
from wrn import session as module

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
for losses, config in product((finite, overflowing), (config, sharp)):
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


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE)
def test_an_overflow_on_one_device_skips_the_step_on_all():
    subprocess.run(
        [sys.executable, "-c", OVERFLOW],
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        timeout=PATIENCE / 3,
    )


PLACES = """
import sys
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 3,
)
from wrn import cli
from wrn.batch_statistics import BatchStatistics
from wrn.inference import Classifier
from wrn.session import Session

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


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE)
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
        "--batch-size 40 --precision float32 --no-save-plot --no-tensorboard --quiet "
        "--averaging 0.9 --averaging-from 0.5 --run placed"
    )
    subprocess.run(
        [
            *(sys.executable, "-c", PLACES, chosen, *words.split()),
            *("--runs-folder", str(tmp_path), "--preprocessing", preprocessing),
        ],
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        timeout=PATIENCE / 3,
    )


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE)
def test_two_workers_train_as_two_halves_of_a_batch(whole):
    run = RunStore(whole).open("two")
    assert run.status().state == "finished"
    assert "one of 2 workers" in run.status().device
    replicas = [whole / f"worker{index}_0.npz" for index in range(2)]
    assert_is_ghost_batches(run, replicas)
    assert_identical(replicas)
    # The other worker made no run of its own.
    assert [run.name for run in RunStore(whole).list()] == ["two"]


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE)
@pytest.mark.parametrize(
    ("struck", "by", "state"),
    [
        (1, signal.SIGKILL, "failed"),
        pytest.param(0, signal.SIGINT, "stopped", marks=pytest.mark.long),
        pytest.param(1, signal.SIGINT, "stopped", marks=pytest.mark.long),
    ],
)
def test_a_training_that_a_worker_ended_resumes_with_all(
    whole, tmp_path, struck, by, state
):
    words = ["train", "--runs-folder", str(tmp_path), "--run", "two", "--quiet"]
    outcomes = run_two_workers(
        tmp_path, [*words, *SETTINGS.split()], struck=struck, struck_at=7, by=by
    )
    run = RunStore(tmp_path).open("two")
    assert run.status().state == state
    if by == signal.SIGKILL:
        assert outcomes[0][0] == 1
        assert "one was lost" in outcomes[0][1]
        assert "one was lost" in run.status().error
    else:
        assert [code for code, _ in outcomes] == [1, 1]
    for code, errors in run_two_workers(tmp_path, [*words, "--resume"]):
        assert code == 0, errors
    assert run.status().state == "finished"
    reference = RunStore(whole).open("two")
    if by == signal.SIGKILL:
        assert_same_arrays(run.last_weights, reference.last_weights)
        assert run.metrics() == reference.metrics()
    else:
        # A checkpoint within an epoch holds the mean of the replicas' batch-norm
        # statistics, which otherwise meet at its end only: rounding differs.
        one, two = arrays(run.last_weights), arrays(reference.last_weights)
        assert one.keys() == two.keys()
        for name in one:
            np.testing.assert_allclose(
                one[name], two[name], rtol=1e-4, atol=1e-7, err_msg=name
            )
        assert run.metrics("step") == reference.metrics("step")
