"""What is said of a failure: its cause, the setting to blame, what to try."""

import errno

import pytest

from wrn.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from wrn.errors import (
    ClusterError,
    ConfigError,
    DataError,
    DivergedError,
    WeightsError,
)
from wrn.jobs.failures import explain

CONFIG = RunConfig(
    model=ModelConfig(depth=40, widen_factor=10),
    data=DataConfig(source="/nowhere"),
    train=TrainConfig(batch_size=512, learning_rate=30.0, initial_weights="a.h5"),
)


class ResourceExhaustedError(Exception):
    """Named as TensorFlow's."""


@pytest.mark.parametrize(
    ("error", "cause", "advice"),
    [
        (MemoryError(), "out of memory", "batch size of 256, not 512"),
        (ResourceExhaustedError("OOM"), "out of memory", "widen factor below 10"),
        (DivergedError("It is nan."), "It is nan.", "learning rate below 30"),
        (DataError("None there."), "None there.", "another source than /nowhere"),
        (WeightsError("Not read."), "Not read.", "another file"),
        (ConfigError("depth is odd"), "depth is odd", "another value of the setting"),
        (ClusterError("Start all again"), "Start all again", ""),
        (OSError(errno.ENOSPC, "No space left", "x"), "No space left: x", "Make room"),
        (
            OSError(errno.EDQUOT, "Quota exceeded", "x"),
            "Quota exceeded: x",
            "Make room",
        ),
        (OSError(errno.EFBIG, "File too large", "x"), "File too large: x", "Make room"),
        (ValueError("odd\nmore"), "ValueError: odd", "Resume to try once more"),
        (KeyError(), "KeyError: no message", "Resume to try once more"),
    ],
)
def test_failures(error, cause, advice):
    failure = explain(error, CONFIG)
    assert cause in failure.cause
    assert "\n" not in failure.cause
    assert advice in failure.advice
    assert bool(failure.advice) == bool(advice)


def test_settings_that_cannot_be_read_are_no_second_failure():
    assert "batch size of 64, not 128" in explain(MemoryError()).advice
