"""The training loop: one for one device, several, and several machines.

Everything random is a function of (seed, epoch, step): the order of the images,
their augmentation, dropout. A training that was stopped or killed therefore goes
on from its checkpoint exactly as if nothing had happened: bit for bit on the CPU with
one device (docs/scale.md tells of several).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from wrn import weights
from wrn.architecture.wiring import wiring_of
from wrn.config import RunConfig
from wrn.config.schedule import drop_epochs, learning_rate
from wrn.data import Dataset
from wrn.devices import Devices, choose
from wrn.errors import ConfigError, DivergedError
from wrn.training import checkpoint
from wrn.training.checkpoint import State, Sums
from wrn.training.collective import (
    agreed,
    any_says_so,
    lost_workers_named,
    refuse_other_images,
    refuse_other_weights,
)
from wrn.training.commit import commit
from wrn.training.initial_weights import read_initial_weights
from wrn.training.pace import Pace
from wrn.training.randomness import image_order
from wrn.training.session import Session
from wrn.training.teacher_files import forget_teachers, read_teachers
from wrn.weights.origins import (
    building_on,
    check_held_out,
    check_teachers,
    contents,
    told_under,
)

#: Points on the curve of each epoch.
RECORDS_PER_EPOCH = 40


class Recorder(Protocol):
    """Where a training leaves its results. `wrn.runs.Run` is one."""

    @property
    def last_weights(self) -> Path:
        """The checkpoint to resume from."""

    @property
    def best_weights(self) -> Path:
        """The weights with the best accuracy measured so far."""

    @property
    def teachers_folder(self) -> Path:
        """The folder where the files of the teachers are kept, if there are any."""

    def record(self, metrics: dict[str, Any]) -> None:
        """Append one record of metrics."""

    def record_speed(self, speed: dict[str, Any]) -> None:
        """Append one record of timing, which differs from run to run."""

    def rewind(self, records: int) -> None:
        """Forget every record of metrics after the first `records`."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a training stands.

    Attributes:
        phase: What is going on.
        epoch: Number of the epoch, from 1.
        epochs: Number of epochs in all.
        step: Steps done in this epoch.
        steps: Steps in an epoch.
        loss: Mean training loss of this epoch so far.
        accuracy: Training accuracy of this epoch so far, 0 to 1.
        learning_rate: Learning rate of the last step.
        images_per_second: Training speed, smoothed.
        seconds_left: Estimated time to the end, `None` while unknown.
        test_accuracy: Last accuracy on the held-out images, 0 to 1.
        best_accuracy: Best accuracy on the held-out images, 0 to 1.
    """

    phase: Literal["preparing", "training", "testing"]
    epoch: int
    epochs: int
    step: int = 0
    steps: int = 0
    loss: float | None = None
    accuracy: float | None = None
    learning_rate: float | None = None
    images_per_second: float | None = None
    seconds_left: float | None = None
    test_accuracy: float | None = None
    best_accuracy: float | None = None


@dataclass(frozen=True)
class Outcome:
    """How a training ended.

    Attributes:
        finished: Whether all epochs are done; otherwise it was asked to stop.
        epochs: Epochs done.
        test_accuracy: Last accuracy on the held-out images, `None` before the
            first epoch's end.
        best_accuracy: Best of them.
        device: One sentence about where it ran.
    """

    finished: bool
    epochs: int
    test_accuracy: float | None
    best_accuracy: float | None
    device: str


def train(
    config: RunConfig,
    dataset: Dataset,
    run: Recorder,
    on_progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    devices: Devices | None = None,
) -> Outcome:
    """Train a network, or go on with its training.

    Where `run.last_weights` exists the training resumes from it; it ends with the
    same weights and metrics as one that was never interrupted.

    Args:
        config: All settings.
        dataset: The images.
        run: Takes metrics and weights.
        on_progress: Called after every step, from the calling thread.
        should_stop: Asked before every step. It may block, to pause.
        devices: Where to compute; by default what the settings say. With several
            workers each calls this with the same settings and checkpoint; they stop
            together as soon as one is asked to, and only the chief saves weights.

    Returns:
        How it ended. If asked to stop, a checkpoint of that very step is written.

    Raises:
        ConfigError: If the batch cannot be shared evenly among the devices, or the
            data has another number of classes than the network, or the wiring takes
            full-size images only, or the initial weights are of another network, or
            the teacher does not suit (`teacher_files.read_teachers`) or knows other
            classes, or images are held out that one of them may know
            (`wrn.weights.origins.check_held_out`).
        DataError: If there are too few images, or another worker has others.
        DivergedError: If loss or weights are no finite numbers any more.
        RunError: If the checkpoint is damaged or of other settings.
        WeightsError: If the file of the initial weights or of the teacher cannot be
            read.
        ClusterError: If another worker was lost.
    """
    devices = devices or choose(config.train.precision, config.train.devices)
    # Else TensorFlow puts what no strategy places on the machine's first GPU.
    with lost_workers_named(devices), tf.device(devices.first):
        training = _Training(
            config,
            dataset,
            run,
            devices,
            on_progress or (lambda progress: None),
            agreed(devices, should_stop or (lambda: False)),
        )
        return training.run_to_end()


class _Training:
    """One training in one process."""

    def __init__(
        self,
        config: RunConfig,
        dataset: Dataset,
        run: Recorder,
        devices: Devices,
        on_progress: Callable[[Progress], None],
        should_stop: Callable[[], bool],
    ) -> None:
        self.config = config
        self.run = run
        self.devices = devices
        self.on_progress = on_progress
        self.should_stop = should_stop
        self.state = State()
        self.pace = Pace()
        self.rate: float | None = None
        refuse_other_images(devices, dataset)
        stored = fitted = initial = None
        origins: Sequence[Mapping[str, Any]]
        if run.last_weights.exists():
            # What was fitted when the training began stays, to the bit.
            stored, fitted = checkpoint.read(run.last_weights, config, dataset)
            origins = told_under("initial", stored.metadata)
        else:
            initial, origins = read_initial_weights(config)
            refuse_other_weights(devices, contents(origins))
        teachers = read_teachers(
            config,
            run.teachers_folder,
            contents(told_under("teachers", stored.metadata)) if stored else None,
        )
        told = [teacher.origin for teacher in teachers]
        if not stored:
            self._check_past(dataset, origins, told)
        self.session = Session(config, dataset, devices, fitted, initial, teachers)
        self.metadata: dict[str, Any] = {
            "model": config.model.to_dict(),
            "wiring": wiring_of(config).to_dict(),
            "preprocessing": self.session.preprocessing.to_dict(),
            "data": config.data.replace(source=dataset.name).to_dict()
            | {
                "name": dataset.name,
                "synthetic": dataset.synthetic,
                "class_names": list(dataset.class_names),
            }
            | dataset.identity,
            "train": config.train.without_paths().to_dict(),
            "commit": commit(),
        }
        self.metadata |= building_on(origins, told)
        if stored:
            self.state = checkpoint.restore(self.session, run.last_weights, stored)
        run.rewind(self.state.records)

    def _check_past(
        self,
        dataset: Dataset,
        origins: Sequence[Mapping[str, Any]],
        teachers: Sequence[Mapping[str, Any]],
    ) -> None:
        """Refuse to begin with weights or teachers that do not suit the images."""
        try:
            check_teachers(dataset, teachers)
            check_held_out(self.config, dataset, [*origins, *teachers])
        except ConfigError:
            # Else a file that is put in their place would never be read.
            forget_teachers(self.run.teachers_folder)
            raise

    # Running

    def run_to_end(self) -> Outcome:
        """Run the epochs that are left."""
        state = self.state
        while state.epoch < self.config.train.epochs:
            if not self.run_epoch():
                self.save(self.run.last_weights, resumable=True)
                # Nobody ends before the chief has saved: launchers kill the rest then.
                any_says_so(self.devices, False)
                return self.outcome(finished=False)
        return self.outcome(finished=True)

    def outcome(self, *, finished: bool) -> Outcome:
        """Sum up how the training ended."""
        return Outcome(
            finished=finished,
            epochs=self.state.epoch,
            test_accuracy=self.state.test_accuracy,
            best_accuracy=self.state.best_accuracy,
            device=self.devices.description,
        )

    def run_epoch(self) -> bool:
        """Run the rest of an epoch; return `False` if asked to stop."""
        state, train = self.state, self.config.train
        order = image_order(
            train.seed,
            state.epoch,
            len(self.session.split.train),
            self.session.steps * self.session.batch_size,
        )
        if state.step == 0 and state.epoch + 1 in drop_epochs(train):
            self.session.sgd.at_drop()
        every = max(1, self.session.steps // RECORDS_PER_EPOCH)
        while state.step < self.session.steps:
            if self.should_stop():
                return False
            self.run_step(order)
            if state.step % every == 0 or state.step == self.session.steps:
                self.record_step()
            self.report("training")
        return self.finish_epoch()

    def run_step(self, order: NDArray[np.int32]) -> None:
        """Do one step and add up what came of it."""
        state, session = self.state, self.session
        number = state.epoch * session.steps + state.step
        self.rate = learning_rate(self.config.train, number, session.steps)
        first = state.step * session.batch_size
        with self.pace.measure(session.batch_size):
            figures = session.step(
                number, order[first : first + session.batch_size], self.rate
            )
        state.step += 1
        for sums in (state.interval, state.whole):
            sums.add(*figures, session.batch_size)

    def record_step(self) -> None:
        """Record the means since the last record."""
        state = self.state
        means = state.interval.means()
        if not math.isfinite(means["train_loss"]):
            raise DivergedError(
                "The loss must stay a finite number. Received: "
                f"{means['train_loss']} in epoch {state.epoch + 1}, at step "
                f"{state.step}, with a learning rate of {self.rate or 0.0:g}"
            )
        self.record(
            {"kind": "step", "epoch": state.epoch + 1, "step": state.step}
            | means
            | {"learning_rate": self.rate}
        )
        state.interval = Sums()

    def finish_epoch(self) -> bool:
        """Measure the held-out images, record, save; `False` if asked to stop."""
        state = self.state
        self.report("testing")
        measured = self.session.measure(self.session.split.held_out, self.should_stop)
        if measured is None:
            return False
        loss, accuracy = measured
        self.record(
            {"kind": "epoch", "epoch": state.epoch + 1, "step": self.session.steps}
            | state.whole.means()
            | {
                "test_loss": round(loss, 7),
                "test_accuracy": accuracy,
                "learning_rate": self.current_rate(),
            }
        )
        self.run.record_speed(
            {
                "epoch": state.epoch + 1,
                "seconds": round(self.pace.lap(), 3),
                "images_per_second": round(self.pace.images_per_second or 0.0, 2),
            }
        )
        state.epoch, state.step, state.whole = state.epoch + 1, 0, Sums()
        state.test_accuracy = accuracy
        best = state.best_accuracy is None or accuracy > state.best_accuracy
        if best:
            state.best_accuracy = accuracy
        # The best first: whoever sees the new checkpoint finds its best weights.
        if best and self.config.output.checkpoints != "last":
            self.save(self.run.best_weights, resumable=False)
        self.save(self.run.last_weights, resumable=True)
        self.report("training")
        return True

    def current_rate(self) -> float:
        """Return the learning rate of the epoch's last step."""
        number = self.state.epoch * self.session.steps + self.session.steps - 1
        return learning_rate(self.config.train, number, self.session.steps)

    # Reporting and saving

    def record(self, metrics: dict[str, Any]) -> None:
        """Pass a record on, and count it for the next checkpoint."""
        self.run.record(metrics)
        self.state.records += 1

    def report(self, phase: Literal["training", "testing"]) -> None:
        """Tell the caller where the training stands."""
        state, epochs = self.state, self.config.train.epochs
        means = state.whole.means() if state.whole.images else {}
        steps_left = (epochs - state.epoch) * self.session.steps - state.step
        self.on_progress(
            Progress(
                phase=phase,
                epoch=min(state.epoch + 1, epochs),
                epochs=epochs,
                step=state.step,
                steps=self.session.steps,
                loss=means.get("train_loss"),
                accuracy=means.get("train_accuracy"),
                learning_rate=self.rate,
                images_per_second=self.pace.images_per_second,
                seconds_left=self.pace.seconds_left(
                    steps_left * self.session.batch_size
                ),
                test_accuracy=state.test_accuracy,
                best_accuracy=state.best_accuracy,
            )
        )

    def save(self, path: Path, *, resumable: bool) -> None:
        """Write the weights; where asked for, with all that a resume needs.

        Raises:
            DivergedError: If they are no finite numbers: the file that is there, with
                those of an earlier time, is worth more.
        """
        metadata = self.metadata | {
            "result": {
                "epochs": self.state.epoch,
                "test_accuracy": self.state.test_accuracy,
                "held_out": self.config.data.held_out_name,
                "precision": self.devices.precision,
            }
        }
        extras = checkpoint.arrays(self.session, self.state) if resumable else {}
        with self.session.weights_to_keep():
            checkpoint.check_finite(self.session, self.state, extras)
            # The others have done their share: the averages over all replicas.
            if self.devices.chief:
                weights.save(
                    path,
                    self.session.model,
                    metadata,
                    extras,
                    preprocessing=self.session.preprocessing.arrays(),
                )
