"""The command line: `python -m wrn COMMAND`; `--help` lists the commands.

Each command is a thin layer over one call of the library, in a module that declares
its options too. Reports go to stdout, progress and errors to stderr. Exit codes: 0
fine, 1 failed, 2 wrong usage.
"""

import argparse
import io
import os
import sys
from collections.abc import Sequence

from wrn import __version__
from wrn.cli import (
    benchmark,
    classify,
    describe,
    evaluate,
    runs,
    train,
    weight_files,
)
from wrn.cli.arguments import Parser
from wrn.cli.output import complain
from wrn.errors import ConfigError, WrnError
from wrn.jobs.failures import explain

#: The modules of the commands, in the order of `--help`.
_COMMANDS = (describe, train, evaluate, classify, weight_files, runs, benchmark)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: The words after `python -m wrn`; by default those of the process.

    Returns:
        The exit code: 0 fine, 1 failed, 2 wrong usage.
    """
    _always_print()
    try:
        parsed, unknown = _parser().parse_known_args(arguments)
        if unknown:  # The command says how to get help with itself.
            parsed.refuse(f"unrecognized arguments: {' '.join(unknown)}")
        code = int(parsed.command(parsed))
        # A reader that has gone is found out here, not when the interpreter ends.
        sys.stdout.flush()
        return code
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 2
    except ConfigError as error:
        return complain(error, 2)
    except WrnError as error:
        return complain(error, 1)
    except KeyboardInterrupt:
        return complain("interrupted", 1)
    except BrokenPipeError:
        # Whoever read our report has seen enough; say nothing more to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("WRN_DEBUG"):
            raise
        if isinstance(error, OSError) and error.strerror:
            return complain(f"{error.strerror}: {error.filename or 'a file'}", 1)
        return complain(f"{explain(error).cause} (WRN_DEBUG=1 shows where)", 1)


def _always_print() -> None:
    """Let nothing fail because a stream is closed, or cannot show a character."""
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest that is free is taken: this one.
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(descriptor, "w" if descriptor else "r"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m wrn",
        description="Wide Residual Networks on CIFAR-10: describe, train, evaluate.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in _COMMANDS:
        module.add(commands)
    return parser
