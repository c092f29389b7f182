"""What the tests of runs begin with."""

import pytest

from wrn.runs import RunStore


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")
