"""All settings of one run, and what it leaves."""

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from wrn.config.data import DataConfig
from wrn.config.network import ModelConfig
from wrn.config.options import Config, option, options
from wrn.config.train import TrainConfig
from wrn.errors import ConfigError
from wrn.text import encodable


def default_runs_folder() -> str:
    """Return the folder named by `WRN_HOME`, else `runs`."""
    return os.environ.get("WRN_HOME") or "runs"


@dataclass(frozen=True, kw_only=True)
class OutputConfig(Config):
    """What a run leaves on disk, and where."""

    section: ClassVar[str] = "output"

    runs_folder: str = option(
        default_runs_folder,
        "Runs folder",
        "Folder in which each run gets a folder of its own.",
    )
    checkpoints: str = option(
        "last and best",
        "Checkpoints",
        "last is what a run resumes from; best has the highest accuracy measured "
        "during training.",
        choices=("last and best", "last"),
    )
    save_plot: bool = option(
        True,
        "Architecture plot",
        "Save the graph of the network beside the weights, as DOT, and as SVG where "
        "Graphviz is installed.",
    )
    tensorboard: bool = option(
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


def differences(configs: Mapping[str, RunConfig]) -> dict[str, dict[str, Any]]:
    """List the settings in which runs differ.

    Args:
        configs: The runs' settings by a name for each.

    Returns:
        Values by the run's name, by `section.setting`, in the order of the form. What
        a run leaves in its folder is not counted.
    """
    listed = {}
    for name, section in SECTIONS.items():
        if section is OutputConfig:
            continue
        for field in options(section):
            values = {
                run: getattr(getattr(config, name), field.name)
                for run, config in configs.items()
            }
            if len(set(values.values())) > 1:
                listed[f"{name}.{field.name}"] = values
    return listed


def _origin(stored: Any) -> dict[str, Any]:
    """Read the note about the recipe, from a file that may have been edited."""
    match stored:
        case {"name": str(name), "changed": list(changed)}:
            lines = (encodable(str(line)) for line in changed)
            return {"recipe": encodable(name), "changed": tuple(lines)}
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
    # What `Path.expanduser` cannot expand is an error of its own.
    return Path(os.path.expanduser(output.runs_folder)).resolve()
