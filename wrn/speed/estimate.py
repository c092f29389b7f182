"""What a training will take: time per epoch and peak memory, before it starts.

Memory is counted from the architecture. Of an image in a batch the backward pass
needs the input of every batch normalization and the output of every ReLU, in the
precision of the layers; nothing else is kept. Where batches are small, classifying the
held-out images takes more. To this come the data set, the weights with what the
optimizer keeps beside them, and the process itself.

Accuracy: within 15% of the peak measured on a CPU, for WRN-10-1, 16-2 and 16-4 in
batches of 32 to 256, in float32 and bfloat16, and for WRN-28-10 in batches of 32 in
bfloat16 (docs/performance.md, "Memory estimate"). On GPUs the same count without the
process: no GPU was at hand to compare it with.
"""

import math
import sys
from dataclasses import asdict, dataclass
from typing import Any

from wrn.architecture import IMAGE_SHAPE, describe
from wrn.architecture.wiring import wiring_of
from wrn.config import DataConfig, RunConfig, TrainConfig
from wrn.config.schedule import BATCH_IMAGES, STATISTICS_BATCHES, image_size
from wrn.data import CIFAR10_IMAGES, count_images
from wrn.machine.host import available_memory, best_cpu_precision, has_nvidia_driver
from wrn.speed import Speed, image_cost, training_passes
from wrn.text import estimated_duration, gigabytes

_IMAGE_BYTES = math.prod(IMAGE_SHAPE)

#: Bytes of one value of a layer's output.
_VALUE_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}

# Measured on Linux with TensorFlow 2.21, as the peak resident size of processes that
# do some training steps (VmHWM in /proc/self/status).

#: After the import of TensorFlow and Keras, which take more with Python 3.13.
_PROCESS_BYTES = (785 if sys.version_info >= (3, 13) else 680) << 20

#: What the compiled step adds to it.
_STEP_BYTES = 70 << 20

#: Bytes of a value of a training image on the device: whitened before it is cropped,
#: it is float32.
_STORED_BYTES = {"mean-std": 1, "gcn-zca": 4, "keras-zca": 1}

#: What fitting a whitening matrix takes: some float64 matrices of 3072x3072.
_WHITENING_BYTES = {"mean-std": 0, "gcn-zca": 500 << 20, "keras-zca": 500 << 20}

#: What reading the images leaves in memory beside them: Parquet's reader, the largest.
_READER_BYTES = 120 << 20

#: Copies of the weights at the peak: themselves, velocity and gradients, all float32,
#: what the update computes on its way, and the kernels as the convolutions want them.
_WEIGHT_COPIES = 6

#: Activations in memory at the peak, against those that are kept: gradients on
#: their way, the convolutions' workspace, and gaps between freed blocks.
_ACTIVATION_FACTOR = 1.4

