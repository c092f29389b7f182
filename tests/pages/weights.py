"""Weights for the pages that load some, which always answer "class 3", and Evaluate."""

from pathlib import Path

import numpy as np
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests import weight_files
from tests.conftest import ROOT

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


def open_evaluate(weights: str | None = None) -> AppTest:
    """Open the Evaluate page, as a link to some weights does."""
    app = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=120)
    if weights is not None:
        app.query_params["weights"] = weights
    app.run()
    return app.switch_page("pages/evaluate.py").run()


def evaluate(app: AppTest) -> AppTest:
    """Press the button of the Evaluate page."""
    button = next(button for button in app.button if button.label == "Evaluate")
    assert not button.disabled
    return button.click().run()
