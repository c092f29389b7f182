"""What Streamlit does after a rerun spares modules, and Keras's session."""

import subprocess
import sys

import keras
import pytest
from streamlit.testing.v1 import AppTest

from tests.conftest import ROOT

CODE = """
import gc, sys, types, weakref
from ui import after_rerun

class Node: pass

def cycle():
    node = Node()
    node.self = node
    return weakref.ref(node)

def load(name, count):
    sys.modules |= {f"{name}{i}": types.ModuleType(name) for i in range(count)}

gc.disable()
after_rerun.spare_modules()
after_rerun.spare_modules()
assert len(gc.callbacks) == 1
# Python 3.12 takes out some by itself.
own = gc.get_freeze_count()

load("first", 300)
before = cycle()
gc.collect()
assert before() is None, "Garbage was kept."
spared = gc.get_freeze_count()
assert spared > own + 300
assert len(gc.get_objects()) < 100

load("second", 50)
after = cycle()
gc.collect()
assert after() is None, "Nothing is collected any more."
assert gc.get_freeze_count() <= spared

load("third", 250)
gc.collect(1)
assert gc.get_freeze_count() <= spared
gc.collect()
assert gc.get_freeze_count() > spared

kept = cycle()
gc.freeze()
# As a training does at its end.
gc.unfreeze()
gc.collect()
assert kept() is None
assert gc.get_freeze_count() > spared, "Nothing is spared any more."
print("passed")
"""


def test_modules_are_spared_and_garbage_is_not():
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout == "passed\n", done.stderr


@pytest.mark.slow
def test_a_rerun_leaves_the_state_of_keras_in_other_threads_alone(monkeypatch):
    monkeypatch.setenv("WRN_DATA", "synthetic")
    app = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=60)
    # It belongs to this thread; the app has one of its own.
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        app.run()
        app.run()
        assert not app.exception
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.slow
def test_without_it_the_state_is_lost():
    """Streamlit still does what `ui.after_rerun` keeps it from doing."""
    code = """
import keras
from streamlit.testing.v1 import AppTest
keras.config.set_dtype_policy("mixed_bfloat16")
AppTest.from_string("pass").run()
print(keras.config.dtype_policy().name)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.split() == ["float32"], done.stdout + done.stderr
