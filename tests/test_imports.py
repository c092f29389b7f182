"""Which parts of the library import what: the first page must be instant."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("tensorflow", "keras", "jax", "torch")
LIGHT_MODULES = (
    "wrn",
    "wrn.errors",
    "wrn.config",
    "wrn.architecture",
    "wrn.graph",
    "wrn.weights",
    "wrn.speed",
    "wrn.estimate",
    "wrn.recipes",
    "wrn.cli",
)
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "wrn").rglob("*.py")
    if path.name != "__main__.py"
)


def imported_by(statements: str) -> set[str]:
    """Return the top-level modules that a fresh process has after the statements."""
    code = f"{statements}\nimport sys\nprint('\\n'.join(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    return {name.partition(".")[0] for name in result.stdout.split()}


@pytest.mark.parametrize("module", LIGHT_MODULES)
def test_light_modules_import_no_tensorflow(module):
    assert imported_by(f"import {module}").isdisjoint(HEAVY)


@pytest.mark.parametrize(("before", "after"), [(None, "true"), ("false", "false")])
def test_memory_of_gpus_is_left_to_others_unless_asked_otherwise(before, after):
    name = "TF_FORCE_GPU_ALLOW_GROWTH"
    environment = {key: value for key, value in os.environ.items() if key != name}
    if before:
        environment[name] = before
    code = f"import os, wrn.architecture; print(os.environ['{name}'])"
    command = [sys.executable, "-c", code]
    told = subprocess.check_output(command, cwd=ROOT, env=environment, text=True)
    assert told.strip() == after


def test_describing_a_network_needs_no_tensorflow():
    modules = imported_by(
        "from wrn.architecture import describe\n"
        "from wrn.config import ModelConfig\n"
        "describe(ModelConfig(depth=16, widen_factor=2))"
    )
    assert modules.isdisjoint(HEAVY)


@pytest.mark.slow
def test_the_library_imports_nothing_of_the_screen():
    modules = imported_by("\n".join(f"import {module}" for module in MODULES))
    assert "keras" in modules  # the heavy modules were indeed imported
    assert modules.isdisjoint({"streamlit", "ui", "pages", "dashboard"})


@pytest.mark.parametrize(
    ("folder", "statement", "allowed"),
    [
        ("wrn", "import streamlit", False),
        ("wrn", "from streamlit import session_state", False),
        ("wrn", "from ui import charts", False),
        ("wrn/weights", "import ui.charts", False),
        ("wrn", "import keras", False),
        ("ui", "import streamlit", True),
        ("pages", "from ui import charts", True),
    ],
)
def test_the_linter_keeps_the_direction_of_imports(folder, statement, allowed):
    result = subprocess.run(
        [
            *(sys.executable, "-m", "ruff", "check", "--select=TID251"),
            *("--no-cache", "--stdin-filename", f"{folder}/probe.py", "-"),
        ],
        cwd=ROOT,
        input=f"{statement}\n",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (result.returncode == 0) is allowed, result.stdout
    assert allowed or "TID251" in result.stdout
