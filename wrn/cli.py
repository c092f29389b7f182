"""The command line: `python -m wrn COMMAND`; `--help` lists the commands.

Each command is a thin layer over one call of the library. Reports go to stdout,
progress and errors to stderr. Exit codes: 0 fine, 1 failed, 2 wrong usage.
"""

import argparse
import dataclasses
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from wrn import __version__, recipes
from wrn.cluster import Cluster, cluster
from wrn.config import (
    SECTIONS,
    Config,
    DataConfig,
    ModelConfig,
    Option,
    OutputConfig,
    RunConfig,
    expectation,
    options,
    runs_folder,
)
from wrn.errors import ConfigError, RunError, WrnError

#: Settings that may differ when a run resumes.
_FREE_ON_RESUME = ("runs_folder", "devices")

#: Options whose name on the command line is not the field's.
_FLAGS = {"source": "data"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: The words after `python -m wrn`; by default those of the process.

    Returns:
        The exit code: 0 fine, 1 failed, 2 wrong usage.
    """
    try:
        parsed = _parser().parse_args(arguments)
        return int(parsed.command(parsed))
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 2
    except ConfigError as error:
        return _complain(error, 2)
    except WrnError as error:
        return _complain(error, 1)
    except KeyboardInterrupt:
        return _complain("interrupted", 1)
    except BrokenPipeError:
        # Whoever read our report has seen enough; say nothing more to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("WRN_DEBUG"):
            raise
        return _complain(f"{_first_line(error)} (WRN_DEBUG=1 shows where)", 1)


def _start_tensorflow() -> None:
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


def _complain(error: object, code: int) -> int:
    """Print an error as one line on stderr and return the exit code."""
    line = " ".join(str(error).split())
    print(f"wrn: {line}", file=sys.stderr)
    return code


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"


# Commands


def _describe(arguments: argparse.Namespace) -> int:
    from wrn import graph
    from wrn.architecture import describe

    architecture = describe(_config(ModelConfig, arguments))
    dot = graph.to_dot(architecture, arguments.level)
    if arguments.dot:
        _write(arguments.dot, dot.encode())
    for kind in ("svg", "png", "pdf"):
        if path := getattr(arguments, kind):
            _write(path, graph.render(dot, kind))
    if arguments.json:
        _print_json(architecture.to_dict())
    elif not any((arguments.dot, arguments.svg, arguments.png, arguments.pdf)):
        rows = [
            (
                layer.name,
                layer.kind,
                "x".join(map(str, layer.output_shape)),
                f"{layer.parameters:,}",
                f"{layer.multiply_adds:,}",
                f"{layer.receptive_field}",
            )
            for layer in architecture.layers
        ]
        _print_table(
            ("layer", "kind", "output", "parameters", "multiply-adds", "field"), rows
        )
        print(
            f"\n{architecture.name}: {architecture.parameters:,} parameters, "
            f"{architecture.multiply_adds:,} multiply-adds, receptive field "
            f"{architecture.receptive_field} pixels"
        )
    return 0


def _train(arguments: argparse.Namespace) -> int:
    from wrn.runs import RunStore

    if arguments.list_recipes:
        return _list_recipes(arguments)
    recipe = recipes.recipe(arguments.recipe or recipes.DEFAULT_RECIPE)
    sections = {
        name: recipe.config(section).replace(**_given(section, arguments))
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
            raise ConfigError("--resume must come with --run NAME, the run to resume.")
        run = store.open(arguments.run)
        run.acquire()
        _refuse_changes(arguments, run.config())
    else:
        run = store.create(config, arguments.run)
    return _execute(run, arguments, workers)


def _list_recipes(arguments: argparse.Namespace) -> int:
    listed = recipes.RECIPES.values()
    if arguments.json:
        _print_json([dataclasses.asdict(recipe) for recipe in listed])
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
        _start_tensorflow()
        from wrn.measurement import measure

        train = config.train
        measured = measure(train.precision, train.devices)
        store.write_measured_speed(train.precision, measured.to_dict())
    estimated = estimate(config, speed.known(config, store))
    if arguments.json:
        _print_json({"name": config.model.name, **estimated.to_dict()})
        return 0
    print(f"{config.model.name}: {estimated}")
    print(estimated.speed or "To measure this device: python -m wrn train --measure")
    if estimated.warning:
        print(estimated.warning)
    return 0


def _execute(run: Any, arguments: argparse.Namespace, workers: Cluster | None) -> int:
    _start_tensorflow()
    from wrn.execution import Execution

    stopped = _catch_signals()
    with _ProgressBar(quiet=arguments.quiet) as bar:
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
        "data": _data_of(run),
    }
    run.release()
    if arguments.json:
        _print_json(report)
    else:
        accuracy = outcome.test_accuracy
        print(
            f"{report['name']}: {outcome.epochs} epochs, "
            f"{'no accuracy yet' if accuracy is None else f'accuracy {accuracy:.2%}'}, "
            f"in {run.path}"
        )
    if not outcome.finished:
        return _complain(
            f"stopped; go on with: python -m wrn train --run {run.name} --resume", 1
        )
    return 0


def _follow(config: RunConfig, arguments: argparse.Namespace, workers: Cluster) -> int:
    """Train along with the chief, which has the run."""
    _start_tensorflow()
    from wrn.devices import choose
    from wrn.workers import follow

    stopped = _catch_signals()
    # Before the chief's settings come, which need the devices to travel on.
    devices = choose(config.train.precision, config.train.devices, workers)
    outcome = follow(devices, should_stop=lambda: bool(stopped))
    if arguments.json:
        _print_json(dataclasses.asdict(outcome))
    if not outcome.finished:
        return _complain("stopped; the chief tells how to go on", 1)
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    path, run = _weights_path(arguments)
    data = DataConfig(source=arguments.data, limit=arguments.limit)
    _start_tensorflow()
    from wrn.data import load_cached, select
    from wrn.evaluation import check_classes, evaluate, load_weights
    from wrn.evaluation import report as evaluation_report

    loaded = load_weights(path, arguments.precision)
    dataset = load_cached(data.source)
    check_classes(loaded.config.classes, dataset)
    images = select(dataset, data).held_out
    with _Bar(len(images), "images", quiet=arguments.quiet) as bar:
        evaluation = evaluate(
            loaded.classifier,
            images.images,
            images.labels,
            on_progress=lambda done, total: bar.advance_to(done),
            flip=arguments.flip,
        )
    if evaluation is None:
        raise RunError("The evaluation must run to its end. Received: a stop")
    report = evaluation_report(loaded, dataset, evaluation, path.name)
    report["flip"] = arguments.flip
    if run:
        run.write_evaluation(report)
    if arguments.json:
        _print_json(report)
    else:
        low, high = evaluation.interval
        print(
            f"{loaded.config.name} on {evaluation.images:,} images of {dataset.name}: "
            f"accuracy {evaluation.accuracy:.2%} (95% interval {low:.2%} to "
            f"{high:.2%}), loss {evaluation.loss:.4f}"
        )
        for note in report["notes"]:
            print(f"- {note}")
    return 0


def _store(arguments: argparse.Namespace) -> int:
    from wrn.runs import RunStore

    run = RunStore(runs_folder(_config(OutputConfig, arguments))).open(arguments.run)
    _start_tensorflow()
    from wrn.storing import store

    stored = store(run, arguments.data, name=arguments.name, replace=arguments.replace)
    if arguments.json:
        _print_json(stored)
    else:
        print(
            f"{stored['name']}: accuracy {stored['test_accuracy']:.2%}, with test-time "
            f"flip {stored['test_accuracy_flip']:.2%}"
        )
    return 0


def _inspect(arguments: argparse.Namespace) -> int:
    from wrn import weights

    report = weights.inspect(arguments.file)
    if arguments.json:
        _print_json(report)
    else:
        print(
            f"{report['name']}: {report['parameters']:,} parameters, "
            f"{report['classes']} classes. {report['format']}"
            + (f", written by {report['writer']}" if report["writer"] else "")
        )
        for note in report["notes"]:
            print(f"- {note}")
        _print_table(
            ("layer", "in the file", "shapes"),
            [
                (
                    layer["name"],
                    layer["source"],
                    " ".join("x".join(map(str, s)) for s in layer["weights"].values()),
                )
                for layer in report["layers"]
            ],
        )
    return 0


def _convert(arguments: argparse.Namespace) -> int:
    _start_tensorflow()
    from wrn.converting import convert

    report = convert(arguments.file, arguments.out)
    if arguments.json:
        _print_json(report)
    else:
        print(f"{report['name']}: written to {report['written']}")
        for note in report["notes"]:
            print(f"- {note}")
    return 0


def _runs(arguments: argparse.Namespace) -> int:
    from wrn.runs import RunStore

    store = RunStore(runs_folder(_config(OutputConfig, arguments)))
    summaries = [_summary(run) for run in store.list()]
    if arguments.json:
        _print_json(summaries)
    elif not summaries:
        print(f"No runs in {store.root} yet. Start one: python -m wrn train")
    else:
        _print_table(
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


def _summary(run: Any) -> dict[str, Any]:
    """Sum up a run; a damaged one says what is wrong with it."""
    try:
        config, status = run.config(), run.status()
    except RunError as error:
        return {"run": run.name, "state": "damaged", "error": str(error)}
    epochs = run.metrics("epoch")
    return {
        "run": run.name,
        "name": config.model.name,
        "state": status.state,
        "epochs": len(epochs),
        "accuracy": epochs[-1].get("test_accuracy") if epochs else None,
        "seconds": status.seconds,
        "error": status.error,
    }


def _benchmark(arguments: argparse.Namespace) -> int:
    _start_tensorflow()
    from wrn import benchmark

    report = benchmark.run(
        _config(ModelConfig, arguments),
        arguments.data,
        batch_size=arguments.batch_size,
        rounds=arguments.rounds,
        precision=arguments.precision,
    )
    if arguments.json:
        _print_json(report)
    else:
        _print_table(("figure", "value"), [(k, f"{v}") for k, v in report.items()])
    return 0


# Arguments


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line, like every other error."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}. Try: {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m wrn",
        description="Wide Residual Networks on CIFAR-10: describe, train, evaluate.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    describe = _command(commands, "describe", _describe, "show a network's layers")
    _add_options(describe, ModelConfig)
    describe.add_argument(
        "--level",
        choices=("network", "blocks", "layers"),
        default="layers",
        help="detail of the graph that is written (default: layers)",
    )
    for kind in ("dot", "svg", "png", "pdf"):
        describe.add_argument(
            f"--{kind}", metavar="FILE", type=Path, help=f"write the graph as {kind}"
        )

    train = _command(commands, "train", _train, "train a network")
    train.add_argument("--run", metavar="NAME", help="name of the run's folder")
    train.add_argument(
        "--resume", action="store_true", help="go on with the run named by --run"
    )
    train.add_argument(
        "--recipe",
        metavar="NAME",
        choices=tuple(recipes.RECIPES),
        help=f"{', '.join(recipes.RECIPES)}: where the settings start that are not "
        f"given (default: {recipes.DEFAULT_RECIPE}, whose values stand below)",
    )
    train.add_argument(
        "--list-recipes", action="store_true", help="tell about the recipes, and end"
    )
    train.add_argument(
        "--estimate",
        action="store_true",
        help="tell the time per epoch and the peak memory to expect, and end",
    )
    train.add_argument(
        "--measure",
        action="store_true",
        help="the same, after measuring for some seconds how fast this device trains",
    )
    for section in SECTIONS.values():
        _add_options(train, section)

    evaluate = _command(
        commands, "evaluate", _evaluate, "measure the accuracy of weights"
    )
    evaluate.add_argument(
        "weights", metavar="FILE_OR_RUN", help="a weight file, or the name of a run"
    )
    evaluate.add_argument(
        "--best",
        action="store_true",
        help="of a run, take the best weights in place of the last",
    )
    evaluate.add_argument(
        "--flip",
        action="store_true",
        help="average over each image and its mirror image (test-time flip)",
    )
    evaluate.add_argument("--precision", default="auto", help="(default: auto)")
    _add_data(evaluate)
    evaluate.add_argument(
        "--limit", metavar="N", type=int, help="use only the first N test images"
    )
    _add_options(evaluate, OutputConfig, only=("runs_folder",))

    inspect = _command(commands, "inspect", _inspect, "tell what a weight file holds")
    inspect.add_argument("file", metavar="FILE", type=Path)

    convert = _command(
        commands, "convert", _convert, "write a weight file as this program's own"
    )
    convert.add_argument("file", metavar="FILE", type=Path)
    convert.add_argument(
        "--out", metavar="NEW", type=Path, required=True, help="a new .weights.h5"
    )

    store = _command(
        commands, "store", _store, "keep a run's last weights in models/, with a card"
    )
    store.add_argument("run", metavar="RUN", help="the name of a finished run")
    store.add_argument(
        "--name", help="what to call the weights (default: the network's name)"
    )
    store.add_argument(
        "--replace",
        action="store_true",
        help="take the place of stored weights of that name",
    )
    _add_data(store)
    _add_options(store, OutputConfig, only=("runs_folder",))

    runs = _command(commands, "runs", _runs, "list the runs")
    _add_options(runs, OutputConfig, only=("runs_folder",))

    benchmark = _command(
        commands, "benchmark", _benchmark, "measure the speed on this machine"
    )
    _add_options(benchmark, ModelConfig, depth=16, widen_factor=2)
    _add_data(benchmark)
    benchmark.add_argument("--batch-size", type=int, default=128)
    benchmark.add_argument("--rounds", type=int, default=9)
    benchmark.add_argument("--precision", default="auto")
    return parser


def _command(
    commands: Any, name: str, function: Callable[..., int], help: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=help, description=help[0].upper() + help[1:] + "."
    )
    parser.set_defaults(command=function)
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")
    parser.add_argument(
        "--quiet", action="store_true", help="show no progress on stderr"
    )
    return parser


def _add_data(parser: argparse.ArgumentParser) -> None:
    (option,) = (option for option in options(DataConfig) if option.name == "source")
    parser.add_argument(
        "--data",
        metavar="SOURCE",
        default=option.default,
        help=f"{option.help} (default: {option.default})",
    )


def _add_options(
    parser: argparse.ArgumentParser,
    section: type[Config],
    only: tuple[str, ...] | None = None,
    **defaults: Any,
) -> None:
    """Add a config's fields as options. What is not given stays out of the result."""
    group = parser.add_argument_group(section.section)
    for option in options(section):
        if only and option.name not in only:
            continue
        flag = "--" + _FLAGS.get(option.name, option.name).replace("_", "-")
        default = defaults.get(option.name, option.default)
        parser.set_defaults(**{f"default_{option.name}": default})
        settings: dict[str, Any] = {
            "dest": option.name,
            "default": None,
            "help": f"{option.help} (default: {_shown(default)})".replace("%", "%%"),
        }
        if option.type is bool:
            settings["action"] = argparse.BooleanOptionalAction
        else:
            settings["type"] = _reader(option)
            settings["metavar"] = "SOURCE" if flag == "--data" else option.type.__name__
        if option.type is tuple:
            settings["nargs"] = "*"
            settings["metavar"] = "float"
        group.add_argument(flag, **settings)


def _shown(default: Any) -> str:
    if isinstance(default, tuple):
        return " ".join(map(str, default))
    return "none" if default is None else str(default)


def _reader(option: Option) -> Callable[[str], Any]:
    """Return what turns a word of the command line into the option's type."""
    kind = float if option.type is tuple else option.type

    def read(word: str) -> Any:
        try:
            return kind(word)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"{option.name} must be {expectation(option)}. Received: {word!r}"
            ) from None

    return read


