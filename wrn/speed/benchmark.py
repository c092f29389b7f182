"""How fast this machine trains and classifies, as ratios within one process.

Machines are shared and their speed drifts; so everything is measured in turn, round
after round. A ratio compares two measurements of one round, which are neighbours where
it matters; what is reported is the median over the rounds. The ceiling is what the
device itself reaches on convolutions of this network's shapes in the same precision: no
framework code around them, nothing but products.
"""

import functools
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import tensorflow as tf

from wrn.architecture import Architecture, Layer, describe
from wrn.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from wrn.data import Dataset, load_cached
from wrn.devices import Devices, choose
from wrn.errors import ConfigError, RunError
from wrn.own_keras import keras
from wrn.runs import RunStore
from wrn.speed import TRAINING_PASSES
from wrn.tracing import traced
from wrn.training.randomness import image_order
from wrn.training.session import Session

#: Seconds that one measurement of one round lasts at least: a few steps. Shorter
#: rounds, and more of them, leave less time to drift within one.
_SLICE_SECONDS = 1.0

#: Side of the square matrices of the matrix product.
_MATRIX_SIDE = 2048

#: Seconds after which a training that has not begun is given up.
_START_SECONDS = 300.0


def run(
    model: ModelConfig,
    source: str,
    *,
    batch_size: int,
    rounds: int,
    precision: str,
) -> dict[str, Any]:
    """Measure training, inference and the device's ceiling.

    Args:
        model: The network.
        source: The data to train on, as `wrn.data.load` takes it.
        batch_size: Images a step.
        rounds: How often each figure is measured, at least 1.
        precision: Arithmetic of the layers, or `auto`.

    Returns:
        Plain JSON types: images per second of each way of computing, the ratios
        between them, peak memory in bytes and the seconds to the first step.

    Raises:
        ConfigError: If there is less than one round, or a batch has more images than
            there are to train on.
    """
    if rounds < 1:
        raise ConfigError(f"rounds must be at least 1. Received: {rounds}")
    devices = choose(precision)
    if devices.gpus > 1:
        # What it is compared with runs on one device, too.
        devices = choose(precision, "gpu:0")
    dataset = load_cached(source)
    if batch_size > len(dataset.train):
        raise ConfigError(
            f"batch_size must be at most {len(dataset.train)}, the number of training "
            f"images. Received: {batch_size}"
        )
    config = RunConfig(
        model=model,
        data=DataConfig(source=source),
        train=TrainConfig(batch_size=batch_size, precision=devices.precision),
    )
    ways = _ways(config, dataset, devices)
    for measure in ways.values():
        measure()
    samples: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        # There and back, so that a steady drift favours neither of two neighbours.
        for name in list(ways)[:: -1 if number % 2 else 1]:
            samples[name].append(ways[name]())
    return {
        "name": model.name,
        "device": devices.description,
        "precision": devices.precision,
        "batch_size": batch_size,
        "rounds": rounds,
        "data": dataset.name,
        **rates(samples, describe(model)),
        "samples": {n: [round(v, 3) for v in values] for n, values in samples.items()},
        "peak_memory_bytes": _peak_memory(),
        "seconds_to_first_step": seconds_to_first_step(config),
    }


def _peak_memory() -> int:
    """Return the most bytes that this process had in memory at once."""
    try:
        import resource
    except ImportError:  # Windows
        return int(psutil.Process().memory_info().peak_wset)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts bytes, Linux kilobytes.
    return peak if sys.platform == "darwin" else peak * 1024


