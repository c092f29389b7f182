"""The command `train`, and what it tells before a training starts."""

import argparse
import dataclasses
from typing import Any

from wrn import recipes
from wrn.cli.arguments import add_options, command, given
from wrn.cli.output import ProgressBar, complain, print_json
from wrn.cli.process import catch_signals, start_tensorflow
from wrn.cluster import Cluster, cluster
from wrn.config import SECTIONS, RunConfig, runs_folder
from wrn.errors import ConfigError

#: Settings that may differ when a run resumes.
_FREE_ON_RESUME = ("runs_folder", "devices")


def add(commands: Any) -> None:
    """Add the command."""
    parser = command(commands, "train", _train, "train a network")
    parser.add_argument("--run", metavar="NAME", help="name of the run's folder")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the run named by --run"
    )
    parser.add_argument(
        "--recipe",
        metavar="NAME",
        choices=tuple(recipes.RECIPES),
        help=f"{', '.join(recipes.RECIPES)}: where the settings start that are not "
        f"given (default: {recipes.DEFAULT_RECIPE}, whose values stand below)",
    )
    parser.add_argument(
        "--list-recipes", action="store_true", help="tell about the recipes, and end"
    )
    parser.add_argument(
        "--estimate",
        action="store_true",
        help="tell the time per epoch and the peak memory to expect, and end",
    )
    parser.add_argument(
        "--measure",
        action="store_true",
        help="the same, after measuring for some seconds how fast this device trains",
    )
    for section in SECTIONS.values():
        add_options(parser, section)


def _train(arguments: argparse.Namespace) -> int:
    from wrn.runs import RunStore

    if arguments.list_recipes:
        return _list_recipes(arguments)
    recipe = recipes.recipe(arguments.recipe or recipes.DEFAULT_RECIPE)
    sections = {
        name: recipe.config(section).replace(**given(section, arguments))
        for name, section in SECTIONS.items()
    }
    config = recipes.note(RunConfig(**sections), recipe.name)
    store = RunStore(runs_folder(config.output))
    if arguments.estimate or arguments.measure:
        return _estimate(config, store, arguments)
    workers = cluster()
    if workers and not workers.chief:
        return _follow(config, arguments, workers)
    if arguments.resume:
        if not arguments.run:
            raise ConfigError(
                "--resume must come with --run NAME, the run to resume. "
                "Received: --resume alone"
            )
        run = store.open(arguments.run)
        run.acquire()
        _refuse_changes(arguments, run.config())
    else:
        run = store.create(config, arguments.run)
    return _execute(run, arguments, workers)


def _list_recipes(arguments: argparse.Namespace) -> int:
    listed = recipes.RECIPES.values()
    if arguments.json:
        print_json([dataclasses.asdict(recipe) for recipe in listed])
        return 0
    for recipe in listed:
        print(recipe.name)
        for label in ("summary", "source", "expected", "cost"):
            print(f"  {label + ':':<10}{getattr(recipe, label)}")
    return 0


def _estimate(config: RunConfig, store: Any, arguments: argparse.Namespace) -> int:
    from wrn import speed
    from wrn.estimate import estimate

    if arguments.measure:
        start_tensorflow()
        from wrn.measurement import measure

        train = config.train
        measured = measure(train.precision, train.devices)
        store.write_measured_speed(speed.measurement_key(train), measured.to_dict())
    estimated = estimate(config, speed.known(config, store))
    if arguments.json:
        print_json({"name": config.model.name, **estimated.to_dict()})
        return 0
    print(f"{config.model.name}: {estimated}")
    print(estimated.speed or "To measure this device: python -m wrn train --measure")
    if estimated.warning:
        print(estimated.warning)
    return 0


def _execute(run: Any, arguments: argparse.Namespace, workers: Cluster | None) -> int:
    start_tensorflow()
    from wrn.execution import Execution

    stopped = catch_signals()
    with ProgressBar(quiet=arguments.quiet) as bar:
        execution = Execution(run, workers, devices=arguments.devices)
        outcome = execution.execute(bar.show, should_stop=lambda: bool(stopped))
    status = run.status()
    report = {
        "run": run.name,
        "name": run.config().model.name,
        "finished": outcome.finished,
        "epochs": outcome.epochs,
        "test_accuracy": outcome.test_accuracy,
        "best_accuracy": outcome.best_accuracy,
        "seconds": status.seconds,
        "device": outcome.device,
        "weights": str(run.last_weights),
        "data": str(run.config().data.source),
    }
    run.release()
    if arguments.json:
        print_json(report)
    else:
        accuracy = outcome.test_accuracy
        print(
            f"{report['name']}: {outcome.epochs} epochs, "
            f"{'no accuracy yet' if accuracy is None else f'accuracy {accuracy:.2%}'}, "
            f"in {run.path}"
        )
    if not outcome.finished:
        return complain(
            f"stopped; go on with: python -m wrn train --run {run.name} --resume", 1
        )
    return 0


def _follow(config: RunConfig, arguments: argparse.Namespace, workers: Cluster) -> int:
    """Train along with the chief, which has the run."""
    start_tensorflow()
    from wrn.devices import choose
    from wrn.workers import follow

    stopped = catch_signals()
    # Before the chief's settings come, which need the devices to travel on.
    devices = choose(config.train.precision, config.train.devices, workers)
    outcome = follow(devices, should_stop=lambda: bool(stopped))
    if arguments.json:
        print_json(dataclasses.asdict(outcome))
    if not outcome.finished:
        return complain("stopped; the chief tells how to go on", 1)
    return 0


def _refuse_changes(arguments: argparse.Namespace, config: RunConfig) -> None:
    """Refuse to resume a run with other settings than it was begun with.

    It may go on elsewhere, though: in a folder that was moved, on other devices.
    """
    if arguments.recipe not in (None, config.recipe):
        raise ConfigError(
            f"recipe must be {config.recipe}, as in the run that resumes, or left out. "
            f"Received: {arguments.recipe!r}"
        )
    for name, section in SECTIONS.items():
        stored = getattr(config, name)
        for field, value in given(section, arguments).items():
            kept = getattr(stored, field)
            if field not in _FREE_ON_RESUME and value != (
                list(kept) if isinstance(kept, tuple) else kept
            ):
                raise ConfigError(
                    f"{field} must be {kept!r}, as in the run that resumes, or left "
                    f"out. Received: {value!r}"
                )
