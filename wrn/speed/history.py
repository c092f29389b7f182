"""How fast this device trains, as its past tells: runs, or a measurement on demand.

Speed is counted in multiply-adds, so that what one network did says what another
will take. Nothing here imports TensorFlow; `wrn.speed.measurement` does.
"""

import re
import statistics
import time
from dataclasses import asdict, dataclass
from typing import Any, TypeGuard

from wrn.architecture import describe
from wrn.architecture.wiring import wiring_of
from wrn.config import FULL_SIZE, ModelConfig, RunConfig, TrainConfig
from wrn.config.schedule import image_size
from wrn.errors import RunError
from wrn.runs import Run, RunStore, Status

#: A training step multiplies about three times as often as a forward pass: once
#: forward, once for the gradient of the inputs, once for that of the weights.
TRAINING_PASSES = 3

#: What an image costs beside its pixels, as a share of a full-size one, where it is
#: smaller: small tensors keep the device less busy (docs/performance.md).
SMALL_IMAGES_OVERHEAD = 0.03

#: How many times larger or smaller than the training's the batches of a run may be that
#: is to tell its speed (docs/performance.md).
_SIMILAR_BATCH = 4

#: How many times more or fewer multiply-adds another network may have to tell more than
#: a measurement does. WRN-10-1, with an eighth of WRN-16-2's, reaches half as many a
#: second: small tensors keep the device less busy.
_SIMILAR_NETWORK = 4

#: What `wrn.speed.measurement` trains: of middling size, so that the figure goes for
#: others.
MEASURED = ModelConfig(depth=16, widen_factor=2)

#: How many of the newest runs are looked at, and how many of a run's last epochs.
_MOST_RUNS = 20
_LAST_EPOCHS = 5

#: Seconds from 1970 to about the year 2100.
_YEAR_2100 = 4.1e9

#: How `wrn.devices.choose` ends its sentence about the devices.
_PRECISION = re.compile(r", in (float32|bfloat16|float16)\.$")
#: How it tells of GPUs.
_GPUS = re.compile(r"\b([1-9][0-9]{0,3}) GPUs?:")


@dataclass(frozen=True, kw_only=True)
class Speed:
    """How fast a device trains.

    Attributes:
        multiply_adds_per_second: Of a training step on full-size images, backward
            passes included.
        device: The sentence of `wrn.devices.Devices` about where it ran.
        run: Name of the run that showed it; empty if it was measured on demand.
        updated: When, in seconds since 1970.
    """

    multiply_adds_per_second: float
    device: str
    run: str = ""
    updated: float = 0.0

    @property
    def precision(self) -> str | None:
        """The precision that it computed in, `None` if the device does not tell."""
        found = _PRECISION.search(self.device)
        return found.group(1) if found else None

    @property
    def gpus(self) -> int:
        """Number of GPUs that it ran on; 0 for the CPU."""
        found = _GPUS.search(self.device)
        return int(found.group(1)) if found else 0

    def __str__(self) -> str:
        """Return where the figure comes from, in a sentence."""
        if self.run:
            return f"The time follows from the speed of run {self.run} on this device."
        day = time.strftime("%Y-%m-%d %H:%M", time.localtime(self.updated))
        return f"The time follows from a measurement of this device on {day}."

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)


def training_passes(train: TrainConfig) -> int:
    """Return how often a training step multiplies, against a forward pass."""
    # Sharpness-aware minimization takes two gradients a step.
    return TRAINING_PASSES * (2 if train.sam_radius else 1)


def image_cost(size: int) -> float:
    """Return the time an image of `size` pixels takes, against one of full size."""
    share = (size / FULL_SIZE) ** 2
    return share if size == FULL_SIZE else share + SMALL_IMAGES_OVERHEAD