def rates(
    samples: Mapping[str, Sequence[float]], architecture: Architecture
) -> dict[str, Any]:
    """Turn what was measured into rates and ratios.

    Args:
        samples: What each way reached, round by round: `training`, `step`,
            `stock_keras` and `inference` in images a second, `matrix` and
            `convolution` in operations a second.
        architecture: The network that was measured.

    Returns:
        Medians over the rounds: of what each way reached, and of the ratios of two
        ways in one round.
    """
    median = {name: statistics.median(values) for name, values in samples.items()}
    forward = 2 * architecture.multiply_adds
    ceiling = median["convolution"] / forward

    def ratio(name: str, other: str) -> float:
        pairs = zip(samples[name], samples[other], strict=True)
        return statistics.median(one / another for one, another in pairs)

    return {
        "training_images_per_second": round(median["training"], 2),
        "step_images_per_second": round(median["step"], 2),
        "stock_keras_images_per_second": round(median["stock_keras"], 2),
        "inference_images_per_second": round(median["inference"], 2),
        "matrix_gflops": round(median["matrix"] / 1e9, 1),
        "convolution_gflops": round(median["convolution"] / 1e9, 1),
        "ceiling_training_images_per_second": round(ceiling / TRAINING_PASSES, 2),
        "ceiling_inference_images_per_second": round(ceiling, 2),
        "over_stock_keras": round(ratio("training", "stock_keras"), 3),
        "pipeline_efficiency": round(ratio("training", "step"), 3),
        "training_over_ceiling": round(
            ratio("step", "convolution") * forward * TRAINING_PASSES, 3
        ),
        "inference_over_ceiling": round(ratio("inference", "convolution") * forward, 3),
        "training_multiply_adds_per_second": round(
            median["training"] * TRAINING_PASSES * architecture.multiply_adds
        ),
    }


def _ways(
    config: RunConfig, dataset: Dataset, devices: Devices
) -> dict[str, Callable[[], float]]:
    """Return what is measured: functions that return a rate, each about a second.

    Those that a ratio compares closely are neighbours.
    """
    architecture = describe(config.model)
    batch = config.train.batch_size
    session = Session(config, dataset, devices)
    pixels = np.random.default_rng(0).normal(size=(batch, 32, 32, 3))
    images = tf.constant(pixels.astype(np.float32))
    labels = tf.constant(dataset.train.labels[:batch].astype(np.int32))
    raw = dataset.test.images[: 8 * batch]
    stock = _stock_keras(architecture, devices.policy)
    batches = tf.data.Dataset.from_tensors((images, labels)).repeat()

    def fit() -> float:
        clock = _StepClock(_SLICE_SECONDS)
        # `fit` wants a number of steps; the clock ends it long before.
        stock.fit(batches, steps_per_epoch=10_000, verbose=0, callbacks=[clock])
        return clock.steps_per_second() * batch

    order = image_order(0, 0, len(session.split.train), session.steps * batch)
    batches_of_order = itertools.cycle(order.reshape(-1, batch))
    numbers = itertools.count()

    def step() -> None:
        session.step(next(numbers), next(batches_of_order), 0.01)

    return {
        "stock_keras": fit,
        "training": lambda: _rate(step, batch),
        "step": lambda: _rate(lambda: session.step_on(images, labels), batch),
        "convolution": _convolutions(architecture, batch, devices),
        "inference": lambda: _rate(lambda: session.classifier.logits(raw), len(raw)),
        "matrix": _matrix_product(devices),
    }


