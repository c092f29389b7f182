"""What the tests of the Evaluate page begin with: no weights, and few images."""

from pathlib import Path

import numpy as np
import pytest

from tests.pages.weights import empty_models
from wrn.data import Dataset, sources


@pytest.fixture(autouse=True)
def models(tmp_path, monkeypatch) -> Path:
    """An empty folder of stored weights, and nothing kept from other tests."""
    return empty_models(tmp_path, monkeypatch)


@pytest.fixture
def images(dataset: Dataset, monkeypatch) -> np.ndarray:
    """Stand in for the synthetic images; return the labels of the test images."""
    monkeypatch.setitem(sources._kept, ("synthetic", "synthetic"), dataset)
    return dataset.test.labels
