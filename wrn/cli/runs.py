"""The commands about runs: `runs` lists them, `store` keeps the weights of one."""

import argparse
from typing import Any, get_args

from wrn.cli.arguments import add_options, command, config_of
from wrn.cli.output import print_json, print_table
from wrn.cli.process import start_tensorflow
from wrn.config import (
    DataConfig,
    OutputConfig,
    RunConfig,
    as_text,
    differences,
    runs_folder,
)
from wrn.errors import ConfigError, RunError
from wrn.runs import Run, RunStore, State, figure, matches


def add(commands: Any) -> None:
    """Add the commands."""
    parser = command(
        commands, "store", _store, "keep a run's last weights in models/, with a card"
    )
    parser.add_argument("run", metavar="RUN", help="the name of a finished run")
    parser.add_argument(
        "--name", help="what to call the weights (default: the network's name)"
    )
    parser.add_argument(
        "--replace",
        action="store_true",
        help="take the place of stored weights of that name",
    )
    add_options(parser, DataConfig, only=("source",))
    add_options(parser, OutputConfig, only=("runs_folder",))

    parser = command(commands, "runs", _runs, "list the runs")
    parser.add_argument(
        "--compare",
        metavar="RUN",
        nargs="+",
        help="list the settings in which these runs differ",
    )
    parser.add_argument(
        "--archived", action="store_true", help="list those that are archived, too"
    )
    parser.add_argument(
        "--search",
        metavar="TEXT",
        default="",
        help="list those with this in their name, title, notes, network or recipe",
    )
    parser.add_argument(
        "--state",
        metavar="STATE",
        nargs="+",
        choices=(*get_args(State), "damaged"),
        help=f"list those in these states: {', '.join(get_args(State))}, damaged",
    )
    add_options(parser, OutputConfig, only=("runs_folder",))


def _runs(arguments: argparse.Namespace) -> int:
    store = RunStore(runs_folder(config_of(OutputConfig, arguments)))
    if store.root.exists() and not store.root.is_dir():
        raise RunError(f"The runs folder must be a folder. Received: {store.root}")
    if arguments.compare:
        if arguments.archived or arguments.search or arguments.state:
            raise ConfigError(
                "--compare names its runs and comes without --archived, --search and "
                "--state. Received: one of them, too"
            )
        if len(set(arguments.compare)) < 2:
            raise ConfigError(
                "--compare must name two runs or more. Received: "
                + " ".join(arguments.compare)
            )
        return _compare(store, arguments)
    runs = store.list()
    listed = [run for run in runs if arguments.archived or not run.notes().archived]
    found = [
        run
        for run in listed
        if matches(arguments.search, run.name, run.notes(), _config(run))
    ]
    summaries = [
        summary
        for summary in map(_summary, found)
        if not arguments.state or summary["state"] in arguments.state
    ]
    if arguments.json:
        print_json(summaries)
    elif not runs:
        print(f"No runs in {store.root} yet. Start one: python -m wrn train")
    elif not listed:
        print(f"All runs in {store.root} are archived. List them with --archived")
    elif not summaries:
        print(f"No run in {store.root} matches.")
    else:
        print_table(
            ("run", "network", "state", "epochs", "accuracy"),
            [
                (
                    s["run"],
                    s.get("name", "?"),
                    s["state"],
                    f"{s.get('epochs', 0)}",
                    "" if s.get("accuracy") is None else f"{s['accuracy']:.2%}",
                )
                for s in summaries
            ],
        )
    return 0


def _compare(store: RunStore, arguments: argparse.Namespace) -> int:
    configs = {name: store.open(name).config() for name in arguments.compare}
    found = differences(configs)
    if arguments.json:
        print_json(found)
    elif not found:
        print("All their settings are the same.")
    else:
        print_table(
            ("setting", *configs),
            [
                (name, *(as_text(values[run]) for run in configs))
                for name, values in found.items()
            ],
        )
    return 0


def _config(run: Run) -> RunConfig | None:
    """Return a run's settings; `None` if its folder is damaged."""
    try:
        return run.config()
    except RunError:
        return None


def _summary(run: Run) -> dict[str, Any]:
    """Sum up a run; a damaged one says what is wrong with it."""
    try:
        config, status = run.config(), run.status()
    except RunError as error:
        return {
            "run": run.name,
            "title": run.notes().title,
            "state": "damaged",
            "error": str(error),
        }
    epochs = run.metrics("epoch")
    return {
        "run": run.name,
        "title": run.notes().title,
        "name": config.model.name,
        "state": status.state,
        "epochs": len(epochs),
        "accuracy": figure(epochs[-1], "test_accuracy") if epochs else None,
        "held_out": config.data.held_out_name,
        "seconds": status.seconds,
        "error": status.error,
    }


def _store(arguments: argparse.Namespace) -> int:
    run = RunStore(runs_folder(config_of(OutputConfig, arguments))).open(arguments.run)
    start_tensorflow()
    from wrn.stored import stored_path
    from wrn.stored.storing import store

    source = config_of(DataConfig, arguments).source
    stored = store(run, source, name=arguments.name, replace=arguments.replace)
    path = stored_path(arguments.name or stored["name"])
    if arguments.json:
        print_json({**stored, "weights": str(path)})
    else:
        print(
            f"{stored['name']}: accuracy {stored['test_accuracy']:.2%}, with test-time "
            f"flip {stored['test_accuracy_flip']:.2%}, in {path}"
        )
    return 0
