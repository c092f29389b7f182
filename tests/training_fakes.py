"""A training that does nothing but obey, and run folders made by hand."""

import threading
import time
from collections.abc import Callable

from wrn.config import DataConfig, ModelConfig, OutputConfig, RunConfig, TrainConfig
from wrn.runs import RunStore, Status

CONFIG = RunConfig(
    model=ModelConfig(depth=10, widen_factor=1),
    data=DataConfig(source="synthetic", limit=100),
    train=TrainConfig(epochs=4),
    output=OutputConfig(save_plot=False, tensorboard=False),
)
DEVICE = "No GPU found: computing on a toaster, in float32."


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        threading.Event().wait(0.01)


class FakeTraining:
    """Stands for `loop.train`: steps until it is stopped, ended or failed."""

    def __init__(self) -> None:
        self.done = 0
        self.finish = threading.Event()
        self.fail: Exception | None = None

    def __call__(self, config, dataset, run, on_progress, should_stop, devices):
        from wrn.training.loop import Outcome, Progress

        for step in (1, 2):
            run.record(step_record(1, step))
        run.record(epoch_record(1, 2, 0.4321))
        while not self.finish.is_set():
            if self.fail:
                raise self.fail
            if should_stop():
                return Outcome(False, 1, 0.4321, 0.4321, DEVICE)
            self.done += 1
            on_progress(
                Progress(
                    phase="training",
                    epoch=2,
                    epochs=4,
                    step=1,
                    steps=2,
                    loss=1.25,
                    accuracy=0.5,
                    images_per_second=1234.0,
                    seconds_left=125.0,
                    test_accuracy=0.4321,
                    best_accuracy=0.4321,
                )
            )
            self.finish.wait(0.005)
        return Outcome(True, 4, 0.4321, 0.4321, DEVICE)

    def install(self, monkeypatch) -> None:
        """Put it in the place of the real training."""
        from wrn.jobs import execution

        class Devices:
            description = DEVICE
            workers = 1

        monkeypatch.setattr(execution, "train", self)
        monkeypatch.setattr(execution, "load_cached", lambda source: None)
        monkeypatch.setattr(execution, "choose", lambda *settings: Devices())


def step_record(epoch: int, step: int) -> dict:
    return {
        "kind": "step",
        "epoch": epoch,
        "step": step,
        "train_loss": 2.0 / (epoch + step),
        "train_accuracy": 0.1 * (epoch + step),
        "learning_rate": 0.1,
    }


def epoch_record(epoch: int, step: int, accuracy: float) -> dict:
    return step_record(epoch, step) | {
        "kind": "epoch",
        "test_loss": 1.5,
        "test_accuracy": accuracy,
    }


def make_run(name: str, state: str = "finished", config=CONFIG, **status):
    """Write a run folder with two epochs of metrics, owned by nobody."""
    run = RunStore().create(config, name)
    for epoch, accuracy in ((1, 0.6), (2, 0.55)):
        for step in (1, 2):
            run.record(step_record(epoch, step))
        run.record(epoch_record(epoch, 2, accuracy))
    progress = {"phase": "training", "epoch": 3, "epochs": 4, "step": 0, "steps": 2}
    accuracies = {"test_accuracy": 0.55, "best_accuracy": 0.6}
    defaults = {
        "created": 1e9,
        "updated": 1e9,
        "seconds": 3700.0,
        "progress": progress | accuracies,
        "device": DEVICE,
    }
    run.write_status(Status(state=state, **defaults | status))
    run.last_weights.write_bytes(b"last")
    run.best_weights.write_bytes(b"best")
    run.release()
    return run
