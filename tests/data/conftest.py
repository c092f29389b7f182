"""Fixtures of the tests of the data."""

import pytest

from tests.data.files import BATCHES, batch
from wrn.data import official


@pytest.fixture
def small_batches(monkeypatch):
    """Batches of 20 images. The real size has tests of its own."""
    monkeypatch.setattr(official, "IMAGES_PER_BATCH", 20)
    return {name: batch(seed, 20) for seed, name in enumerate(BATCHES)}
