"""Modules are spared by the garbage collector; everything else is collected."""

import subprocess
import sys

from tests.conftest import ROOT

CODE = """
import gc, sys, types, weakref
from ui import garbage

class Node: pass

def cycle():
    node = Node()
    node.self = node
    return weakref.ref(node)

def load(name, count):
    sys.modules |= {f"{name}{i}": types.ModuleType(name) for i in range(count)}

gc.disable()
garbage.spare_modules()
garbage.spare_modules()
assert len(gc.callbacks) == 1
assert gc.get_freeze_count() == 0

load("first", 300)
before = cycle()
gc.collect()
assert before() is None, "Garbage was kept."
spared = gc.get_freeze_count()
assert spared > 300
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
print("passed")
"""


def test_modules_are_spared_and_garbage_is_not():
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout == "passed\n", done.stderr
