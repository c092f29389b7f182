"""Settings of a run: frozen dataclasses that carry their own bounds and help.

Each field states its default, bounds or choices, label and help text once; the
forms of the pages and the options of the command line are both made from
`options`. A value outside its bounds is refused when the object is made.
"""

import dataclasses
import json
import math
import os
import re
import sys
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from wrn.errors import ConfigError

SHORTEST_DEPTH = 10
LONGEST_DEPTH = 100

#: What `TrainConfig.devices` may say.
_DEVICES = re.compile(r"auto|cpu|((cpu|gpu):\d+)( *, *(cpu|gpu):\d+)*")

#: Side of CIFAR's images in pixels.
FULL_SIZE = 32

#: The programs whose wiring is known; `wrn.wiring.FAMILIES` has what each means.
WIRINGS = (
    "authors",
    "asmith26",
    "titu1994",
    "titu1994-2017",
    "edward2-v1",
    "edward2-v2",
    "keras-contrib",
    "chris4540",
)


@dataclass(frozen=True, kw_only=True)
class Option:
    """One field of a config, as forms and command lines need it.

    Attributes:
        name: Field name, such as `widen_factor`.
        type: `int`, `float`, `bool` or `str`; `tuple` for a list of floats.
        optional: Whether `None` is allowed.
        default: Default value.
        label: Short name for a form.
        help: One or two sentences, with the source of the default.
        minimum: Smallest allowed value, or `None`.
        maximum: Largest allowed value, or `None`.
        below: Upper bound that is itself excluded, or `None`.
        choices: The allowed values, or an empty tuple.
    """

    name: str
    type: type
    optional: bool
    default: Any
    label: str
    help: str
    minimum: float | None = None
    maximum: float | None = None
    below: float | None = None
    choices: tuple[Any, ...] = ()


def _option(
    default: Any,
    label: str,
    help: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    below: float | None = None,
    choices: tuple[Any, ...] = (),
) -> Any:
    """Declare a dataclass field with what `options` reports about it."""
    metadata = {
        "label": label,
        "help": help,
        "minimum": minimum,
        "maximum": maximum,
        "below": below,
        "choices": choices,
    }
    if callable(default):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def options(config: type["Config"]) -> list[Option]:
    """List the fields of a config class in the order of declaration.

    Args:
        config: One of the config classes of this module.

    Returns:
        One `Option` a field.
    """
    hints = typing.get_type_hints(config)
    listed = []
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        kind, optional = _plain_type(hints[field.name])
        default = (
            field.default_factory()
            if field.default_factory is not dataclasses.MISSING
            else field.default
        )
        listed.append(
            Option(
                name=field.name,
                type=kind,
                optional=optional,
                default=default,
                **field.metadata,
            )
        )
    return listed


def _plain_type(hint: Any) -> tuple[type, bool]:
    """Reduce `int | None` to (int, True) and `tuple[float, ...]` to (tuple, False)."""
    if isinstance(hint, types.UnionType):
        (kind,) = (arm for arm in typing.get_args(hint) if arm is not types.NoneType)
        return _plain_type(kind)[0], True
    return typing.get_origin(hint) or hint, False


class Config:
    """What all configs share: validation and a JSON form."""

    #: The name under which the config appears in messages and in JSON.
    section: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for option in options(type(self)):
            value = _checked(option, getattr(self, option.name))
            object.__setattr__(self, option.name, value)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain JSON types."""
        listed = {o.name: getattr(self, o.name) for o in options(type(self))}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in listed.items()}

    @classmethod
    def from_dict(cls, settings: Any) -> Self:
        """Build a config from plain JSON types.

        Args:
            settings: A mapping of field names to values. Fields that are
                absent take their defaults.

        Raises:
            ConfigError: If it is no mapping, has unknown fields, or a value is
                outside its bounds.
        """
        known = [option.name for option in options(cls)]
        if not isinstance(settings, dict):
            raise ConfigError(
                f"{cls.section} must be a mapping of settings. Received: {settings!r}"
            )
        unknown = sorted(str(name) for name in settings if name not in known)
        if unknown:
            raise ConfigError(
                f"{cls.section} has the settings {', '.join(known)}. "
                f"Received: {', '.join(unknown)}"
            )
        return cls(**settings)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed.

        Raises:
            ConfigError: If a changed value is outside its bounds.
        """
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]


