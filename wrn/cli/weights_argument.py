"""The argument that names weights: a file or a run."""

import argparse
import os
from pathlib import Path

from wrn.cli.arguments import add_options, config_of
from wrn.config import OutputConfig, runs_folder
from wrn.errors import ConfigError, RunError
from wrn.runs import Run, RunStore


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


def weights_path(arguments: argparse.Namespace) -> tuple[Path, Run | None]:
    """Find the weight file that a command is given, and the run it belongs to.

    Args:
        arguments: With `weights`, `best` and `runs_folder`; see `add_weights`.

    Raises:
        RunError: If there is neither a file nor a run of that name.
        ConfigError: If the best weights are asked for, and a file is named.
    """
    path = Path(arguments.weights)
    if os.path.isfile(path):
        if arguments.best:
            raise ConfigError(
                "--best must come with a run, which has more than one file of weights. "
                f"Received: --best with the file {path}"
            )
        return path, None
    store = RunStore(runs_folder(config_of(OutputConfig, arguments)))
    try:
        if not arguments.weights.strip():
            raise RunError("A run has a name.")
        try:
            run = store.open(arguments.weights)
        except RunError:
            # A path: of a run that may lie in another folder.
            folder = path.resolve()
            run = RunStore(folder.parent).open(folder.name)
            if not run.weights and not (folder / "config.json").exists():
                raise RunError("A run has settings.") from None
    except RunError:
        raise RunError(
            f"There must be a weight file or, in {store.root}, a run of that name. "
            f"Received: {arguments.weights}"
        ) from None
    weights = run.best_weights if arguments.best else run.last_weights
    if weights not in run.weights:
        unless = " unless --checkpoints says otherwise" if arguments.best else ""
        raise RunError(
            f"Run {run.name} must have {weights.name}, which an epoch leaves{unless}. "
            "Received: none that can be read"
        )
    return weights, run
