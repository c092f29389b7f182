"""What may be named as a source."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.data.files import refusal


@pytest.mark.parametrize(
    "source", ["", " ", "cifar11", "/no/such/path", "a" * 5000, "a\0b", "~nobody/x"]
)
def test_unknown_sources(source):
    message = refusal(source)
    assert "must be cifar10, synthetic, or the path" in message
    assert f"Received: {source!r}" in message


def test_other_folders_and_files(tmp_path):
    assert "a folder with nothing in it" in refusal(tmp_path)
    (tmp_path / "holiday.txt").write_text("sun")
    assert "a folder with holiday.txt" in refusal(tmp_path)
    assert "must be a whole .tar.gz archive" in refusal(tmp_path / "holiday.txt")


def test_nothing_imports_tensorflow():
    code = (
        "import sys, wrn.data; wrn.data.load('synthetic'); "
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
