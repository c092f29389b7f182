"""Carries out a run: data, training, and the run's status from start to end.

The command line calls it in the main thread, a job in a background thread.
"""

import dataclasses
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from wrn import graph
from wrn.architecture import describe
from wrn.architecture.wiring import wiring_of
from wrn.cluster import Cluster
from wrn.config import RunConfig
from wrn.data import load_cached
from wrn.devices import choose
from wrn.errors import MissingToolError, RunError
from wrn.jobs.failures import explain, no_room
from wrn.jobs.workers import lead
from wrn.runs import Run, Status
from wrn.training.loop import Outcome, Progress, train

#: Seconds between two writes of the progress into `status.json`.
_STATUS_SECONDS = 1.0


class Execution:
    """One session of a run. The run must be owned by this process.

    Attributes:
        status: Where the run stands, always current. A new object at each change,
            so any thread may read it.
    """

    def __init__(
        self,
        run: Run,
        cluster: Cluster | None = None,
        devices: str | None = None,
        source: str | None = None,
    ) -> None:
        """Take a run that this process has acquired.

        Args:
            run: The run.
            cluster: The workers to train with, if there are others. This process
                is their chief.
            devices: Where to compute this time, as `TrainConfig.devices`; `None`
                for what the run's settings say.
            source: Where the images are this time, as `DataConfig.source`; `None` for
                where the run's settings say.
        """
        self._cluster = cluster
        self._devices = devices
        self._source = source
        self.run = run
        self.status: Status = run.status()
        self._written = 0.0
        self._seconds = self.status.seconds
        self._counted = time.monotonic()

    def execute(
        self,
        on_progress: Callable[[Progress], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> Outcome:
        """Train to the end, or until asked to stop.

        Args:
            on_progress: Called after every step.
            should_stop: Asked before every step. It may block, to pause.

        Returns:
            How the training ended.

        Raises:
            WrnError: What went wrong, in words. The status has it too.
            Exception: What nobody foresaw. The status has it too.
        """
        self._counted = time.monotonic()
        try:
            if self.status.state in ("running", "paused"):
                self.run.log("interrupted; goes on")
            self.change(state="running", error="", advice="", traceback="")
            outcome = self._train(on_progress, should_stop)
        except KeyboardInterrupt:
            with suppress(OSError):
                self.change(state="interrupted")
            raise
        except BaseException as error:
            failure = explain(error, self._config_if_readable())
            # The folder may be what failed: then the status here alone tells.
            with suppress(OSError):
                self.run.log(failure.cause)
            with suppress(OSError):
                self.change(
                    state="failed",
                    error=failure.cause,
                    advice=failure.advice,
                    traceback=traceback.format_exc(),
                )
            raise
        self.change(
            state="finished" if outcome.finished else "stopped", device=outcome.device
        )
        return outcome

    def change(self, **changes: Any) -> None:
        """Change the status and write it."""
        before = self.status.state
        now = time.monotonic()
        if before != "paused":
            self._seconds += now - self._counted
        self._counted = now
        changes = {"updated": time.time(), "seconds": round(self._seconds, 1)} | changes
        status = dataclasses.replace(self.status, **changes)
        try:
            # The folder first: what is seen here must be found there.
            self.run.write_status(status)
        finally:
            self.status = status
        if status.state != before:
            self.run.log(status.state)
        self._written = time.monotonic()

    def _train(
        self,
        on_progress: Callable[[Progress], None] | None,
        should_stop: Callable[[], bool] | None,
    ) -> Outcome:
        config = self._config()
        self._refuse_a_lost_checkpoint()
        self.run.sweep()

        def report(progress: Progress) -> None:
            self._progress(progress)
            if on_progress:
                on_progress(progress)

        epochs = config.train.epochs
        # If it fails before it goes on, this is where it stands.
        epoch = min(len(self.run.metrics("epoch")) + 1, epochs)
        report(Progress(phase="preparing", epoch=epoch, epochs=epochs))
        if config.output.save_plot:
            save_plot(self.run, config)
        devices = choose(
            config.train.precision,
            self._devices or config.train.devices,
            self._cluster,
        )
        self.change(device=devices.description)
        self.run.log(devices.description)
        if devices.workers > 1:
            lead(devices, config, self.run)
        dataset = load_cached(config.data.source)
        recorder = _Recorder(self.run, config)
        try:
            return train(config, dataset, recorder, report, should_stop, devices)
        finally:
            recorder.close()

    def _refuse_a_lost_checkpoint(self) -> None:
        """Refuse to begin anew over what was trained, and with other images.

        One epoch may be recorded without one: a training killed in between.
        """
        if self.run.last_weights.exists():
            return
        if self._source not in (None, self.run.config().data.source):
            raise RunError(
                "Images in another place must come with a checkpoint, which tells if "
                f"they are the same. Received: {self.run.name}, which has none yet"
            )
        if len(self.run.metrics("epoch")) > 1:
            raise RunError(
                f"A run that was trained must have its {self.run.last_weights.name} to "
                f"resume from. Received: {self.run.name}, where it is missing"
            )

    def _config(self) -> RunConfig:
        """Return the settings, with where the images are this time."""
        config = self.run.config()
        if self._source is None:
            return config
        data = config.data.replace(source=self._source)
        return dataclasses.replace(config, data=data)

    def _config_if_readable(self) -> RunConfig | None:
        try:
            return self._config()
        except RunError:
            return None

    def _progress(self, progress: Progress) -> None:
        self.status = dataclasses.replace(self.status, progress=vars(progress).copy())
        first = progress.step == 1
        if first or time.monotonic() - self._written > _STATUS_SECONDS:
            try:
                self.change()
            except OSError as error:
                # What only tells how far it is is worth no training; what counts will
                # say so itself.
                if not no_room(error):
                    raise
                self._written = time.monotonic()


class _Recorder:
    """Takes a training's results into its run folder, and for TensorBoard."""

    def __init__(self, run: Run, config: RunConfig) -> None:
        self.run = run
        self.last_weights = run.last_weights
        self.best_weights = run.best_weights
        self.teachers_folder = run.teachers_folder
        self.events: Any = None
        self.wanted = config.output.tensorboard
        self.epochs = config.train.epochs
        self.held_out = config.data.held_out_name
        self.records = 0

    def record(self, metrics: dict[str, Any]) -> None:
        self.run.record(metrics)
        self.records += 1
        if metrics["kind"] == "epoch":
            self.run.log(
                f"epoch {metrics['epoch']} of {self.epochs}: training loss "
                f"{metrics['train_loss']:.4f}, accuracy "
                f"{metrics['train_accuracy']:.2%}; {self.held_out} loss "
                f"{metrics['test_loss']:.4f}, accuracy {metrics['test_accuracy']:.2%}"
            )
        if self.events:
            self.events.add(self.records, _scalars(metrics))

    def record_speed(self, speed: dict[str, Any]) -> None:
        self.run.record_speed(speed)

    def rewind(self, records: int) -> None:
        self.run.rewind(records)
        self.records = records
        if self.wanted:
            from wrn.jobs.tensorboard import EventFile

            self.events = EventFile(self.run.path, first_step=records + 1)

    def close(self) -> None:
        if self.events:
            self.events.close()


#: Tags under which TensorBoard groups the curves.
_TAGS = {
    "train_loss": "loss/train",
    "test_loss": "loss/test",
    "train_accuracy": "accuracy/train",
    "test_accuracy": "accuracy/test",
    "learning_rate": "learning_rate",
}


def _scalars(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Name a record's figures for TensorBoard, epochs apart from steps."""
    prefix = "epoch/" if metrics["kind"] == "epoch" else ""
    return {prefix + tag: metrics[key] for key, tag in _TAGS.items() if key in metrics}


def save_plot(run: Run, config: RunConfig) -> None:
    """Save the network's graph in the run folder: DOT, and SVG where possible."""
    dot = graph.to_dot(describe(config.model, wiring_of(config)), "blocks")
    run.write_file("architecture.dot", dot.encode())
    try:
        svg = graph.render(dot, "svg")
    except (MissingToolError, ValueError):
        # Optional: the DOT file can be rendered anywhere, any time.
        return
    run.write_file("architecture.svg", svg)
