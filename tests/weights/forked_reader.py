"""Reads files as `wrn/weights/child.py` does, each in a forked process of its own.

    python -I forked_reader.py CHILD

Each line of the input names a folder, a file, seconds of computing and seconds by the
clock, with tabs between; the answer is a line with the number of the signal that ended
the process, negative, or its exit status. So the libraries are loaded once, and a file
costs a tenth of what it does with an interpreter of its own; limits and isolation are
the same.
"""

import importlib.util
import os
import signal
import sys

import h5py  # noqa: F401


def main() -> None:
    spec = importlib.util.spec_from_file_location("child", sys.argv[1])
    child = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(child)
    for line in sys.stdin:
        folder, path, cpu_seconds, seconds = line.rstrip("\n").split("\t")
        process = os.fork()
        if not process:
            signal.setitimer(signal.ITIMER_REAL, float(seconds))
            os.chdir(folder)
            sys.argv[1:] = path, cpu_seconds
            try:
                child.main()
            except SystemExit as error:
                os._exit(error.code)
            except BaseException:
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


main()
