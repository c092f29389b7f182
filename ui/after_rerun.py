"""What Streamlit does after every rerun, made harmless to a training.

It collects all garbage (`runner.postScriptGC`), and while it does nothing else runs:
50 ms with its own modules loaded, 170 ms with TensorFlow's. Modules stay until the
process ends, so they are taken out of later collections.

It also calls `keras.backend.clear_session()`, which throws away the state of every
thread, not its own alone (keras/src/backend/common/global_state.py). A layer that a
training compiles at that moment forgets its precision, and the training fails: its
weights are float32, its inputs bfloat16.
"""

import gc
import sys

from streamlit.runtime.scriptrunner import script_runner

#: So many more modules are worth it. What else lives at that moment is taken out, too,
#: and is not freed if it ever becomes part of a cycle: it must not happen often. At its
#: end a training puts everything back (`wrn.jobs`).
_MORE_MODULES = 300

_modules_spared = 0
_objects_spared = 0


def spare_modules() -> None:
    """From the next full collection on, spare what has been loaded.

    Takes effect for the whole process; a second call does nothing.
    """
    if _after_collection not in gc.callbacks:
        gc.callbacks.append(_after_collection)


def spare_keras() -> None:
    """Keep Streamlit from clearing Keras's session, in the whole process."""
    # There is no setting for it. The function's other half is for Matplotlib.
    script_runner._clean_problem_modules = _clean_nothing


def _clean_nothing() -> None:
    pass


def _after_collection(phase: str, info: dict[str, int]) -> None:
    global _modules_spared, _objects_spared
    # What is garbage now has just been freed: none of it is kept.
    if phase == "stop" and info["generation"] == 2:
        loaded = len(sys.modules)
        # Python 3.12 takes out some hundreds by itself, and some are freed by and by.
        put_back = gc.get_freeze_count() < _objects_spared // 2
        if put_back or loaded >= _modules_spared + _MORE_MODULES:
            _modules_spared = loaded
            gc.freeze()
            _objects_spared = gc.get_freeze_count()
