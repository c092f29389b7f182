"""The commands about weight files: `inspect`, `convert`."""

import argparse
from pathlib import Path
from typing import Any

from wrn.cli.arguments import command
from wrn.cli.output import print_json, print_table
from wrn.cli.process import start_tensorflow


def add(commands: Any) -> None:
    """Add the commands."""
    parser = command(commands, "inspect", _inspect, "tell what a weight file holds")
    parser.add_argument("file", metavar="FILE", type=Path)

    parser = command(
        commands, "convert", _convert, "write a weight file as this program's own"
    )
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument(
        "--out", metavar="NEW", type=Path, required=True, help="a new .weights.h5"
    )


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
                    " ".join("x".join(map(str, s)) for s in layer["weights"].values()),
                )
                for layer in report["layers"]
            ],
        )
    return 0


def _convert(arguments: argparse.Namespace) -> int:
    start_tensorflow()
    from wrn.converting import convert

    report = convert(arguments.file, arguments.out)
    if arguments.json:
        print_json(report)
    else:
        print(f"{report['name']}: written to {report['written']}")
        for note in report["notes"]:
            print(f"- {note}")
    return 0
