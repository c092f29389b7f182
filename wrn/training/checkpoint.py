"""The checkpoint of a training: all that it needs to go on as if never interrupted.

It is a weight file like any other, with the state of the optimizer and of the loop
beside the weights. Where the weights are averaged, the file's own are the averages, and
those that are trained lie beside them, too.
"""

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from wrn import weights
from wrn.config import RunConfig
from wrn.data import Dataset
from wrn.errors import DivergedError, RunError, WeightsError
from wrn.preprocessing import Preprocessing, read_preprocessing
from wrn.training.session import Session
from wrn.weights.origins import other_classes

#: What reading a checkpoint that somebody changed can raise.
_DAMAGES = (OSError, KeyError, ValueError, TypeError, AttributeError)

# Places in the file.
_STATE = "training/state"
_OPTIMIZER = "optimizer/vars"
_SCALER = "training/loss_scaling"
_OWN_WEIGHTS = "training/weights"

#: Longest part of a message that is no sentence of ours.
_MAX_FOREIGN = 200


@dataclass
class Sums:
    """Sums over the steps of an interval, from which means are made.

    Attributes:
        loss: Of the images' losses.
        correct: Images classified rightly.
        images: Images.
    """

    loss: float = 0.0
    correct: int = 0
    images: int = 0

    def add(self, loss: float, correct: int, images: int) -> None:
        """Add a step's."""
        self.loss += loss
        self.correct += correct
        self.images += images

    def means(self) -> dict[str, float]:
        """Return mean loss and accuracy, rounded to what float32 can tell."""
        return {
            "train_loss": round(self.loss / self.images, 7),
            "train_accuracy": self.correct / self.images,
        }


