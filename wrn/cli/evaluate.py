"""The command `evaluate`: the accuracy of weights."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wrn.architecture.published import Published
from wrn.cli.arguments import add_options, command, config_of
from wrn.cli.output import Bar, check_writable, print_json, print_table, write
from wrn.cli.process import start_tensorflow
from wrn.cli.weights_argument import add_weights, weights_path
from wrn.config import DataConfig, TrainConfig
from wrn.text import counted, encodable, rounded

#: Rows of the table of what was tried.
_TRIALS_SHOWN = 12


def add(commands: Any) -> None:
    """Add the command."""
    parser = command(commands, "evaluate", _evaluate, "measure the accuracy of weights")
    add_weights(parser)
    parser.add_argument(
        "--flip",
        action="store_true",
        help="average the logits of each image and of its mirror image (test-time "
        "flip)",
    )
    parser.add_argument(
        "--diagnose",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="try, on training images, what a file leaves open that does not record "
        "its preprocessing or who wrote it (default: yes)",
    )
    parser.add_argument(
        "--csv",
        metavar="FILE",
        type=Path,
        help="write each image's class, prediction and probabilities as CSV",
    )
    parser.add_argument(
        "--html",
        metavar="FILE",
        type=Path,
        help="write the report as a page that needs nothing else",
    )
    add_options(parser, DataConfig, only=("source", "limit"))
    add_options(parser, TrainConfig, only=("precision",))


def _evaluate(arguments: argparse.Namespace) -> int:
    path, run = weights_path(arguments)
    check_writable(arguments.csv, path)
    check_writable(arguments.html, path, arguments.csv)
    data = config_of(DataConfig, arguments)
    precision = config_of(TrainConfig, arguments).precision
    start_tensorflow()
    from wrn.data import load_cached, select
    from wrn.evaluation import check_classes, evaluate, keep
    from wrn.evaluation import report as evaluation_report
    from wrn.evaluation.diagnosis import diagnose
    from wrn.restoring import load_weights

    loaded = load_weights(path, precision)
    dataset = load_cached(data.source)
    check_classes(loaded.config.classes, dataset)
    diagnosis = None
    if arguments.diagnose:
        with Bar("trials", quiet=arguments.quiet) as bar:
            diagnosis = diagnose(path, dataset, precision, bar.show)
    if diagnosis:
        loaded = diagnosis.loaded
    images = select(dataset, data).held_out
    with Bar("images", quiet=arguments.quiet) as bar:
        evaluation = evaluate(
            loaded.classifier,
            images.images,
            images.labels,
            on_progress=bar.show,
            flip=arguments.flip,
        )
    called = run.label_of(path) if run else path.name
    report = evaluation_report(loaded, dataset, evaluation, called)
    report |= {"flip": arguments.flip, "asked": len(images)}
    if diagnosis:
        report["diagnosis"] = diagnosis.to_dict()
    if run:
        keep(run, report)
    if arguments.json:
        print_json(report)
    else:
        low, high = evaluation.interval
        print(
            f"{loaded.config.name} on {counted(evaluation.images, 'image')} of "
            f"{dataset.name}: "
            f"accuracy {evaluation.accuracy:.2%} (95% interval {low:.2%} to "
            f"{high:.2%}), loss {rounded(evaluation.loss, 4)}, calibration error "
            f"{evaluation.calibration.error:.2%}"
        )
        for row in (Published(**told) for told in report["published"]):
            print(f"- Published: {row.test_accuracy:.2%} ({row})")
        for note in report["notes"]:
            print(f"- {note}")
        if diagnosis:
            _print_trials(diagnosis.to_dict()["trials"])
    if arguments.csv:
        write(arguments.csv, evaluation.to_csv(dataset.class_names).encode())
    if arguments.html:
        from wrn.evaluation.html_report import to_html

        page = to_html(report, evaluation, images.images)
        write(arguments.html, encodable(page).encode())
    return 0


def _print_trials(trials: Sequence[dict[str, Any]]) -> None:
    """Print what was tried of a file that does not record all, the winner first."""
    header = tuple(trials[0])
    shown = [
        tuple(_shown(name, value) for name, value in trial.items())
        for trial in trials[:_TRIALS_SHOWN]
    ]
    print()
    print_table(header, shown)
    if len(trials) > _TRIALS_SHOWN:
        print(f"and {len(trials) - _TRIALS_SHOWN} more; --json lists them all")


def _shown(name: str, value: Any) -> str:
    if value is None:
        return ""
    formats = {"accuracy": ".1%", "misfit": ".3f"}
    return format(value, formats.get(name, ""))
