"""The process that reads a file, and may crash, hang or lie."""

import os
import tempfile
import textwrap

import pytest

from tests import weight_files as samples
from wrn import weights
from wrn.errors import WeightsError
from wrn.weights import reader

pytestmark = pytest.mark.usefixtures("quick_reading")


#: Loads the true child as `module`.
TRUE_CHILD = f"""
import importlib.util, os, sys
spec = importlib.util.spec_from_file_location("child", {str(reader.CHILD)!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
"""


@pytest.fixture
def child(monkeypatch, tmp_path):
    """Replace the child's program."""

    def replace(code):
        program = tmp_path / "program.py"
        program.write_text(textwrap.dedent(code))
        monkeypatch.setattr(reader, "CHILD", program)

    return replace


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("SIGSEGV", "library failed on this file"),
        # The system did that, so the file is not blamed.
        ("SIGKILL", "killed, as it is where memory runs out"),
    ],
)
def test_a_process_ended_by_a_signal_is_one_sentence(path, child, number, words):
    child(f"import os, signal; os.kill(os.getpid(), signal.{number})")
    samples.write_weights_h5(path, samples.mlp())
    with pytest.raises(WeightsError, match=words):
        weights.read(path)


@pytest.mark.skipif(os.name != "posix", reason="limits")
def test_hang_of_the_library_is_one_sentence(path, child, monkeypatch):
    """Ended by its own limit on computing, as the true child sets it."""
    child(f"{TRUE_CHILD}\nmodule.limit_resources(int(sys.argv[2]))\nwhile True: pass")
    monkeypatch.setattr(reader, "MIN_CPU_SECONDS", 0.5)
    monkeypatch.setattr(reader, "PATIENCE", 1000)
    samples.write_weights_h5(path, samples.mlp())
    with pytest.raises(WeightsError, match=r"at most 1 seconds of computing.*longer"):
        weights.read(path)


def test_a_process_that_only_waits_is_ended_by_the_clock(path, child, monkeypatch):
    child("import threading; threading.Event().wait()")
    monkeypatch.setattr(reader, "PATIENCE", 0.05)
    samples.write_weights_h5(path, samples.mlp())
    with pytest.raises(WeightsError, match="takes longer"):
        weights.read(path)


@pytest.mark.parametrize(
    "manifest",
    [
        "not JSON",
        "[]",
        "{}",
        '{"datasets": [["a", [2]]], "groups": [], "attributes": {}, "archive": {}}',
        '{"datasets": [["a", [-1]]], "groups": [], "attributes": {}, "archive": {}}',
        '{"datasets": [["a", "b"]], "groups": [], "attributes": {}, "archive": {}}',
        '{"datasets": [], "groups": [], "attributes": {"": 1}, "archive": {}}',
        '{"datasets": [["a", [1]]], "groups": 3, "attributes": {}, "archive": {}}',
    ],
)
def test_the_child_is_not_trusted(path, child, manifest):
    child(
        f"""
        open("manifest.json", "w").write({manifest!r})
        open("arrays.f32", "wb").write(bytes(4))
        """
    )
    samples.write_weights_h5(path, samples.mlp())
    with pytest.raises(WeightsError, match="library failed on this file"):
        weights.read(path)


@pytest.mark.skipif(os.name != "posix", reason="pipes")
@pytest.mark.parametrize(
    "code",
    [
        'os.mkfifo("manifest.json")',
        'os.symlink("/dev/zero", "manifest.json")',
        'open("manifest.json", "w").truncate(2**40)',
    ],
)
def test_what_the_child_leaves_is_looked_at_first(path, child, code):
    child(f"import os; {code}")
    samples.write_weights_h5(path, samples.mlp())
    with pytest.raises(WeightsError, match="library failed on this file"):
        weights.read(path)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a disk that is full")
@pytest.mark.parametrize("name", ["model.weights.h5", "arrays.f32", "manifest.json"])
def test_a_full_disk_is_not_blamed_on_the_file(path, child, name):
    child(f"{TRUE_CHILD}\nos.symlink('/dev/full', {name!r})\nmodule.main()")
    samples.write_weights_h5(path, samples.mlp())
    if name == "model.weights.h5":
        samples.pack(path, samples.archived(path))
    with pytest.raises(
        WeightsError, match=r"room in a temporary folder.*No space left"
    ):
        weights.read(path)


def test_a_machine_without_temporary_folders_is_told(path, tmp_path, monkeypatch):
    samples.write_weights_h5(path, samples.mlp())
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(WeightsError, match=r"TMPDIR.*No such file or directory"):
        weights.read(path)
