"""Fixtures of the tests of weight files."""

import pytest


@pytest.fixture
def path(tmp_path):
    # The name says nothing true: only the content may decide.
    return tmp_path / "picture.png"