#: Outputs of the largest layer in memory at once, where images are classified.
_OUTPUTS_MEASURING = 3


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a training will take.

    Attributes:
        seconds_per_epoch: Of a mean epoch of those to come, the measurement at its end
            included; `None` while the device's speed is not known.
        seconds: Of all epochs to come; `None` likewise.
        epochs_done: After how many epochs the training goes on.
        memory_bytes: The most memory that it needs at once, of each GPU if any is
            used, else of the machine.
        available_bytes: How much of that memory is free, `None` if not known.
        precision: The arithmetic of the layers that was counted with.
        gpus: Number of GPUs that will be used, as far as can be told; 0 for the CPU.
        speed: Where the time comes from.
        has_teacher: Whether there is a teacher, whose time and memory are not counted:
            they depend on what its file holds.
    """

    seconds_per_epoch: float | None
    seconds: float | None
    memory_bytes: int
    available_bytes: int | None
    precision: str
    gpus: int
    speed: Speed | None
    has_teacher: bool = False
    epochs_done: int = 0

    def __str__(self) -> str:
        """Return the figures in one line for people."""
        time = "Time not known yet on this device"
        if self.seconds_per_epoch is not None and self.seconds is not None:
            time = f"About {estimated_duration(self.seconds_per_epoch)} per epoch"
            left = estimated_duration(self.seconds) if self.seconds else "nothing left"
            time += f", {left} "
            time += (
                f"after epoch {self.epochs_done:,}" if self.epochs_done else "in all"
            )
            time += ", without the teacher's share" if self.has_teacher else ""
        memory = f"about {gigabytes(self.memory_bytes)} of "
        memory += "GPU memory" if self.gpus else "memory"
        memory += " each" if self.gpus > 1 else ""
        memory += ", without the teacher's" if self.has_teacher else ""
        if self.available_bytes is not None:
            memory += f" (of {gigabytes(self.available_bytes)} free)"
        return f"{time} · {memory}"

    @property
    def warning(self) -> str:
        """What to say where the memory does not suffice; empty where it does."""
        if self.available_bytes is None or self.memory_bytes < self.available_bytes:
            return ""
        return (
            f"This training needs about {gigabytes(self.memory_bytes)} of memory, and "
            f"{gigabytes(self.available_bytes)} are free: it may fail. A smaller batch "
            "size or widen factor needs less."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)


def estimate(
    config: RunConfig, speed: Speed | None, *, epochs_done: int = 0
) -> Estimate:
    """Estimate what a training will take on this device.

    Args:
        config: All its settings.
        speed: What `wrn.speed.known` found.
        epochs_done: How many epochs are over, of a training that goes on.

    Returns:
        The estimate. Nothing is started or loaded for it.
    """
    gpus = _gpus(config.train, speed)
    precision = _precision(config.train, speed, gpus > 0)
    left = config.train.epochs - epochs_done
    per_epoch = seconds_per_epoch(config, speed, epochs_done) if speed else None
    return Estimate(
        seconds_per_epoch=per_epoch,
        seconds=per_epoch and per_epoch * max(left, 0),
        memory_bytes=memory(config, precision, gpus=gpus),
        available_bytes=None if gpus else available_memory(),
        precision=precision,
        gpus=gpus,
        speed=speed,
        has_teacher=bool(config.train.teachers),
        epochs_done=epochs_done,
    )


def _gpus(train: TrainConfig, speed: Speed | None) -> int:
    """Tell how many GPUs will be used: those chosen, else as many as last time."""
    if train.devices != "auto":
        return sum("gpu" in name for name in train.devices.split(","))
    return speed.gpus if speed else int(has_nvidia_driver())


def _precision(train: TrainConfig, speed: Speed | None, on_gpu: bool) -> str:
    """Tell what `auto` will be: what it was, else the usual."""
    if train.precision != "auto":
        return train.precision
    known = speed.precision if speed else None
    return known or ("bfloat16" if on_gpu else best_cpu_precision())


def seconds_per_epoch(config: RunConfig, speed: Speed, epochs_done: int = 0) -> float:
    """Return the time of a mean epoch in seconds.

    Args:
        config: The training. Images that are shrunk at first take less.
        speed: Of the device.
        epochs_done: How many epochs are over, and left out.
    """
    train = config.train
    # Of a training that is over, the last one.
    epochs = range(min(epochs_done, train.epochs - 1), train.epochs)
    trained, held_out = _counts(config.data)
    # The last partial batch is left out.
    trained -= trained % min(train.batch_size, trained)
    sizes = (image_size(train, epoch) for epoch in epochs)
    cost = sum(map(image_cost, sizes)) / len(epochs)
    measured = float(held_out)
    if train.averaging and train.averaging_from:
        # From then on the averaged weights get batch-norm statistics of their own.
        start = train.averaging_from * train.epochs
        averaged = sum(epoch + 1 > start for epoch in epochs) / len(epochs)
        measured += averaged * min(STATISTICS_BATCHES * train.batch_size, trained)
    passes = training_passes(train) * trained * cost + measured
    multiply_adds = describe(config.model, wiring_of(config)).multiply_adds
    return passes * multiply_adds / speed.multiply_adds_per_second


def memory(config: RunConfig, precision: str, *, gpus: int = 0) -> int:
    """Return the peak memory of a training in bytes.

    Args:
        config: The training.
        precision: `float32`, `bfloat16` or `float16`.
        gpus: Count the memory of each of so many GPUs in place of the process's.
    """
    architecture = describe(config.model, wiring_of(config))
    trained, held_out = _counts(config.data)
    # Each GPU computes its share of the batch, and has all images and weights.
    activations = activation_bytes(config, precision) / max(gpus, 1)
    # One classifies what is held out.
    largest = max(math.prod(layer.output_shape) for layer in architecture.layers)
    outputs = min(BATCH_IMAGES, held_out) * largest * _VALUE_BYTES[precision]
    working = max(_ACTIVATION_FACTOR * activations, _OUTPUTS_MEASURING * outputs)
    copies = _WEIGHT_COPIES
    if config.train.averaging:
        # The average; of a late one, the network that its statistics are taken with.
        copies += 1 + bool(config.train.averaging_from)
    # The weights at which the second gradient is taken.
    copies += bool(config.train.sam_radius)
    training = copies * architecture.weight_bytes + int(working)
    images = trained * _IMAGE_BYTES * _STORED_BYTES[config.data.preprocessing]
    if gpus:
        return images + training
    loaded = sum(_images(config.data)) * _IMAGE_BYTES
    if config.data.source != "synthetic":
        loaded += _READER_BYTES
    # Whitening is over before the session takes its copy of the training images, which
    # exists twice for a moment, and before the first step.
    fitting = _WHITENING_BYTES[config.data.preprocessing]
    peak = max(fitting, 2 * images, images + _STEP_BYTES + training)
    return _PROCESS_BYTES + loaded + peak


def activation_bytes(config: RunConfig, precision: str) -> int:
    """Return the bytes that a batch leaves in memory for the backward pass.

    Args:
        config: The training.
        precision: `float32`, `bfloat16` or `float16`.
    """
    trained, _ = _counts(config.data)
    batch = min(config.train.batch_size, trained)
    architecture = describe(config.model, wiring_of(config))
    return batch * architecture.kept_values * _VALUE_BYTES[precision]


def _images(data: DataConfig) -> tuple[int, int]:
    """Return how many training and test images the source has, at least one each.

    What cannot be counted, because it is not there yet, is taken for CIFAR-10.
    """
    train, test = count_images(data.source) or CIFAR10_IMAGES
    return max(train, 1), max(test, 1)


def _counts(data: DataConfig) -> tuple[int, int]:
    """Return how many images are trained on and measured in each epoch."""
    trained, held_out = _images(data)
    if data.validation:
        held_out = min(data.validation, trained - 1)
        trained -= held_out
    limit = data.limit or trained
    return min(trained, limit), min(held_out, data.limit or held_out)
