"""Weights for the pages that load some: a network that always answers "class 3"."""

from pathlib import Path

import numpy as np
import streamlit as st

from tests import weight_files

ANSWER = 3


def write_recorded(path: Path, layers: list) -> Path:
    """Write weights that leave nothing open."""
    stored = {"kind": "mean-std", "mean": [125] * 3, "std": [64] * 3}
    return weight_files.write_weights_h5(
        path, layers, own_names=True, metadata={"preprocessing": stored}
    )


def write_weights(path: Path, classes: int = 10, write=write_recorded) -> Path:
    """Write weights of a WRN-10-1 that always answers `ANSWER`."""
    layers = weight_files.wide_resnet(10, 1, classes)
    kernel, bias = layers[-1].weights
    layers[-1].weights = [0 * kernel, np.eye(classes, dtype=np.float32)[ANSWER]]
    assert bias.shape == (classes,)
    return write(path, layers)


def empty_models(tmp_path: Path, monkeypatch) -> Path:
    """Make an empty folder of stored weights, and keep nothing from other tests."""
    st.cache_data.clear()
    st.cache_resource.clear()
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("WRN_MODELS", str(folder))
    monkeypatch.setenv("WRN_DATA", "synthetic")
    return folder