class _StepClock(keras.callbacks.Callback):
    """Times the steps of `fit`, from the first one's end on, and ends it in time.

    `fit` itself may take twice as long as its steps: at its end it waits for a thread
    of the input pipeline to wake up, whose sleep doubles each time; see
    docs/performance.md.
    """

    def __init__(self, seconds: float) -> None:
        """Time steps for that long, and one at least."""
        super().__init__()
        self._seconds = seconds
        self._ends: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Note that a step is done."""
        self._ends.append(time.perf_counter())
        elapsed = self._ends[-1] - self._ends[0]
        self.model.stop_training = elapsed >= self._seconds

    def steps_per_second(self) -> float:
        """Return the rate of all steps but the first."""
        return (len(self._ends) - 1) / (self._ends[-1] - self._ends[0])


def _rate(work: Callable[[], Any], amount: float) -> float:
    """Return the amount per second that repeated work does."""
    done, began = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < _SLICE_SECONDS or not done:
        work()
        done += 1
    return done * amount / elapsed


def _compute_dtype(devices: Devices) -> Any:
    return tf.as_dtype(devices.precision)


def _matrix_product(devices: Devices) -> Callable[[], float]:
    """Return a measurement of a square matrix product, in operations a second."""
    side = _MATRIX_SIDE
    with tf.device(devices.first):
        matrix = tf.cast(tf.random.stateless_normal((side, side), (1, 2)), tf.float32)
        matrix = tf.cast(matrix, _compute_dtype(devices))
    product = traced(lambda a: tf.reduce_sum(tf.matmul(a, a)[:1, :1]))
    return lambda: _rate(lambda: product(matrix).numpy(), 2 * side**3)


def _convolutions(
    architecture: Architecture, batch: int, devices: Devices
) -> Callable[[], float]:
    """Return a measurement of the network's 3x3 convolutions, in operations a second.

    Forward only, one after another, each on an input of its own that is in memory.
    """
    dtype = _compute_dtype(devices)
    shapes: dict[tuple[Any, ...], tuple[Layer, int]] = {}
    for layer in architecture.layers:
        if layer.kernel == (3, 3) and layer.stride == 1 and layer.name != "conv1":
            key = (layer.input_shape, layer.output_shape)
            shapes[key] = (layer, shapes.get(key, (layer, 0))[1] + 1)
    with tf.device(devices.first):
        tensors = [
            (
                tf.cast(tf.ones((batch, *layer.input_shape)), dtype),
                tf.cast(
                    tf.ones((3, 3, layer.input_shape[-1], layer.output_shape[-1])),
                    dtype,
                ),
                count,
            )
            for layer, count in shapes.values()
        ]

    @traced
    def convolve(x: Any, kernel: Any) -> Any:
        return tf.nn.conv2d(x, kernel, 1, "SAME")

    def once() -> None:
        for x, kernel, count in tensors:
            for _ in range(count):
                y = convolve(x, kernel)
        # The last result's arrival ends the measurement on asynchronous devices.
        y[0, 0, 0, 0].numpy()

    operations = sum(
        2 * batch * layer.multiply_adds * count for layer, count in shapes.values()
    )
    return lambda: _rate(once, operations)


def _stock_keras(architecture: Architecture, policy: str) -> Any:
    """Build and compile the network from Keras's own layers, as its users would."""
    layers = keras.layers
    tensors: dict[str, Any] = {"input": keras.Input((32, 32, 3))}
    for layer in architecture.layers[1:]:
        inputs = [tensors[name] for name in layer.inputs]
        made: Any = {
            "conv": functools.partial(
                layers.Conv2D,
                layer.output_shape[-1],
                layer.kernel,
                strides=layer.stride or 1,
                padding="same",
                use_bias=False,
                dtype=policy,
            ),
            "bn": lambda: layers.BatchNormalization(
                momentum=0.9, epsilon=1e-5, dtype=policy
            ),
            "relu": lambda: layers.ReLU(dtype=policy),
            "dropout": lambda: layers.Dropout(
                architecture.config.dropout, dtype=policy
            ),
            "add": lambda: layers.Add(dtype=policy),
            "pool": lambda: layers.GlobalAveragePooling2D(dtype=policy),
            "dense": lambda: layers.Dense(architecture.config.classes, dtype="float32"),
        }[layer.kind]
        tensors[layer.name] = made()(inputs if len(inputs) > 1 else inputs[0])
    model = keras.Model(tensors["input"], tensors["dense"])
    model.compile(
        optimizer=keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def seconds_to_first_step(config: RunConfig) -> float:
    """Return the time from the command `train` to its first step's end.

    Raises:
        RunError: If the training ends or hangs before its first step.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(sys.executable, "-m", "wrn", "train", "--quiet", "--run", "start"),
            *("--depth", str(config.model.depth)),
            *("--widen-factor", str(config.model.widen_factor)),
            *("--data", config.data.source, "--runs-folder", folder),
            *("--batch-size", str(config.train.batch_size)),
            *("--precision", config.train.precision),
            # Should this process be killed, the other soon ends by itself.
            *("--epochs", "1"),
        ]
        began = time.perf_counter()
        # As a worker of several it would wait for the others.
        alone = {k: v for k, v in os.environ.items() if k != "TF_CONFIG"}
        process = subprocess.Popen(
            command,
            env=alone,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            return _wait_for_first_step(process, RunStore(Path(folder)), began)
        finally:
            process.kill()
            process.wait()


def _wait_for_first_step(
    process: "subprocess.Popen[bytes]", store: RunStore, began: float
) -> float:
    while (elapsed := time.perf_counter() - began) < _START_SECONDS:
        for run in store.list():
            try:
                progress = run.status().progress or {}
            except RunError:
                continue
            if progress.get("step"):
                return round(elapsed, 2)
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RunError(
        "A training must reach its first step to be timed. Received: it ended or hung "
        f"after {elapsed:.0f} seconds"
    )
