"""An evaluation that the tests know by heart."""

import numpy as np
import pytest

from wrn.evaluation import Evaluation


@pytest.fixture
def evaluation():
    """Five images of three classes, the last of which never comes."""
    probabilities = np.array(
        [
            [0.9, 0.1, 0.0],  # right
            [0.2, 0.8, 0.0],  # wrong
            [0.4, 0.6, 0.0],  # right
            [0.0, 0.3, 0.7],  # wrong
            [0.6, 0.4, 0.0],  # right
        ],
        np.float32,
    )
    return Evaluation(probabilities, np.array([0, 0, 1, 1, 0]), loss=0.5)
