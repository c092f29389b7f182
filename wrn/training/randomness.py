"""All that is drawn at random in a training, from its seed.

Every draw is a function of the seed and of how far the training is, never of what was
drawn before: a resumed training goes on exactly.
"""

import numpy as np
from numpy.typing import NDArray

#: Separate streams of random numbers, so that none repeats another.
ORDER, AUGMENTATION, DROPOUT, MIXUP = 0, 1, 2, 3


def image_order(seed: int, epoch: int, images: int, used: int) -> NDArray[np.int32]:
    """Return the order of the images in an epoch.

    Args:
        seed: The training's seed.
        epoch: Epochs done before.
        images: Number of training images.
        used: How many of them the whole batches of the epoch hold.

    Returns:
        int32 (used,), no image twice.
    """
    generator = np.random.default_rng([seed, ORDER, epoch])
    return generator.permutation(images)[:used].astype(np.int32)


def step_seed(seed: int, stream: int, step: int) -> tuple[int, int]:
    """Return the two int32 that seed one stream of random numbers in one step."""
    drawn = np.random.SeedSequence([seed, stream, step]).generate_state(2, np.uint32)
    first, second = drawn.view(np.int32)
    return int(first), int(second)


def mixup_share(seed: int, step: int, alpha: float) -> float:
    """Draw the share that the images of a step keep of themselves in a blend.

    Args:
        seed: The training's seed.
        step: Steps done before.
        alpha: Parameter of the symmetric beta distribution, above 0.

    Returns:
        0.5 to 1: which of two images is called the first is of no matter, and so the
        first is the one of which there is more.

    Source:
        Zhang et al., arXiv:1710.09412; one share a batch, as in their code.
    """
    drawn = np.random.default_rng([seed, MIXUP, step]).beta(alpha, alpha)
    return max(drawn, 1.0 - drawn)
