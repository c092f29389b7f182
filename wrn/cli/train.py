"""The command `train`, and what it tells before a training starts."""

import argparse
import dataclasses
import shlex
from typing import Any

from wrn.cli.arguments import add_options, command, flag_of, given
from wrn.cli.output import ProgressBar, complain, print_json
from wrn.cli.process import catch_signals, start_tensorflow
from wrn.cluster import Cluster, cluster
from wrn.config import SECTIONS, RunConfig, recipes, runs_folder
from wrn.errors import ConfigError
from wrn.runs import Run, RunStore, figure
from wrn.text import counted

#: Settings that may differ when a run resumes.
_FREE_ON_RESUME = ("runs_folder", "devices", "source")


def add(commands: Any) -> None:
    """Add the command."""
    parser = command(commands, "train", _train, "train a network")
    parser.add_argument(
        "--run",
        metavar="NAME",
        help="name of the run's folder (default: the network and the time); a new run "
        "may have the name of one that ended before its first step, which is deleted",
    )
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
    if arguments.list_recipes:
        return _list_recipes(arguments)
    recipe = recipes.recipe(arguments.recipe or recipes.DEFAULT_RECIPE)
    sections = {
        name: recipe.config(section).replace(**given(section, arguments))
        for name, section in SECTIONS.items()
    }
    config = recipes.note(RunConfig(**sections), recipe.name)
    store = RunStore(runs_folder(config.output))
    if arguments.resume and arguments.run is None:
        raise ConfigError(
            "--resume must come with --run NAME, the run to resume. "
            "Received: --resume alone"
        )
    if arguments.estimate or arguments.measure:
        done = 0
        if arguments.resume:
            run = store.open(arguments.run)
            config = run.config()
            done = len(run.metrics("epoch"))
            _refuse_changes(arguments, config)
            devices = arguments.devices or config.train.devices
            train = config.train.replace(devices=devices)
            config = dataclasses.replace(config, train=train)
        return _estimate(config, store, arguments, done)
    workers = cluster()
    if workers and not workers.chief:
        return _follow(config, arguments, workers)
    if arguments.resume:
        run = store.open(arguments.run)
        run.acquire()
        _refuse_changes(arguments, run.config())
        # Other workers wait to be told by one that trains.
        if not workers and run.is_complete():
            return _tell(run, arguments, _result(run))
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


def _estimate(
    config: RunConfig, store: RunStore, arguments: argparse.Namespace, epochs_done: int
) -> int:
    from wrn import speed
    from wrn.speed.estimate import estimate

    found: speed.Speed | None
    if arguments.measure:
        start_tensorflow()
        from wrn.speed.measurement import measure

        train = config.train
        found = measure(train.precision, train.devices)
        store.write_measured_speed(speed.measurement_key(train), found.to_dict())
    else:
        found = speed.known(config, store)
    estimated = estimate(config, found, epochs_done=epochs_done)
    if arguments.json:
        print_json({"name": config.model.name, **estimated.to_dict()})
        return 0
    print(f"{config.model.name}: {estimated}")
    print(estimated.speed or "To measure this device: python -m wrn train --measure")
    if estimated.warning:
        print(estimated.warning)
    return 0


def _execute(run: Run, arguments: argparse.Namespace, workers: Cluster | None) -> int:
    start_tensorflow()
    from wrn.jobs.execution import Execution

    stopped = catch_signals()
    with ProgressBar(quiet=arguments.quiet) as bar:
        execution = Execution(
            run, workers, devices=arguments.devices, source=arguments.source
        )
        outcome = execution.execute(bar.show, should_stop=lambda: bool(stopped))
    return _tell(run, arguments, dataclasses.asdict(outcome))


def _result(run: Run) -> dict[str, Any]:
    """Return what the training of a run that is complete has told at its end."""
    status = run.status()
    accuracies = ("test_accuracy", "best_accuracy")
    return {
        "finished": True,
        "epochs": int(figure(status.progress, "epochs") or 0),
        **{name: figure(status.progress, name) for name in accuracies},
        "device": status.device,
    }


def _tell(run: Run, arguments: argparse.Namespace, result: dict[str, Any]) -> int:
    """Report how a training ended, and give the run back."""
    config, seconds = run.config(), run.status().seconds
    run.release()
    report = {"run": run.name, "name": config.model.name, **result}
    report |= {
        "seconds": seconds,
        "weights": str(run.last_weights),
        "data": config.data.source,
        "held_out": config.data.held_out_name,
    }
    if arguments.json:
        print_json(report)
    else:
        accuracy = report["test_accuracy"]
        told = "no accuracy yet"
        if accuracy is not None:
            kind = "validation accuracy" if config.data.validation else "accuracy"
            told = f"{kind} {accuracy:.2%}"
        epochs = counted(report["epochs"], "epoch")
        print(f"{report['name']}: {epochs}, {told}, in {run.path}")
    if not report["finished"]:
        again = ["python", "-m", "wrn", "train", "--run", run.name, "--resume"]
        for name in _FREE_ON_RESUME:
            if (value := getattr(arguments, name)) is not None:
                again += [flag_of(name), value]
        return complain(f"stopped; go on with: {shlex.join(again)}", 1)
    return 0


def _follow(config: RunConfig, arguments: argparse.Namespace, workers: Cluster) -> int:
    """Train along with the chief, which has the run."""
    start_tensorflow()
    from wrn.devices import choose
    from wrn.jobs.workers import follow

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

    It may go on elsewhere, though: in a folder that was moved, on other devices, with
    the same images in another place.
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
