"""The command `benchmark`: the speed of this machine."""

import argparse
from typing import Any

from wrn.cli.arguments import add_options, command, config_of
from wrn.cli.output import print_json, print_table
from wrn.cli.process import start_tensorflow
from wrn.config import DataConfig, ModelConfig, TrainConfig


def add(commands: Any) -> None:
    """Add the command."""
    parser = command(
        commands, "benchmark", _benchmark, "measure the speed on this machine"
    )
    add_options(parser, ModelConfig, depth=16, widen_factor=2)
    add_options(parser, DataConfig, only=("source",))
    add_options(parser, TrainConfig, only=("batch_size", "precision"))
    parser.add_argument(
        "--rounds",
        type=int,
        default=9,
        help="how often each figure is measured; medians count (default: 9)",
    )


def _benchmark(arguments: argparse.Namespace) -> int:
    start_tensorflow()
    from wrn.speed import benchmark

    train = config_of(TrainConfig, arguments)
    report = benchmark.run(
        config_of(ModelConfig, arguments),
        config_of(DataConfig, arguments).source,
        batch_size=train.batch_size,
        rounds=arguments.rounds,
        precision=train.precision,
    )
    if arguments.json:
        print_json(report)
    else:
        print_table(("figure", "value"), [(k, f"{v}") for k, v in report.items()])
    return 0
