"""Keras's own settings, which all programs of a user share, change nothing here."""

import importlib
import json
import os
import subprocess
import sys

import keras
import pytest

from tests.conftest import ROOT
from wrn import cli, own_keras
from wrn.errors import WrnError

OTHERS_SETTINGS = {
    "backend": "theano",
    "floatx": "float16",
    "epsilon": 0.5,
    "image_data_format": "channels_first",
}

TRAINING = (
    "train --depth 10 --widen-factor 1 --data synthetic --limit 40 --epochs 1 "
    "--batch-size 20 --precision float32 --averaging 0.9 --quiet --run first"
)


@pytest.mark.slow
def test_a_training_is_the_same_with_any_settings_of_keras(tmp_path, monkeypatch):
    (tmp_path / "keras.json").write_text(json.dumps(OTHERS_SETTINGS))
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    result = subprocess.run(
        [sys.executable, "-m", "wrn", *TRAINING.split()],
        cwd=ROOT,
        env=os.environ
        | {
            "WRN_HOME": str(theirs),
            "KERAS_HOME": str(tmp_path),
            "KERAS_BACKEND": "torch",
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    monkeypatch.setenv("WRN_HOME", str(ours))
    assert cli.main(TRAINING.split()) == 0
    metrics = [runs / "first" / "metrics.jsonl" for runs in (theirs, ours)]
    assert metrics[0].read_text() == metrics[1].read_text() != ""


def test_keras_on_another_backend_is_refused(monkeypatch):
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(WrnError, match=r"import wrn before keras.*Received: jax"):
        importlib.reload(own_keras)