@dataclass
class State:
    """Where the loop stands: all that a checkpoint holds besides variables.

    Attributes:
        epoch: Epochs done.
        step: Steps done in the epoch under way.
        records: Records of metrics written.
        test_accuracy: Last accuracy on the held-out images, 0 to 1.
        best_accuracy: Best of them.
        interval: Of the steps since the last record.
        whole: Of the steps of the epoch under way.
    """

    epoch: int = 0
    step: int = 0
    records: int = 0
    test_accuracy: float | None = None
    best_accuracy: float | None = None
    interval: Sums = field(default_factory=Sums)
    whole: Sums = field(default_factory=Sums)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Take up what `arrays` has written.

        Raises:
            KeyError, TypeError, ValueError: If somebody has edited it.
        """
        stored = json.loads(text)
        sums: dict[str, Any] = {
            key: Sums(**stored.pop(key)) for key in ("interval", "whole")
        }
        state = cls(**stored, **sums)
        state.check()
        return state

    def check(self) -> None:
        """Refuse what no training could have written.

        Raises:
            ValueError: If a count is none, or an accuracy or a loss.
        """
        both = (self.interval, self.whole)
        counts = [self.epoch, self.step, self.records]
        counts += [count for each in both for count in (each.correct, each.images)]
        if not all(type(count) is int and count >= 0 for count in counts):
            raise ValueError(f"its counts must be whole numbers from 0: {counts}")
        # Each epoch that is done has left one at least.
        if self.records < self.epoch:
            raise ValueError(f"it counts {self.epoch} epochs, {self.records} records")
        for accuracy in (self.test_accuracy, self.best_accuracy):
            if accuracy is not None and not 0 <= accuracy <= 1:
                raise ValueError(f"its accuracies must be 0 to 1: {accuracy}")
        for each in both:
            if not math.isfinite(each.loss):
                raise ValueError(f"its losses must be finite: {each.loss}")


def arrays(session: Session, state: State) -> dict[str, NDArray[Any]]:
    """Return what a checkpoint holds beside the weights, by its place in the file.

    Args:
        session: The training's devices hold the variables.
        state: Where the loop stands.
    """
    held: dict[str, NDArray[Any]] = {
        f"{_OPTIMIZER}/{index}": np.asarray(variable)
        for index, variable in enumerate(session.sgd.variables)
    }
    for index, variable in enumerate(_scaler(session)):
        held[f"{_SCALER}/{index}"] = np.asarray(variable)
    held[_STATE] = np.array(json.dumps(asdict(state)).encode())
    if session.average:
        session.average_statistics()
        for index, variable in enumerate(session.model.weights):
            held[f"{_OWN_WEIGHTS}/{index}"] = np.asarray(variable)
    return held


def check_finite(
    session: Session, state: State, held: Mapping[str, NDArray[Any]]
) -> None:
    """Refuse to save what is NaN or infinite.

    All workers hold the same, so all refuse, or none.

    Args:
        session: Its model has the weights to save.
        state: Where the loop stands.
        held: What `arrays` returned; nothing where no resume is meant.

    Raises:
        DivergedError: If weights, statistics, the optimizer's state or the loss are.
    """
    weights_to_save = [np.asarray(weight) for weight in session.model.weights]
    losses = np.array([state.interval.loss, state.whole.loss])
    for array in (*weights_to_save, *held.values(), losses):
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise DivergedError(
                "Loss and weights must stay finite numbers. Received: NaN or infinity, "
                f"in epoch {state.epoch + bool(state.step)}, with a learning rate of "
                f"{float(np.asarray(session.sgd.learning_rate)):g}"
            )


def _scaler(session: Session) -> list[Any]:
    """Return the variables of the loss scaling; none but with float16."""
    own = {id(variable) for variable in session.sgd.variables}
    return [v for v in session.optimizer.variables if id(v) not in own]


def read(
    path: Path, config: RunConfig, dataset: Dataset
) -> tuple[weights.WeightFile, Preprocessing]:
    """Read a checkpoint's weights, and the preprocessing that was fitted.

    Args:
        path: The file.
        config: The settings that it must be of.
        dataset: The images that it must be of.

    Raises:
        RunError: If it is damaged, of other settings or of other images.
    """
    with _refusing_damages(path, config):
        file = weights.read(path)
        fitted = read_preprocessing(
            file.metadata.get("preprocessing"), file.preprocessing
        )
        if fitted.kind != config.data.preprocessing:
            raise WeightsError(f"its images were preprocessed by {fitted.kind}")
        _check_same(file.metadata, config, dataset)
    return file, fitted


def _check_same(
    metadata: Mapping[str, Any], config: RunConfig, dataset: Dataset
) -> None:
    """Refuse a checkpoint that another training wrote, as far as it tells.

    Raises:
        WeightsError: If settings that decide each step are others now.
    """
    if words := other_setting(metadata, config):
        raise WeightsError(f"one with {words}")
    images = metadata.get("data")
    if isinstance(images, dict) and not dataset.is_of(images):
        raise WeightsError("one of other images")
    if words := other_classes(metadata, dataset):
        raise WeightsError(f"one of other images: it knows {words}")


def other_setting(metadata: Mapping[str, Any], config: RunConfig) -> str:
    """Name a setting that decides each step and that weights were trained with.

    Args:
        metadata: What their file tells.
        config: The settings to compare with.

    Returns:
        The first that is another one there, with its value there; empty without one.
    """
    settings = config.to_dict()
    for group in ("model", "train", "data"):
        now = settings[group]
        told = metadata.get(group)
        told = told if isinstance(told, dict) else {}
        for name in sorted((now.keys() & told.keys()) - _MAY_DIFFER):
            if told[name] != now[name]:
                return f"{name} {told[name]!r:.80}"
    return ""


#: Settings that a training may go on with another value of, or that files do not tell.
_MAY_DIFFER = {
    "devices",
    "precision",
    "epochs",
    "source",
    "initial_weights",
    "teacher",
}


def restore(session: Session, path: Path, file: weights.WeightFile) -> State:
    """Take up a checkpoint.

    Args:
        session: Gets the weights and the optimizer's variables.
        path: The file.
        file: What `read` found in it.

    Returns:
        Where the loop stood.

    Raises:
        RunError: If it is damaged or of other settings.
    """
    with _refusing_damages(path, session.config):
        stored = weights.recognize(file)
        if stored.config.name != session.config.model.name:
            raise WeightsError(f"it holds {stored.config.name}")
        with h5py.File(path, locking=False) as content:
            state = State.from_json(content[_STATE][()].decode())
            epochs = session.config.train.epochs
            if state.epoch > epochs or state.step > session.steps:
                raise WeightsError(
                    f"it is of epoch {state.epoch} of {epochs}, step {state.step} of "
                    f"{session.steps}"
                )
            variables = _in_order(content, _OPTIMIZER)
            scaling = _in_order(content, _SCALER)
            own = _in_order(content, _OWN_WEIGHTS)
        weights.fill(session.model, stored)
        if session.average:
            session.average.take(own)
        for variable, value in zip(session.sgd.variables, variables, strict=True):
            variable.assign(value)
        # Where the devices had another precision, the scale is found anew.
        if len(scaling) == len(scaler := _scaler(session)):
            for variable, value in zip(scaler, scaling, strict=True):
                variable.assign(value)
    return state


def _in_order(file: h5py.File, place: str) -> list[NDArray[Any]]:
    """Return what `arrays` wrote one by one at a place; nothing if there is none."""
    group = file.get(place, {})
    return [group[str(index)][()] for index in range(len(group))]


@contextmanager
def _refusing_damages(path: Path, config: RunConfig) -> Iterator[None]:
    """Say of what can go wrong with a checkpoint that it is one."""
    try:
        yield
    except (WeightsError, *_DAMAGES) as error:
        said = str(error)
        if not isinstance(error, WeightsError):
            said = (said.splitlines() or [""])[0][:_MAX_FOREIGN]
        raise RunError(
            f"{path.name} must be a checkpoint of {config.model.name} with these "
            f"settings, to resume from. Received: {said}"
        ) from error
