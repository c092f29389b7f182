"""Files are written and read though a lock of what was closed is left on them.

A lock is gone when nobody has the file open any more. A process that was just started
has all files open that its parent had, until it runs its program.
"""

import keras
import pytest

from tests.trainings import small
from wrn import weights
from wrn.config import ModelConfig
from wrn.model import build_model
from wrn.runs import RunStore
from wrn.training.loop import train

fcntl = pytest.importorskip("fcntl")


def lock(path):
    file = path.open("rb")
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


def test_weights_are_saved(tmp_path, monkeypatch):
    held = []
    save_weights = keras.Model.save_weights

    def save_and_keep_the_lock(self, path):
        save_weights(self, path)
        held.append(lock(path))

    monkeypatch.setattr(keras.Model, "save_weights", save_and_keep_the_lock)
    path = tmp_path / "new.weights.h5"
    weights.save(path, build_model(ModelConfig(depth=10, widen_factor=1)), {"a": 1})
    for file in held:
        file.close()
    assert len(held) == 1
    assert weights.read(path).metadata == {"a": 1}


@pytest.mark.slow
def test_a_training_goes_on(tmp_path, dataset):
    run = RunStore(tmp_path / "runs").create(small(epochs=1), "locked")
    train(run.config(), dataset, run, should_stop=iter([False, True]).__next__)
    with lock(run.last_weights):
        assert train(run.config(), dataset, run).finished
