"""The images: where they come from and what is done to them."""

import os
from dataclasses import dataclass
from typing import ClassVar, Literal

from wrn.config.options import Config, option
from wrn.errors import ConfigError


def default_source() -> str:
    """Return the data source named by `WRN_DATA`, else `cifar10`."""
    return os.environ.get("WRN_DATA") or "cifar10"


@dataclass(frozen=True, kw_only=True)
class DataConfig(Config):
    """The images: where they come from and what is done to them."""

    section: ClassVar[str] = "data"

    source: str = option(
        default_source,
        "Source",
        "cifar10 (downloaded once), synthetic (drawn by the program, no download), "
        "or the path of cifar-10-python.tar.gz, of a cifar-10-batches-py folder or "
        "of a folder in the Hugging Face Parquet layout.",
    )
    preprocessing: str = option(
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
    flip: bool = option(
        True,
        "Random flips",
        "Mirror half of the training images left to right.",
    )
    crop_padding: int = option(
        4,
        "Crop padding",
        "Pad training images by this many reflected pixels on each side and crop "
        "32x32 at random. 0 turns cropping off. The paper uses 4.",
        minimum=0,
        maximum=16,
    )
    cutout: int = option(
        0,
        "Cutout",
        "Side, in pixels, of a square that is blanked at a random place of each "
        "training image. 0, as in the paper, turns it off; 8 to 16 spare a long "
        "training some overfitting.",
        minimum=0,
        maximum=32,
    )
    trivial_augment: bool = option(
        False,
        "TrivialAugment",
        "Distort each training image in one way by chance: colours, sharpness, shear, "
        "shift or rotation. Not in the paper; helps long trainings.",
    )
    validation: int = option(
        0,
        "Validation images",
        "Number of training images held out and measured instead of the test set. "
        "0 measures on the test set, as the paper does.",
        minimum=0,
        maximum=25_000,
    )
    limit: int | None = option(
        None,
        "Image limit",
        "Use only this many training and test images, the first ones. Without it "
        "all are used.",
        minimum=10,
    )

    @property
    def held_out_name(self) -> Literal["test", "validation"]:
        """What the measured images are: those of the test set, or held out ones."""
        return "validation" if self.validation else "test"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.trivial_augment and self.preprocessing == "gcn-zca":
            raise ConfigError(
                "trivial_augment must be off with gcn-zca, which whitens the images "
                "before they are distorted. Received: on"
            )
