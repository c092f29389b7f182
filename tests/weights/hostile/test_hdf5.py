"""HDF5 files with something evil inside."""

import base64
import json
import marshal
import re

import h5py
import numpy as np
import pytest

from tests import weight_files as samples
from tests.weights.hostile.damages import HOSTILE, new
from wrn import weights

pytestmark = pytest.mark.usefixtures("quick_reading")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused(path, refusal, name):
    write, make, message = HOSTILE[name]
    write(path)
    with h5py.File(path, "a") as file:
        make(file)
    assert re.search(message, refusal(path))


EVIL = "\x1b[2J" + "x" * 10_000


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("model_config", [EVIL]),
        ("wrn", {"model": {EVIL: 1}}),
        ("wrn", {"model": {"depth": EVIL}}),
        ("wrn", {"model": {"depth": 10**4000}}),
        ("wrn", {"model": {"dropout": 10**4000}}),
        ("wrn", {"model": {"classes": float("nan")}}),
        ("wrn", {"wiring": {"head": EVIL}}),
        ("wrn", {"wiring": {"epsilon": 10**4000}}),
    ],
)
def test_descriptions_that_are_evil_are_refused_in_a_short_sentence(
    path, refusal, attribute, value
):
    new(path)
    with h5py.File(path, "a") as file:
        file.attrs[attribute] = json.dumps(value)
    assert "Received" in refusal(path) or "own description" in refusal(path)


def test_long_names_are_not_repeated(path, refusal):
    new(path)
    with h5py.File(path, "a") as file:
        file["layers/conv2d/vars"].attrs["name"] = EVIL
        file["layers/conv2d/vars/1"] = np.ones((2, 2), "f4")
    assert "Received" in refusal(path)


def test_code_in_a_file_is_never_run(path, tmp_path):
    """A `Lambda` of Keras carries marshalled code; here it is text like any other."""
    marker = tmp_path / "marker"
    code = compile(f"open({str(marker)!r}, 'w')", "lambda", "exec")
    text = base64.b64encode(marshal.dumps(code)).decode()
    layers = [
        {"class_name": "Lambda", "config": {"name": "x", "function": [text, None]}},
        {"class_name": "__import__('os').system('true')", "config": {}},
    ]
    config = {"class_name": "Functional", "config": {"layers": layers}}
    samples.write_legacy(path, samples.wide_resnet(10, 1), model_config=config)
    assert weights.inspect(path)["name"] == "WRN-10-1"
    assert not marker.exists()


def test_what_is_not_read_may_be_anything(path):
    new(path)
    with h5py.File(path, "a") as file:
        file["layers/conv2d"].attrs["unknown"] = np.arange(2000)
        file["optimizer/vars/0"] = np.int64(7)
        file["optimizer/vars/1"] = np.full(9, np.nan)
    assert weights.inspect(path)["name"] == "WRN-10-1"
