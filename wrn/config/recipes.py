"""Trainings by name: where each comes from, what to expect of it, what it costs.

A recipe is the settings in which it differs from the defaults of `wrn.config`,
which are the paper's.
"""

from dataclasses import dataclass, field
from typing import Any

from wrn.config import SECTIONS, Config, RunConfig, TrainConfig, as_text, options
from wrn.errors import ConfigError

#: Settings that say which images and where to compute, not how to train.
_NOT_OF_A_RECIPE = {
    "source",
    "seed",
    "precision",
    "devices",
}

#: Sections whose settings a recipe decides.
_SECTIONS = ("data", "train")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A named way to train.

    Attributes:
        name: What to call it on the command line and in a run.
        summary: What it is, in a sentence.
        source: Where its settings come from.
        expected: Which accuracy to expect, and who measured it.
        cost: What it takes.
        settings: Settings by section and name, where they are not the defaults.
    """

    name: str
    summary: str
    source: str
    expected: str
    cost: str
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)

    def config(self, section: type[Config]) -> Any:
        """Return the recipe's settings of one section."""
        return section.from_dict(self.settings.get(section.section, {}))

    def changes(self, config: RunConfig) -> tuple[str, ...]:
        """List how the settings of a run differ from the recipe.

        Returns:
            Lines such as `epochs: 200 → 3`, in the order of the form.
        """
        listed = []
        for name in _SECTIONS:
            own, theirs = self.config(SECTIONS[name]), getattr(config, name)
            if isinstance(theirs, TrainConfig):
                theirs = theirs.without_paths()
            for option in options(SECTIONS[name]):
                before, after = (getattr(c, option.name) for c in (own, theirs))
                if before != after and option.name not in _NOT_OF_A_RECIPE:
                    change = f"{as_text(before)} → {as_text(after)}"
                    listed.append(f"{option.name}: {change}")
        return tuple(listed)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="paper",
            summary="200 epochs of Nesterov SGD with batches of 128; the learning "
            "rate 0.1 is multiplied by 0.2 at epochs 60, 120 and 160. Weight decay "
            "on every weight, flips, reflected crops, channel mean and deviation.",
            source="arXiv:1605.07146 version 2 and later, and the authors' "
            "train_cifar.sh",
            expected="WRN-28-10 96.0%, WRN-40-4 95.5%, WRN-16-8 95.7% (the paper's "
            "Tables 5 and 6); WRN-16-2 93.7% (arXiv:1612.03928)",
            cost="200 epochs",
        ),
        Recipe(
            name="paper-zca",
            summary="The same on whitened images: global contrast normalization, then "
            "ZCA whitening fitted on the training images; flips and crops after it.",
            source="arXiv:1605.07146 version 1, and the authors' whitened CIFAR-10. "
            "Their first code also drew the initial weights by fan-out; here it is "
            "by fan-in, as in their later code",
            expected="WRN-28-10 95.8%, WRN-40-4 95.0%, WRN-16-8 95.2%, WRN-40-2 "
            "94.7%, WRN-40-1 93.2% (version 1, Table 4)",
            cost="200 epochs; a minute or two of fitting before the first, 0.6 GB of "
            "memory for 50,000 whitened images, weight files 38 MB larger",
            settings={"data": {"preprocessing": "gcn-zca"}},
        ),
        Recipe(
            name="keras-2016",
            summary="What the Keras script of asmith26/wide_resnets_keras did instead "
            "of the paper: Keras's ZCA whitening in place of contrast normalization, "
            "flips but no crops, weight decay 0.001 on kernels alone (Keras's "
            "l2(0.0005) counts twice), Keras's momentum; and its network: a "
            "flattened 8x8 head without bias, batch-norm momentum 0.99 and epsilon "
            "0.001, padding on one side at stride 2. Not included: truncated initial "
            "weights, a partial last batch, and a second whitening matrix, fitted on "
            "images without flips, for the test images.",
            source="main.py of asmith26/wide_resnets_keras; Keras 2's SGD and "
            "ImageDataGenerator",
            expected="WRN-28-10 and WRN-40-4 about 93% (its README)",
            cost="200 epochs; a minute or two of fitting before the first, one "
            "product with a 3072x3072 matrix a step, weight files 38 MB larger",
            settings={
                "data": {"preprocessing": "keras-zca", "crop_padding": 0},
                "train": {
                    "optimizer": "keras-nesterov",
                    "weight_decay": 1e-3,
                    "decayed": "kernels",
                    "wiring": "asmith26",
                },
            },
        ),
        Recipe(
            name="fast",
            summary="The best accuracy in little time: one cycle of the learning "
            "rate, small images first, cutout, label smoothing, averaged weights. The "
            "network is unchanged.",
            source="The ideas of the DAWNBench and airbench entries",
            expected="WRN-16-2 91.0%, with test-time flip 91.2% (this project, on "
            "images that were compressed as JPEG; WRN-16-2-fast, whose card has the "
            "curve)",
            cost="80 epochs, of which small images save an eighth; two hours and three "
            "quarters on two CPU cores that did other work besides",
            settings={
                "data": {"cutout": 8},
                "train": {
                    "epochs": 80,
                    "schedule": "one-cycle",
                    "learning_rate": 0.2,
                    "first_size": 24,
                    "full_size_from": 0.4,
                    "label_smoothing": 0.1,
                    "averaging": 0.99,
                },
            },
        ),
    )
}

#: The recipe that the defaults are.
DEFAULT_RECIPE = "paper"


def recipe(name: str) -> Recipe:
    """Return a recipe by its name.

    Raises:
        ConfigError: If there is none of that name.
    """
    if name not in RECIPES:
        raise ConfigError(
            f"recipe must be one of {', '.join(RECIPES)}. Received: {name!r}"
        )
    return RECIPES[name]


def note(config: RunConfig, name: str) -> RunConfig:
    """Return the settings with a note of the recipe and of what was changed in it.

    Raises:
        ConfigError: If there is no recipe of that name.
    """
    return config.with_recipe(name, recipe(name).changes(config))