def _given(section: type[Config], arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the fields that the person set."""
    return {
        option.name: getattr(arguments, option.name)
        for option in options(section)
        if getattr(arguments, option.name, None) is not None
    }


def _config(section: type[Config], arguments: argparse.Namespace) -> Any:
    """Build a config from the options given and the command's defaults."""
    defaults = {
        option.name: getattr(arguments, f"default_{option.name}")
        for option in options(section)
        if hasattr(arguments, f"default_{option.name}")
    }
    return section.from_dict({**defaults, **_given(section, arguments)})


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
        for field, value in _given(section, arguments).items():
            kept = getattr(stored, field)
            if field not in _FREE_ON_RESUME and value != (
                list(kept) if isinstance(kept, tuple) else kept
            ):
                raise ConfigError(
                    f"{field} must be {kept!r}, as in the run that resumes, or left "
                    f"out. Received: {value!r}"
                )


def _weights_path(arguments: argparse.Namespace) -> tuple[Path, Any]:
    """Find the weight file of `evaluate`, and the run it belongs to."""
    from wrn.runs import RunStore

    path = Path(arguments.weights)
    if path.is_file():
        return path, None
    store = RunStore(runs_folder(_config(OutputConfig, arguments)))
    try:
        run = store.open(path.name if path.is_dir() else arguments.weights)
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


def _data_of(run: Any) -> str:
    return str(run.config().data.source)


# Output


def _print_json(report: Any) -> None:
    print(json.dumps(report, indent=2))


def _print_table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        cells = (cell.ljust(w) for cell, w in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise RunError(
            f"{path} must be a file that can be written. Received: {error.strerror}"
        ) from None


def _catch_signals() -> list[int]:
    """Turn Ctrl-C and a polite kill into an orderly stop; a second one kills."""
    received: list[int] = []

    def note(number: int, frame: Any) -> None:
        received.append(number)
        signal.signal(number, signal.default_int_handler)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)
    return received


class _Bar:
    """A progress bar on stderr, where that is a terminal."""

    def __init__(self, total: int, unit: str, *, quiet: bool) -> None:
        from tqdm import tqdm

        self._bar = tqdm(
            total=total, unit=f" {unit}", disable=True if quiet else None, leave=False
        )

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def advance_to(self, done: int) -> None:
        """Move the bar to `done` of the total."""
        self._bar.update(done - self._bar.n)


class _ProgressBar:
    """Shows a training: a bar on a terminal, a line an epoch elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        from tqdm import tqdm

        self._bar = tqdm(unit=" steps", disable=True if quiet else None, leave=False)
        self._lines = not quiet and self._bar.disable
        self._said = 0

    def __enter__(self) -> "_ProgressBar":
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def show(self, progress: Any) -> None:
        """Show where the training stands."""
        self._bar.total = progress.epochs * progress.steps or None
        done = (progress.epoch - 1) * progress.steps + progress.step
        self._bar.update(done - self._bar.n)
        facts = f"epoch {progress.epoch}/{progress.epochs}"
        if progress.loss is not None:
            facts += f" loss {progress.loss:.4f} accuracy {progress.accuracy:.2%}"
        self._bar.set_description_str(facts, refresh=False)
        ended = progress.phase == "testing" and progress.epoch > self._said
        if self._lines and ended:
            self._said = progress.epoch
            print(facts, file=sys.stderr, flush=True)
