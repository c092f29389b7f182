"""The command `benchmark`: the speed of this machine."""

import argparse
from typing import Any

from wrn.cli.arguments import add_data, add_options, command, config_of
from wrn.cli.output import print_json, print_table
from wrn.cli.process import start_tensorflow
from wrn.config import ModelConfig


def add(commands: Any) -> None:
    """Add the command."""
    parser = command(
        commands, "benchmark", _benchmark, "measure the speed on this machine"
    )
    add_options(parser, ModelConfig, depth=16, widen_factor=2)
    add_data(parser)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--precision", default="auto")


def _benchmark(arguments: argparse.Namespace) -> int:
    start_tensorflow()
    from wrn import benchmark

    report = benchmark.run(
        config_of(ModelConfig, arguments),
        arguments.data,
        batch_size=arguments.batch_size,
        rounds=arguments.rounds,
        precision=arguments.precision,
    )
    if arguments.json:
        print_json(report)
    else:
        print_table(("figure", "value"), [(k, f"{v}") for k, v in report.items()])
    return 0
