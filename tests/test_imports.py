"""Which parts of the library import what: the first page must be instant."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import wrn

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
    "wrn.speed.estimate",
    "wrn.config.recipes",
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


def parts_in_order():
    """Return the parts of the library in the order that its docstring tells."""
    listed = re.findall(r"^    (\w+(?:, \w+)*)  ", wrn.__doc__, re.MULTILINE)
    everywhere = re.search(r"may use (.+?)\.$", wrn.__doc__, re.MULTILINE)[1]
    ground = re.findall(r"`(\w+)`", everywhere)
    return [*ground, *(name for line in listed for name in line.split(", "))]


def modules_listed(docstring):
    """Return the modules that a package's docstring lists, a line each."""
    lines = re.findall(r"^ *(\w+(?:, \w+)*)  +\S", docstring, re.MULTILINE)
    return {name for line in lines for name in line.split(", ")}


@pytest.mark.parametrize(
    "package",
    [
        path.parent.relative_to(ROOT)
        for top in ("wrn", "ui")
        for path in sorted((ROOT / top).glob("*/__init__.py"))
    ],
    ids=str,
)
def test_packages_that_list_their_modules_list_all(package):
    tree = ast.parse((ROOT / package / "__init__.py").read_text())
    listed = modules_listed(ast.get_docstring(tree, clean=False))
    there = {path.stem for path in (ROOT / package).glob("*.py")} - {"__init__"}
    assert not listed & there or listed == there


def imported_parts(path):
    """Return the parts of the library that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "wrn":
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from re.findall(r"^wrn\.(\w+)", node.module)
        elif isinstance(node, ast.Import):
            for name in node.names:
                yield from re.findall(r"^wrn\.(\w+)", name.name)


def test_every_part_of_the_library_has_its_place_in_the_order():
    there = {path.stem for path in (ROOT / "wrn").iterdir()} - {"__pycache__"}
    order = parts_in_order()
    assert sorted(there - {"__init__", "__main__"}) == sorted(order)


@pytest.mark.parametrize("part", parts_in_order())
def test_parts_import_only_what_stands_above_them(part):
    order = parts_in_order()
    folder = ROOT / "wrn" / part
    files = [*folder.rglob("*.py")] or [folder.with_suffix(".py")]
    used = {name for path in files for name in imported_parts(path)} - {"__version__"}
    allowed = {*order[: order.index(part) + 1]}
    assert used <= allowed, f"{part} imports {used - allowed}"


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
