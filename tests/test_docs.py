"""README is true: its commands run, its files exist."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from wrn.architecture.wiring import FAMILIES
from wrn.cli import runs
from wrn.cli.arguments import flag_of
from wrn.config import SECTIONS, options
from wrn.runs import RunStore

README = (ROOT / "README.md").read_text(encoding="utf-8")
TRAINING = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")


def blocks(language):
    """Return the lines of README's code blocks of one language."""
    found = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return [line for block in found for line in block.splitlines()]


PYTHON = "\n".join(blocks("python"))

COMMANDS = [line for line in blocks("console") if line.startswith("python -m wrn")]


# One process for all commands: TensorFlow starts once. `tests/cli/test_cli.py` starts
# them apart.
IN_TURN = """
import shlex, sys
from wrn import cli
for command in sys.argv[2:]:
    code = cli.main(shlex.split(command)[3:])
    if code:
        sys.exit(f"{command}: {code}")
exec(sys.argv[1], {})
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_commands_run_in_their_order(tmp_path):
    """README's reader stands in the checkout; here, in a folder of their own."""
    assert len(COMMANDS) >= 5
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "WRN_MODELS": str(tmp_path / "models"),
    }
    del environment["WRN_HOME"]
    # A picture to classify.
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    done = subprocess.run(
        [sys.executable, "-c", IN_TURN, PYTHON, *COMMANDS],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "converted.weights.h5").exists()
    # What the program prints at last: ten classes of drawn pictures are soon known.
    assert 0.1 <= float(done.stdout.split()[-1]) <= 1
    _check_fields(RunStore(tmp_path / "runs"))


def _check_fields(store):
    """Compare what the guide tells of a run's files with a run's files."""
    _, _, text = TRAINING.partition("## What programs read")
    rows = re.findall(r"^\| (`.*?) \| .*? \| (.*) \|$", text, re.MULTILINE)
    told = [set(re.findall(r"`(\w+)`", fields)) for _, fields in rows]
    run = store.open("from-python")
    found = [run.metrics("step")[0], run.metrics("epoch")[0], run.speed()[0]]
    summary = runs._summary(run)
    assert told == [set(record) for record in (*found, summary)]


def test_make_targets_exist():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for line in blocks("console"):
        if line.startswith("make "):
            assert line.split()[1] in targets


def test_every_kind_of_command_is_shown_or_documented():
    listed = subprocess.run(
        [sys.executable, "-m", "wrn", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    commands = re.findall(r"^    ([a-z]+)\b", listed, re.MULTILINE)
    assert "describe" in commands
    for command in commands:
        assert f"python -m wrn {command}" in README, command


def test_file_tree_matches_the_disk():
    listed = {line.split()[0].rstrip("/") for line in blocks("text")}
    assert listed >= {"dashboard.py", "wrn", "pages", "tests", ".streamlit"}
    for name in listed:
        assert (ROOT / name).exists(), name
    for path in ROOT.iterdir():
        tracked = path.is_dir() and (path / "__init__.py").exists()
        if tracked:
            assert path.name in listed, path.name


def test_linked_files_exist():
    for name in re.findall(r"\]\(((?!http)[^)]+)\)|`(docs/[^`]+)`", README):
        target = name[0] or name[1]
        assert (ROOT / target).exists(), target


def test_files_that_the_documents_name_exist():
    named = [
        (document.name, name)
        for document in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))
        for name in re.findall(
            r"(?<![\w/.])((?:wrn|ui|pages|tests|docs|models)/[\w./-]+\.[a-z0-9]+)\b",
            document.read_text(),
        )
    ]
    assert len(named) > 20
    assert not [pair for pair in named if not (ROOT / pair[1]).exists()]


def test_the_guide_names_settings_and_wirings_that_exist():
    names = {flag_of(o.name) for section in SECTIONS.values() for o in options(section)}
    told = set(re.findall(r"`(--[a-z-]+)", TRAINING))
    assert len(told) > 15
    assert told <= names | {"--help", "--list-recipes"}
    rows = re.findall(r"^\| `([a-z][a-z0-9-]+)` \|", TRAINING, re.MULTILINE)
    assert sorted(rows) == sorted(set(FAMILIES) - {"authors"})
