"""Reads many weight files at little cost, each still in a process of its own."""

import signal
import subprocess
import sys
from pathlib import Path

from wrn.weights.reader import CHILD

PROGRAM = Path(__file__).with_name("forked_reader.py")

_run = subprocess.run


class ForkServer:
    """Runs the reader's child in forked processes, see `forked_reader.py`.

    `run` stands in for `subprocess.run`, and is that for any other program.
    """

    def __init__(self):
        self.server = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.server:
            self.server.stdin.close()
            self.server.wait()
            self.server.stdout.close()

    def run(self, command, **options):
        if str(CHILD) not in command:
            return _run(command, **options)
        if not self.server:
            self.server = subprocess.Popen(
                [sys.executable, "-I", str(PROGRAM), str(CHILD)],
                env=options["env"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        timeout = options["timeout"]
        line = "\t".join((str(options["cwd"]), *command[-2:], str(timeout)))
        self.server.stdin.write(line + "\n")
        self.server.stdin.flush()
        status = int(self.server.stdout.readline())
        if status == -signal.SIGALRM:
            raise subprocess.TimeoutExpired(command, timeout)
        return subprocess.CompletedProcess(command, status)
