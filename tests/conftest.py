"""What all tests share: an own runs folder, small images, quiet TensorFlow."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from wrn.data import CLASS_NAMES, Dataset, Images

#: The repository's root.
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _own_runs_folder(tmp_path, monkeypatch):
    """Keep every test away from the user's runs, and jobs away from other tests."""
    monkeypatch.setenv("WRN_HOME", str(tmp_path / "runs"))
    monkeypatch.delenv("WRN_DATA", raising=False)
    yield
    runtime = sys.modules.pop("_wrn_runtime", None)
    if runtime and hasattr(runtime, "manager"):
        runtime.manager.close()


@pytest.fixture
def random():
    return np.random.default_rng(0)


#: Where the real images are, looked up before a fixture hides the variable.
_REAL_IMAGES = [os.environ.get("WRN_DATA"), ROOT.parent / "shared" / "cifar10"]


def real_images() -> Path:
    """Return the folder of the real CIFAR-10, or skip the test, loudly."""
    for candidate in _REAL_IMAGES:
        if candidate and Path(candidate).is_dir():
            return Path(candidate)
    pytest.skip("THE REAL CIFAR-10 IS NOT HERE: name its folder in WRN_DATA")


def striped_images(count: int, seed: int) -> Images:
    """Draw images whose class is the place of a bright stripe, in noise."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 10, count)
    images = random.integers(0, 100, (count, 32, 32, 3))
    for image, label in zip(images, labels, strict=True):
        image[:, 3 * label : 3 * label + 3] += 120
    return Images(images.astype(np.uint8), labels.astype(np.int64))


def stripes() -> Dataset:
    """Return 200 training and 60 test images that a network learns in seconds."""
    return Dataset(
        train=striped_images(200, seed=1),
        test=striped_images(60, seed=2),
        class_names=CLASS_NAMES,
        source="synthetic",
        name="Stripes",
        synthetic=True,
    )


@pytest.fixture
def dataset():
    return stripes()


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    """An empty folder for all temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder
