"""The process of a command: TensorFlow without its chatter, and signals."""

import os
import signal
import sys
from contextlib import suppress
from typing import Any


def start_tensorflow() -> None:
    """Import TensorFlow without what it says on stderr, where errors belong.

    Its C++ parts write there directly, before any setting of theirs is read. If the
    import fails, the error that it raises says why.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    stderr = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        import tensorflow as tf

        # The GPUs are looked for at the first question about them, loudly too.
        tf.config.list_physical_devices()
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)


def catch_signals() -> list[int]:
    """Turn Ctrl-C and a polite kill into an orderly stop; a second one breaks off.

    So does a terminal that is closed, unless `nohup` keeps its end from the process.
    """
    received: list[int] = []

    def note(number: int, frame: Any) -> None:
        received.append(number)
        signal.signal(number, signal.default_int_handler)
        # Not by `print`: the signal may have come amid one.
        with suppress(OSError):
            os.write(2, b"\nwrn: stopping after this step; again to break off\n")

    numbers: list[signal.Signals] = [signal.SIGINT, signal.SIGTERM]
    hangup = getattr(signal, "SIGHUP", None)  # Windows has none.
    if hangup and signal.getsignal(hangup) != signal.SIG_IGN:
        numbers.append(hangup)
    for number in numbers:
        signal.signal(number, note)
    return received