def _checked(option: Option, value: Any) -> Any:
    """Return the value in its field's type, or raise `ConfigError`."""
    if value is None and option.optional:
        return None
    if option.choices:
        # 16.0 and True equal numbers, but are none of them.
        if not any(value == c and type(value) is type(c) for c in option.choices):
            raise _refusal(option, value)
        return value
    # No float is near it, and Python would not say so but raise an OverflowError.
    if isinstance(value, int) and abs(value) > sys.float_info.max:
        raise _refusal(option, value)
    if option.type is tuple:
        if not isinstance(value, (list, tuple)):
            raise _refusal(option, value)
        element = dataclasses.replace(option, type=float)
        return tuple(_checked(element, item) for item in value)
    if option.type is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    # bool is a subclass of int, and `depth=True` is a mistake.
    if type(value) is not option.type:
        raise _refusal(option, value)
    if option.type in (int, float) and not _within(option, value):
        raise _refusal(option, value)
    return value


def _within(option: Option, value: Any) -> bool:
    return (
        math.isfinite(value)
        and (option.minimum is None or value >= option.minimum)
        and (option.maximum is None or value <= option.maximum)
        and (option.below is None or value < option.below)
    )


def _refusal(option: Option, value: Any) -> ConfigError:
    return ConfigError(
        f"{option.name} must be {expectation(option)}. Received: {value!r}"
    )


def expectation(option: Option) -> str:
    """Say in words which values an option takes, such as `a whole number, 1 to 20`."""
    if option.choices:
        return "one of " + ", ".join(str(choice) for choice in option.choices)
    nouns = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "text",
        tuple: "a list of numbers",
    }
    words = nouns[option.type]
    if option.maximum is not None:
        words += f", {option.minimum:g} to {option.maximum:g}"
    elif option.below is not None:
        words += f", at least {option.minimum:g} and below {option.below:g}"
    elif option.minimum is not None:
        words += f", at least {option.minimum:g}"
    return words + (" or nothing" if option.optional else "")


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Config):
    """The network: WRN-depth-widen_factor."""

    section: ClassVar[str] = "model"

    depth: int = _option(
        28,
        "Depth",
        "Number of convolutions on the longest path: 6n + 4, with n blocks in each "
        "of the three groups. The paper's best CIFAR network has 28.",
        minimum=SHORTEST_DEPTH,
        maximum=LONGEST_DEPTH,
    )
    widen_factor: int = _option(
        10,
        "Widen factor",
        "Multiplies the channels of every block (k in the paper): the groups have "
        "16k, 32k and 64k channels.",
        minimum=1,
        maximum=20,
    )
    dropout: float = _option(
        0.0,
        "Dropout",
        "Fraction of activations dropped between the two 3x3 convolutions of a "
        "block. The paper uses 0 or, on CIFAR, 0.3.",
        minimum=0.0,
        below=1.0,
    )
    classes: int = _option(
        10,
        "Classes",
        "Number of outputs. CIFAR-10 has 10.",
        minimum=2,
        maximum=1000,
    )

    def __post_init__(self) -> None:
        depth = self.depth
        if type(depth) is int and (depth - 4) % 6 and depth >= SHORTEST_DEPTH:
            raise ConfigError(
                f"depth must be 6n + 4 (10, 16, 22, 28, 34, 40, …). Received: {depth!r}"
            )
        super().__post_init__()

    @property
    def name(self) -> str:
        """The paper's name of the network, such as `WRN-28-10`."""
        return f"WRN-{self.depth}-{self.widen_factor}"

    @property
    def blocks_per_group(self) -> int:
        """Number of residual blocks in each group: N = (depth - 4) / 6."""
        return (self.depth - 4) // 6


#: Every allowed depth.
DEPTHS = tuple(range(SHORTEST_DEPTH, LONGEST_DEPTH + 1, 6))


def default_source() -> str:
    """Return the data source named by `WRN_DATA`, else `cifar10`."""
    return os.environ.get("WRN_DATA") or "cifar10"


