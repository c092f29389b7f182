"""Trainings of a few seconds, and what they leave."""

import h5py
import numpy as np

from wrn.config import (
    DataConfig,
    ModelConfig,
    OutputConfig,
    RunConfig,
    TrainConfig,
)


def small(epochs=2, dropout=0.2, **settings):
    """Return the settings of a training of a few seconds, exact to the bit."""
    return RunConfig(
        model=ModelConfig(depth=10, widen_factor=1, dropout=dropout),
        data=DataConfig(source="synthetic"),
        train=TrainConfig(
            **{
                "epochs": epochs,
                "batch_size": 40,
                "precision": "float32",
                "schedule": "one-cycle",
                **settings,
            }
        ),
        output=OutputConfig(save_plot=False),
    )


def arrays(path):
    """Return every array of a weight file by its path."""
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and name != "training/state":
            found[name] = item[()]

    with h5py.File(path) as file:
        file.visititems(visit)
    return found


def assert_same_arrays(first, second):
    one, two = arrays(first), arrays(second)
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], two[name], err_msg=name)
