"""The tables of docs/scale.md are what its formula gives."""

import re

import pytest

from tests.conftest import ROOT
from wrn.architecture import describe
from wrn.config import ModelConfig

TEXT = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
DEVICES = (1, 2, 4, 8, 16, 32, 64)
BATCHES = (128, 1024)

# The assumptions that the text states.
FLOPS = 20e12
BANDWIDTH = 10e9
LATENCY = 10e-6


def row(network, devices):
    """Return a row of a table, as the text's formula gives it."""
    hops = 2 * (devices - 1)
    piece = 4 * network.parameters / devices
    gradients = hops * (LATENCY + piece / BANDWIDTH)
    cells = [f"{devices}", f"{hops * piece / 1e6:.1f}", f"{gradients * 1e3:.2f}"]
    for batch in BATCHES:
        images = batch // devices
        arithmetic = 3 * 2 * network.multiply_adds * images / FLOPS
        cost = devices * (arithmetic + gradients) / batch
        cells += [f"{images}", f"{arithmetic * 1e3:.2f}", f"{cost * 1e6:,.0f}"]
    return "| " + " | ".join(cells) + " |"


@pytest.mark.parametrize("size", [(16, 2), (28, 10)])
def test_table(size):
    network = describe(ModelConfig(depth=size[0], widen_factor=size[1]))
    section = TEXT.split(f"### {network.name}\n")[1].split("\n### ")[0]
    rows = [line for line in section.splitlines() if re.match(r"\| \d", line)]
    assert rows == [row(network, devices) for devices in DEVICES]
    assert f"{network.parameters:,} parameters" in section
    assert f"{network.multiply_adds:,} multiply-adds" in section