@dataclass(frozen=True, kw_only=True)
class DataConfig(Config):
    """The images: where they come from and what is done to them."""

    section: ClassVar[str] = "data"

    source: str = _option(
        default_source,
        "Source",
        "cifar10 (downloaded once), synthetic (drawn by the program, no download), "
        "or the path of cifar-10-python.tar.gz, of a cifar-10-batches-py folder or "
        "of a folder in the Hugging Face Parquet layout.",
    )
    preprocessing: str = _option(
        "mean-std",
        "Preprocessing",
        "mean-std: subtract the training set's channel means and divide by its "
        "channel standard deviations, as in version 2 of the paper; gcn-zca: global "
        "contrast normalization and ZCA whitening, as in version 1; keras-zca: "
        "channel means, deviations and ZCA whitening as by Keras's "
        "ImageDataGenerator. The whitening kinds are fitted for a minute or two when "
        "a run begins, and their matrix makes each weight file 38 MB larger.",
        choices=("mean-std", "gcn-zca", "keras-zca"),
    )
    flip: bool = _option(
        True,
        "Random flips",
        "Mirror half of the training images left to right.",
    )
    crop_padding: int = _option(
        4,
        "Crop padding",
        "Pad training images by this many reflected pixels on each side and crop "
        "32x32 at random. 0 turns cropping off. The paper uses 4.",
        minimum=0,
        maximum=16,
    )
    cutout: int = _option(
        0,
        "Cutout",
        "Side, in pixels, of a square that is blanked at a random place of each "
        "training image. 0, as in the paper, turns it off; 8 to 16 spare a long "
        "training some overfitting.",
        minimum=0,
        maximum=32,
    )
    validation: int = _option(
        0,
        "Validation images",
        "Number of training images held out and measured instead of the test set. "
        "0 measures on the test set, as the paper does.",
        minimum=0,
        maximum=25_000,
    )
    limit: int | None = _option(
        None,
        "Image limit",
        "Use only this many training and test images. Empty uses all.",
        minimum=10,
    )


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Config):
    """The training: the paper's values are the defaults."""

    section: ClassVar[str] = "train"

    epochs: int = _option(
        200,
        "Epochs",
        "Passes over the training images. The paper trains 200.",
        minimum=1,
        maximum=10_000,
    )
    batch_size: int = _option(
        128,
        "Batch size",
        "Images a step, over all devices together. The paper uses 128.",
        minimum=1,
        maximum=8192,
    )
    optimizer: str = _option(
        "nesterov",
        "Optimizer",
        "nesterov: SGD with Nesterov momentum, as in the paper; sgd: with plain "
        "momentum; keras-nesterov: as in Keras, whose velocity holds the learning "
        "rate and is kept when the rate drops.",
        choices=("nesterov", "sgd", "keras-nesterov"),
    )
    learning_rate: float = _option(
        0.1,
        "Learning rate",
        "The highest learning rate of the schedule. The paper starts at 0.1.",
        minimum=0.0,
        maximum=100.0,
    )
    momentum: float = _option(
        0.9,
        "Momentum",
        "Momentum of the optimizer. The paper uses 0.9.",
        minimum=0.0,
        below=1.0,
    )
    weight_decay: float = _option(
        5e-4,
        "Weight decay",
        "Added to the gradient as this factor times the weight. The paper uses 0.0005.",
        minimum=0.0,
        maximum=1.0,
    )
    decayed: str = _option(
        "all weights",
        "Decayed weights",
        "all weights: every trainable weight decays, batch normalization's too, as "
        "in the paper; kernels: those of the convolutions and of the dense layer.",
        choices=("all weights", "kernels"),
    )
    schedule: str = _option(
        "steps",
        "Schedule",
        "steps: multiply the learning rate at each milestone, as in the paper; "
        "one-cycle: rise linearly to a peak, then fall to zero; constant.",
        choices=("steps", "one-cycle", "constant"),
    )
    milestones: tuple[float, ...] = _option(
        (0.3, 0.6, 0.8),
        "Milestones",
        "steps: where the learning rate drops, as fractions of the epochs. The "
        "paper drops at epochs 60, 120 and 160 of 200.",
        minimum=0.0,
        maximum=1.0,
    )
    drop_factor: float = _option(
        0.2,
        "Drop factor",
        "steps: what the learning rate is multiplied by at each milestone. The "
        "paper uses 0.2.",
        minimum=0.0,
        maximum=1.0,
    )
    warmup: float = _option(
        0.25,
        "Warm-up",
        "one-cycle: fraction of the steps until the peak.",
        minimum=0.0,
        maximum=1.0,
    )
    first_size: int = _option(
        FULL_SIZE,
        "First image size",
        "Side, in pixels, to which training images are shrunk at first; it grows by 4 "
        "until they have 32. Small images take a fraction of the time. 32, as in the "
        "paper, shrinks none.",
        choices=(12, 16, 20, 24, 28, FULL_SIZE),
    )
    full_size_from: float = _option(
        0.75,
        "Full size from",
        "Where in the epochs, as a fraction, the images have reached 32 pixels. "
        "Counts only where the first image size is smaller.",
        minimum=0.0,
        maximum=1.0,
    )
    wiring: str = _option(
        WIRINGS[0],
        "Wiring",
        "How the layers are connected where programs differ: padding, shortcuts, "
        "head, constants of batch normalization. The authors' way, or that of another "
        "program, to reproduce its figures.",
        choices=WIRINGS,
    )
    averaging: float = _option(
        0.0,
        "Weight averaging",
        "Measure and keep a moving average of the weights in place of the weights: "
        "every 5 steps it keeps this share of itself. 0 turns it off, as in the "
        "paper; 0.99 suits short trainings.",
        minimum=0.0,
        below=1.0,
    )
    label_smoothing: float = _option(
        0.0,
        "Label smoothing",
        "Share of each target that is spread evenly over all classes. The paper "
        "uses none.",
        minimum=0.0,
        below=1.0,
    )
    precision: str = _option(
        "auto",
        "Precision",
        "Arithmetic of the layers; weights stay float32. auto takes bfloat16 where "
        "the device has it, float16 with loss scaling on older GPUs, else float32.",
        choices=("auto", "float32", "bfloat16", "float16"),
    )
    devices: str = _option(
        "auto",
        "Devices",
        "Where to compute: auto takes every GPU, else the CPU; cpu; or a list such as "
        "gpu:0,gpu:1. Several share each batch.",
    )
    seed: int = _option(
        0,
        "Seed",
        "Initial weights, order of the images, augmentation and dropout follow "
        "from it.",
        minimum=0,
        maximum=2**31 - 1,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not _DEVICES.fullmatch(self.devices):
            raise ConfigError(
                "devices must be auto, cpu, or a list such as gpu:0,gpu:1. "
                f"Received: {self.devices!r:.200}"
            )


def default_runs_folder() -> str:
    """Return the folder named by `WRN_HOME`, else `runs`."""
    return os.environ.get("WRN_HOME") or "runs"


@dataclass(frozen=True, kw_only=True)
class OutputConfig(Config):
    """What a run leaves on disk, and where."""

    section: ClassVar[str] = "output"

    runs_folder: str = _option(
        default_runs_folder,
        "Runs folder",
        "Folder in which each run gets a folder of its own.",
    )
    checkpoints: str = _option(
        "last and best",
        "Checkpoints",
        "last is what a run resumes from; best has the highest accuracy measured "
        "during training.",
        choices=("last and best", "last"),
    )
    save_plot: bool = _option(
        True,
        "Architecture plot",
        "Save the graph of the network beside the weights, as DOT, and as SVG where "
        "Graphviz is installed.",
    )
    tensorboard: bool = _option(
        True,
        "TensorBoard files",
        "Write the curves as TensorBoard event files too.",
    )


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """All settings of one run. Round-trips through JSON.

    Attributes:
        model: The network.
        data: The images.
        train: The training.
        output: What the run leaves.
        recipe: Name of the recipe that it was made from, if it was.
        changed: What was changed against the recipe, a line a setting.
    """

    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)
    output: OutputConfig = dataclasses.field(default_factory=OutputConfig)
    recipe: str | None = None
    changed: tuple[str, ...] = ()

    def with_recipe(self, name: str, changed: tuple[str, ...]) -> Self:
        """Return the settings with a note of where they come from."""
        return dataclasses.replace(self, recipe=name, changed=changed)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as nested plain JSON types."""
        sections = {name: getattr(self, name).to_dict() for name in SECTIONS}
        if self.recipe is None:
            return sections
        origin = {"name": self.recipe, "changed": list(self.changed)}
        return {"recipe": origin, **sections}

    def to_json(self) -> str:
        """Return the settings as indented JSON text."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    @classmethod
    def from_dict(cls, settings: Any) -> Self:
        """Build a run config from nested plain JSON types.

        Raises:
            ConfigError: If a section or field is unknown or a value refused.
        """
        known = {"recipe", *SECTIONS}
        if not isinstance(settings, dict) or not set(settings) <= known:
            received = sorted(settings) if isinstance(settings, dict) else settings
            raise ConfigError(
                f"A run has the sections {', '.join(SECTIONS)}. Received: {received!r}"
            )
        sections: dict[str, Any] = {
            name: SECTIONS[name].from_dict(value)
            for name, value in settings.items()
            if name in SECTIONS
        }
        if "recipe" not in settings:
            return cls(**sections)
        return cls(**sections, **_origin(settings["recipe"]))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Build a run config from what `to_json` wrote.

        Raises:
            ConfigError: If the text is no JSON, or the settings are refused.
        """
        try:
            settings = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"A run config must be JSON. Received: {error}") from None
        return cls.from_dict(settings)


def _origin(stored: Any) -> dict[str, Any]:
    """Read the note about the recipe, from a file that may have been edited."""
    match stored:
        case {"name": str(name), "changed": list(changed)}:
            return {"recipe": name, "changed": tuple(map(str, changed))}
    raise ConfigError(
        f"recipe must have a name and a list of changes. Received: {stored!r:.200}"
    )


#: The sections of a run, in the order in which a person decides them.
SECTIONS: dict[str, type[Config]] = {
    section.section: section
    for section in (ModelConfig, DataConfig, TrainConfig, OutputConfig)
}


def runs_folder(output: OutputConfig) -> Path:
    """Return the absolute path of the folder that holds the runs."""
    return Path(output.runs_folder).expanduser().resolve()
