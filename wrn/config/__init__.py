"""Settings of a run: frozen dataclasses that carry their own bounds and help.

Each field states its default, bounds or choices, label and help text once; the
forms of the pages and the options of the command line are both made from
`options`. A value outside its bounds is refused when the object is made.

    options      what a field says of itself, and what all configs share
    file_lists   several files in one setting
    network      the network
    data         the images
    train        the training
    run          all of a run, and what it leaves
    recipes      trainings by name
    schedule     what changes as a training goes on

No TensorFlow is imported.
"""

from wrn.config.data import DataConfig, default_source
from wrn.config.network import DEPTHS, LONGEST_DEPTH, SHORTEST_DEPTH, ModelConfig
from wrn.config.options import (
    Config,
    Option,
    as_text,
    expectation,
    listed,
    option,
    options,
)
from wrn.config.run import (
    SECTIONS,
    OutputConfig,
    RunConfig,
    default_runs_folder,
    differences,
    runs_folder,
)
from wrn.config.train import FULL_SIZE, WIRINGS, TrainConfig

__all__ = [
    "DEPTHS",
    "FULL_SIZE",
    "LONGEST_DEPTH",
    "SECTIONS",
    "SHORTEST_DEPTH",
    "WIRINGS",
    "Config",
    "DataConfig",
    "ModelConfig",
    "Option",
    "OutputConfig",
    "RunConfig",
    "TrainConfig",
    "as_text",
    "default_runs_folder",
    "default_source",
    "differences",
    "expectation",
    "listed",
    "option",
    "options",
    "runs_folder",
]