def known(config: RunConfig, store: RunStore) -> Speed | None:
    """Find out from the past how fast a training would be.

    Of the newest runs on the same devices in the same precision, with batches of a
    similar size, it takes the last of the same network. Without one, or where the
    device was measured since, which may be another than the run's, it takes the last of
    a network of similar size, or what was measured, whichever is later; without either
    the last of any network. What was measured says little of far smaller networks.

    Args:
        config: The training.
        store: Where the runs are.

    Returns:
        The speed; `None` if nothing ran on this machine yet.
    """
    precision = config.train.precision
    multiply_adds = _multiply_adds(config)
    same: list[Speed] = []
    similar: list[Speed] = []
    others: list[Speed] = []
    for run in store.list()[:_MOST_RUNS]:
        try:
            past, status = run.config(), run.status()
        except RunError:
            continue  # The Runs page tells about damaged ones.
        speed = _of_run(run, past, status)
        elsewhere = past.train.devices != config.train.devices
        if speed is None or elsewhere or " workers" in speed.device:
            continue
        if _moved(past.train.devices, speed):
            continue
        ratio = past.train.batch_size / config.train.batch_size
        if not 1 / _SIMILAR_BATCH <= ratio <= _SIMILAR_BATCH:
            continue
        if past.train.teachers:
            continue  # How much of the time was the teacher's is not known.
        if precision in (past.train.precision, speed.precision):
            size = _multiply_adds(past) / multiply_adds
            if past.model.name == config.model.name:
                same.append(speed)
            elif 1 / _SIMILAR_NETWORK <= size <= _SIMILAR_NETWORK:
                similar.append(speed)
            else:
                others.append(speed)
    if measured := _measured(store, config.train):
        if describe(MEASURED).multiply_adds <= _SIMILAR_NETWORK * multiply_adds:
            similar.append(measured)
            same = [speed for speed in same if speed.updated >= measured.updated]
        else:
            others.append(measured)
    newest = same or similar or others
    return max(newest, key=lambda speed: speed.updated, default=None)


def _multiply_adds(config: RunConfig) -> int:
    return describe(config.model, wiring_of(config)).multiply_adds


def _moved(devices: str, speed: Speed) -> bool:
    """Whether a run was resumed on other devices than its settings name."""
    if devices == "auto":
        # What is said where the CPU was asked for.
        return speed.device.startswith(("Computing on the CPU", "Computing on cpu:"))
    return devices.startswith("gpu") != (speed.gpus > 0)


def _of_run(run: Run, config: RunConfig, status: Status) -> Speed | None:
    """Return the speed of a run's last epochs, at the size that its images had."""
    multiply_adds = training_passes(config.train) * _multiply_adds(config)
    rates = []
    for record in run.speed()[-_LAST_EPOCHS:]:
        epoch, rate = record.get("epoch"), record.get("images_per_second")
        if type(epoch) is int and epoch >= 1 and _is_positive(rate):
            size = image_size(config.train, epoch - 1)
            rates.append(float(rate) * image_cost(size) * multiply_adds)
    if not rates:
        return None
    return Speed(
        multiply_adds_per_second=statistics.median(rates),
        device=status.device,
        run=run.name,
        updated=status.updated,
    )


def measurement_key(train: TrainConfig) -> str:
    """Return what a measured speed is kept under: precision and chosen devices."""
    devices = "" if train.devices == "auto" else f" on {train.devices}"
    return f"{train.precision}{devices}"


def _measured(store: RunStore, train: TrainConfig) -> Speed | None:
    """Read the measured speed from a file that may have been edited."""
    match store.measured_speeds().get(measurement_key(train)):
        case {
            "multiply_adds_per_second": rate,
            "device": str(device),
            "updated": updated,
        } if _is_positive(rate) and _is_positive(updated) and updated < _YEAR_2100:
            return Speed(
                multiply_adds_per_second=float(rate), device=device, updated=updated
            )
    return None


def _is_positive(number: Any) -> TypeGuard[float]:
    """Whether it is a number that a speed or a time can be."""
    return (
        isinstance(number, int | float)
        and not isinstance(number, bool)
        # A comparison does not overflow, however long a number somebody wrote.
        and 1e-3 < number < 1e21
    )
