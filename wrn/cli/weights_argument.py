"""The argument that names weights: a file or a run."""

import argparse
from pathlib import Path
from typing import Any

from wrn.cli.arguments import add_options, config_of
from wrn.config import OutputConfig, runs_folder
from wrn.errors import RunError


def add_weights(parser: argparse.ArgumentParser) -> None:
    """Let a command be told which weights."""
    parser.add_argument(
        "weights",
        metavar="FILE_OR_RUN",
        help="a weight file, or the name or the folder of a run",
    )
    parser.add_argument(
        "--best",
        action="store_true",
        help="of a run, take the best weights in place of the last",
    )
    add_options(parser, OutputConfig, only=("runs_folder",))


def weights_path(arguments: argparse.Namespace) -> tuple[Path, Any]:
    """Find the weight file that a command is given, and the run it belongs to.

    Args:
        arguments: With `weights`, `best` and `runs_folder`; see `add_weights`.

    Raises:
        RunError: If there is neither a file nor a run of that name.
    """
    from wrn.runs import RunStore

    path = Path(arguments.weights)
    if path.is_file():
        return path, None
    store = RunStore(runs_folder(config_of(OutputConfig, arguments)))
    try:
        try:
            run = store.open(arguments.weights)
        except RunError:
            # A path: of a run that may lie in another folder.
            folder = path.resolve()
            run = RunStore(folder.parent).open(folder.name)
    except RunError:
        raise RunError(
            f"There must be a weight file or, in {store.root}, a run of that name. "
            f"Received: {arguments.weights}"
        ) from None
    weights = run.best_weights if arguments.best else run.last_weights
    if not weights.is_file():
        raise RunError(
            f"Run {run.name} must have {weights.name}, which the first epoch leaves. "
            "Received: none yet"
        )
    return weights, run
