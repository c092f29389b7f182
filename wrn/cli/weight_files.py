"""The commands about weight files: `inspect`, `convert`."""

import argparse
from pathlib import Path
from typing import Any

from wrn.cli.arguments import add_options, command, config_of
from wrn.cli.output import Bar, print_json, print_table
from wrn.cli.process import start_tensorflow
from wrn.config import DataConfig
from wrn.text import sides

_FILE = "a weight file of this program, or one of Keras (.h5, .hdf5, .keras)"


def add(commands: Any) -> None:
    """Add the commands."""
    parser = command(commands, "inspect", _inspect, "tell what a weight file holds")
    parser.add_argument("file", metavar="FILE", type=Path, help=_FILE)

    parser = command(
        commands, "convert", _convert, "write a weight file as this program's own"
    )
    parser.add_argument("file", metavar="FILE", type=Path, help=_FILE)
    parser.add_argument(
        "--out", metavar="NEW", type=Path, required=True, help="a new .weights.h5"
    )
    parser.add_argument(
        "--diagnose",
        action="store_true",
        help="find out on training images, as `evaluate` does, what the file does "
        "not record, and write it with the weights",
    )
    add_options(parser, DataConfig, only=("source",))


def _inspect(arguments: argparse.Namespace) -> int:
    from wrn import weights

    report = weights.inspect(arguments.file)
    if arguments.json:
        print_json(report)
    else:
        print(
            f"{report['name']}: {report['parameters']:,} parameters, "
            f"{report['classes']} classes. {report['format']}"
            + (f", written by {report['writer']}" if report["writer"] else "")
        )
        for note in report["notes"]:
            print(f"- {note}")
        print_table(
            ("layer", "in the file", "shapes"),
            [
                (
                    layer["name"],
                    layer["source"],
                    " ".join(sides(s) for s in layer["weights"].values()),
                )
                for layer in report["layers"]
            ],
        )
    return 0


def _convert(arguments: argparse.Namespace) -> int:
    start_tensorflow()
    from wrn.stored.converting import check_target, convert

    check_target(arguments.out)
    diagnosis = _diagnosis(arguments) if arguments.diagnose else None
    report = convert(arguments.file, arguments.out, diagnosis)
    if arguments.json:
        print_json(report)
    else:
        print(f"{report['name']}: written to {report['written']}")
        for note in report["notes"]:
            print(f"- {note}")
        open_still = report["assumed"] or not report["certain"]
        if open_still and not arguments.diagnose:
            print("- What the file leaves open was assumed; --diagnose finds it out.")
    return 0


def _diagnosis(arguments: argparse.Namespace) -> Any:
    from wrn import weights
    from wrn.data import load_cached
    from wrn.evaluation import check_classes
    from wrn.evaluation.diagnosis import diagnose

    # Before the images, which may take a download.
    classes = weights.inspect(arguments.file)["classes"]
    dataset = load_cached(config_of(DataConfig, arguments).source)
    check_classes(classes, dataset)
    with Bar("trials", quiet=arguments.quiet) as bar:
        return diagnose(arguments.file, dataset, on_progress=bar.show)
