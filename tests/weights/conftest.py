"""Fixtures of the tests of weight files."""

import os

import pytest

from tests.weights.fork_server import ForkServer


@pytest.fixture(scope="session")
def fork_server():
    with ForkServer() as server:
        yield server


@pytest.fixture
def quick_reading(fork_server, monkeypatch):
    """Let the reader fork its child processes instead of starting an interpreter."""
    if hasattr(os, "fork"):
        monkeypatch.setattr("subprocess.run", fork_server.run)


@pytest.fixture
def path(tmp_path):
    # The name says nothing true: only the content may decide.
    return tmp_path / "picture.png"
