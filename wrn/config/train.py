"""The training: optimizer, schedule, regularization, arithmetic."""

import re
from dataclasses import dataclass
from typing import ClassVar

from wrn.config import file_lists
from wrn.config.options import Config, option
from wrn.errors import ConfigError

#: What `TrainConfig.devices` may say.
_DEVICES = re.compile(r"auto|cpu|((cpu|gpu):\d+)( *, *(cpu|gpu):\d+)*")

#: Height and width of every image of CIFAR, in pixels.
FULL_SIZE = 32

#: The programs whose wiring is known; `FAMILIES` in `wrn.architecture.wiring` has what
#: each means.
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
class TrainConfig(Config):
    """The training: the paper's values are the defaults."""

    section: ClassVar[str] = "train"

    epochs: int = option(
        200,
        "Epochs",
        "Passes over the training images. The paper trains 200.",
        minimum=1,
        maximum=10_000,
    )
    batch_size: int = option(
        128,
        "Batch size",
        "Images a step, over all devices together. The paper uses 128.",
        minimum=1,
        maximum=8192,
    )
    optimizer: str = option(
        "nesterov",
        "Optimizer",
        "nesterov: SGD with Nesterov momentum, as in the paper; sgd: with plain "
        "momentum; keras-nesterov: as in Keras, whose velocity holds the learning "
        "rate and is kept when the rate drops.",
        choices=("nesterov", "sgd", "keras-nesterov"),
    )
    learning_rate: float = option(
        0.1,
        "Learning rate",
        "The highest learning rate of the schedule. The paper starts at 0.1.",
        minimum=0.0,
        maximum=100.0,
    )
    momentum: float = option(
        0.9,
        "Momentum",
        "Momentum of the optimizer. The paper uses 0.9.",
        minimum=0.0,
        below=1.0,
    )
    weight_decay: float = option(
        5e-4,
        "Weight decay",
        "Added to the gradient as this factor times the weight. The paper uses 0.0005.",
        minimum=0.0,
        maximum=1.0,
    )
    decayed: str = option(
        "all weights",
        "Decayed weights",
        "all weights: every trainable weight decays, batch normalization's too, as "
        "in the paper; kernels: those of the convolutions and of the dense layer.",
        choices=("all weights", "kernels"),
    )
    schedule: str = option(
        "steps",
        "Schedule",
        "steps: multiply the learning rate at each milestone, as in the paper; "
        "one-cycle: rise linearly to a peak, then fall to zero; constant.",
        choices=("steps", "one-cycle", "constant"),
    )
    milestones: tuple[float, ...] = option(
        (0.3, 0.6, 0.8),
        "Milestones",
        "steps: where the learning rate drops, as fractions of the epochs. The "
        "paper drops at epochs 60, 120 and 160 of 200.",
        minimum=0.0,
        maximum=1.0,
    )
    drop_factor: float = option(
        0.2,
        "Drop factor",
        "steps: what the learning rate is multiplied by at each milestone. The "
        "paper uses 0.2.",
        minimum=0.0,
        maximum=1.0,
    )
    warmup: float = option(
        0.25,
        "Warm-up",
        "one-cycle: fraction of the steps until the peak.",
        minimum=0.0,
        maximum=1.0,
    )
    first_size: int = option(
        FULL_SIZE,
        "First image size",
        "Side, in pixels, to which training images are shrunk at first; it grows by 4 "
        "until they have 32. Small images take a fraction of the time. 32, as in the "
        "paper, shrinks none.",
        choices=(12, 16, 20, 24, 28, FULL_SIZE),
    )
    full_size_from: float = option(
        0.75,
        "Full size from",
        "Where in the epochs, as a fraction, the images have reached 32 pixels. "
        "Counts only where the first image size is smaller.",
        minimum=0.0,
        maximum=1.0,
    )
    wiring: str = option(
        WIRINGS[0],
        "Wiring",
        "How the layers are connected where programs differ: padding, shortcuts, "
        "head, constants of batch normalization. The authors' way, or that of another "
        "program, to reproduce its figures. keras-contrib's wants a learning rate of "
        "0.01: at 0.1 it diverges.",
        choices=WIRINGS,
    )
    averaging: float = option(
        0.0,
        "Weight averaging",
        "Measure and keep a moving average of the weights in place of the weights: "
        "every 5 steps it keeps this share of itself. 0 turns it off, as in the "
        "paper; 0.99 suits short trainings.",
        minimum=0.0,
        below=1.0,
    )
    averaging_from: float = option(
        0.0,
        "Averaging from",
        "Where in the epochs, as a fraction, weight averaging begins. From there on "
        "all weights count alike, as in stochastic weight averaging, until the share "
        "above is reached; 0 begins at once and soon forgets the first. Counts only "
        "where weight averaging is on.",
        minimum=0.0,
        below=1.0,
    )
    label_smoothing: float = option(
        0.0,
        "Label smoothing",
        "Share of each target that is spread evenly over all classes. The paper "
        "uses none.",
        minimum=0.0,
        below=1.0,
    )
    mixup: float = option(
        0.0,
        "Mixup",
        "Train on blends of two images and of their labels. This is the parameter of "
        "the beta distribution that the share of each is drawn from; 0.2 is usual in "
        "trainings of 60 epochs or more. 0, as in the paper, turns it off.",
        minimum=0.0,
        maximum=10.0,
    )
    mixup_until: float = option(
        0.65,
        "Mixup until",
        "Where in the epochs, as a fraction, mixup ends: the last epochs see whole "
        "images. Counts only where mixup is on.",
        minimum=0.0,
        maximum=1.0,
    )
    sam_radius: float = option(
        0.0,
        "SAM radius",
        "Sharpness-aware minimization: take each gradient at the worst weights within "
        "this distance, which doubles the time of a step. 0.05 to 0.1 is usual on "
        "CIFAR. 0, as in the paper, turns it off.",
        minimum=0.0,
        maximum=10.0,
    )
    initial_weights: str = option(
        "",
        "Initial weights",
        "A weight file of the same network to start from. Several, with commas "
        "between, are averaged, which suits trainings that began with the same "
        "weights. Empty draws the weights at random, as in the paper.",
    )
    teacher: str = option(
        "",
        "Teacher",
        "A weight file of a trained network, as a rule of a larger one, whose answers "
        "are learned besides the labels (knowledge distillation). Several, with commas "
        "between, answer together. Each step takes their forward passes, too. Empty, "
        "as in the paper, for none.",
    )
    teacher_share: float = option(
        0.9,
        "Teacher's share",
        "Share of the training loss that is the distance to the teacher's answers, "
        "against that of the labels. The loss on test images is that of the labels "
        "alone. 0.9 is usual. Counts only where there is a teacher.",
        minimum=0.0,
        maximum=1.0,
    )
    temperature: float = option(
        4.0,
        "Temperature",
        "What the logits of both are divided by before they are compared: the higher, "
        "the more the unlikely classes count. 4 is usual. Counts only where there is a "
        "teacher.",
        minimum=0.1,
        maximum=100.0,
    )
    attention_weight: float = option(
        0.0,
        "Attention weight",
        "What the distance to the teacher's attention, the maps of where each group "
        "answers most, adds to the training loss (attention transfer). 1000 is usual "
        "with a teacher's share of 0; 0 turns it off. Counts only where there is a "
        "teacher.",
        minimum=0.0,
        maximum=1e6,
    )
    precision: str = option(
        "auto",
        "Precision",
        "Arithmetic of the layers; weights stay float32. auto takes bfloat16 where "
        "the device has it, float16 with loss scaling on older GPUs, else float32.",
        choices=("auto", "float32", "bfloat16", "float16"),
    )
    devices: str = option(
        "auto",
        "Devices",
        "Where to compute: auto takes every GPU, else the CPU; cpu; or a list such as "
        "gpu:0,gpu:1. Several share each batch.",
    )
    seed: int = option(
        0,
        "Seed",
        "Initial weights, order of the images, augmentation and dropout follow "
        "from it.",
        minimum=0,
        # Keras takes seeds modulo 2^31 - 2: a larger one would repeat the first.
        maximum=2**31 - 3,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("initial_weights", "teacher"):
            file_lists.check(name, getattr(self, name))
        if not _DEVICES.fullmatch(self.devices):
            raise ConfigError(
                "devices must be auto, cpu, or a list such as gpu:0,gpu:1. "
                f"Received: {self.devices!r:.200}"
            )

    @property
    def initial_files(self) -> tuple[str, ...]:
        """The files whose average is the initial weights, `~` expanded."""
        return file_lists.files(self.initial_weights)

    @property
    def teachers(self) -> tuple[str, ...]:
        """The files of the teachers, one by one, `~` expanded."""
        return file_lists.files(self.teacher)

    def without_paths(self) -> "TrainConfig":
        """Return the settings as others may see them: files by their names alone."""
        return self.replace(
            initial_weights=file_lists.without_folders(self.initial_weights),
            teacher=file_lists.without_folders(self.teacher),
        )
