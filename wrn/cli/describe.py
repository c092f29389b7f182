"""The command `describe`: a network without its weights."""

import argparse
from pathlib import Path
from typing import Any

from wrn import graph
from wrn.architecture import describe
from wrn.architecture.comparison import compare, network_named
from wrn.architecture.published import published
from wrn.cli.arguments import add_options, command, config_of
from wrn.cli.output import print_json, print_table, write
from wrn.config import ModelConfig
from wrn.errors import ConfigError
from wrn.text import ratio, sides

#: What the graph can be written as.
_KINDS = ("dot", *graph.FORMATS)


def add(commands: Any) -> None:
    """Add the command."""
    parser = command(commands, "describe", _describe, "show a network's layers")
    add_options(parser, ModelConfig)
    parser.add_argument(
        "--level",
        choices=graph.LEVELS,
        default="layers",
        help="detail of the graph that is written (default: layers)",
    )
    parser.add_argument(
        "--compare",
        metavar="NETWORK",
        help="a second network, such as WRN-28-10, of as many classes",
    )
    for kind in _KINDS:
        parser.add_argument(
            f"--{kind}", metavar="FILE", type=Path, help=f"write the graph as {kind}"
        )


def _describe(arguments: argparse.Namespace) -> int:
    files = {kind: path for kind in _KINDS if (path := getattr(arguments, kind))}
    if arguments.compare is not None:
        if files:
            raise ConfigError(
                "--compare must come alone: graphs are of one network. "
                f"Received: --compare with --{next(iter(files))}"
            )
        return _compare(arguments)
    architecture = describe(config_of(ModelConfig, arguments))
    if files:
        dot = graph.to_dot(architecture, arguments.level)
        for kind, path in files.items():
            write(path, dot.encode() if kind == "dot" else graph.render(dot, kind))
    results = published(architecture.config)
    if arguments.json:
        told = [result.to_dict() for result in results]
        print_json(architecture.to_dict() | {"published": told})
    elif not files:
        rows = [
            (
                layer.name,
                layer.kind,
                sides(layer.output_shape),
                f"{layer.parameters:,}",
                f"{layer.multiply_adds:,}",
                f"{layer.receptive_field}",
            )
            for layer in architecture.layers
        ]
        print_table(
            ("layer", "kind", "output", "parameters", "multiply-adds", "field"), rows
        )
        print(
            f"\n{architecture.name}: {architecture.parameters:,} parameters, "
            f"{architecture.multiply_adds:,} multiply-adds, receptive field "
            f"{architecture.receptive_field} pixels"
        )
        for result in results:
            print(f"Published test error: {result.test_error:.2%} ({result})")
    return 0


def _compare(arguments: argparse.Namespace) -> int:
    """Print two networks side by side."""
    first = config_of(ModelConfig, arguments)
    networks = first, network_named(arguments.compare).replace(classes=first.classes)
    rows = compare(*networks)
    if arguments.json:
        print_json([vars(row) for row in rows])
    else:
        print_table(
            ("", *(network.title for network in networks), "ratio"),
            [
                (
                    row.label,
                    row.first_in_words,
                    row.second_in_words,
                    "" if row.ratio is None else ratio(row.ratio),
                )
                for row in rows
            ],
        )
    return 0
