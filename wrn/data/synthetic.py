"""Ten classes of pictures drawn by NumPy, so that everything works offline.

Each picture shows one figure of random colour, place, size and angle on a shaded
background with streaks and blobs, under noise. Figure and background may be the
lighter one either way, so single pixels say next to nothing about the class, and
several classes share their outline and differ only inside it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wrn.config import FULL_SIZE
from wrn.data.dataset import Dataset, Images, OnProgress

Array = NDArray[Any]  # float32 throughout

# Chosen so that a linear classifier reaches about 20% and a three-layer
# convolutional network about 60% after two passes, 90% after six.
CONTRAST = 0.4  # least distance of figure and background in one channel, of 0 to 1
NOISE = 0.04  # standard deviation
CLUTTER = 2  # streaks and blobs a picture
TILT = 0.4  # greatest angle of a figure, in radians

#: Training and test images, unless another number is asked for.
IMAGES = (10_000, 2_000)


def draw(
    train: int = IMAGES[0],
    test: int = IMAGES[1],
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> Dataset:
    """Draw the synthetic dataset, the same for the same arguments.

    Args:
        train: Number of training images.
        test: Number of test images.
        seed: Decides all pictures and their order.
        on_progress: Told the fraction done.

    Returns:
        The dataset, with the classes in random order and equally frequent to
        within one image.
    """
    report = on_progress or (lambda fraction, doing: None)
    drawn = 0

    def images(n: int, stream: int) -> Images:
        nonlocal drawn
        rng = np.random.default_rng((seed, stream))
        labels = rng.permutation(np.arange(n) % len(FIGURES))
        pixels = np.empty((n, FULL_SIZE, FULL_SIZE, 3), np.uint8)
        for label, figure in enumerate(FIGURES.values()):
            chosen = labels == label
            pixels[chosen] = _pictures(figure, int(chosen.sum()), rng)
            drawn += int(chosen.sum())
            report(drawn / (train + test), "Drawing synthetic images")
        return Images(pixels, labels.astype(np.int64))

    return Dataset(
        train=images(train, 0),
        test=images(test, 1),
        class_names=tuple(FIGURES),
        source="synthetic",
        name="Synthetic",
        synthetic=True,
        note=(
            "Synthetic images, drawn by the program: accuracies say nothing about "
            "CIFAR-10."
        ),
    )


# A figure takes coordinates in units of its radius, each (n, 32, 32), and returns
# its signed distance: negative inside, zero on the outline, positive outside.


def _disc(x: Array, y: Array) -> Array:
    return np.hypot(x, y) - 1


def _ring(x: Array, y: Array) -> Array:
    return np.abs(np.hypot(x, y) - 0.75) - 0.25


def _crescent(x: Array, y: Array) -> Array:
    return np.maximum(_disc(x, y), 0.8 - np.hypot(x - 0.5, y))


def _square(x: Array, y: Array) -> Array:
    return np.maximum(np.abs(x), np.abs(y)) - 0.85


def _frame(x: Array, y: Array) -> Array:
    return np.abs(_square(x, y) + 0.2) - 0.2


def _triangle(x: Array, y: Array) -> Array:
    return np.maximum(np.abs(x) * 0.866 + y * 0.5, -y) - 0.55


def _cross(x: Array, y: Array) -> Array:
    arm = np.minimum(np.abs(x), np.abs(y)) - 0.28
    return np.maximum(arm, np.maximum(np.abs(x), np.abs(y)) - 0.95)


def _star(x: Array, y: Array) -> Array:
    # Five points: the radius swings between 0.4 and 1.1 five times around.
    reach: Array = 0.75 + 0.35 * np.cos(5 * np.arctan2(y, x))
    return np.hypot(x, y) - reach


def _stripes(x: Array, y: Array) -> Array:
    return np.maximum(_disc(x, y), 0.35 * np.sin(6.5 * x))


def _checks(x: Array, y: Array) -> Array:
    return np.maximum(_disc(x, y), 0.5 * np.sin(4.7 * x) * np.sin(4.7 * y))


FIGURES: dict[str, Callable[[Array, Array], Array]] = {
    "disc": _disc,
    "ring": _ring,
    "crescent": _crescent,
    "square": _square,
    "frame": _frame,
    "triangle": _triangle,
    "cross": _cross,
    "star": _star,
    "stripes": _stripes,
    "checks": _checks,
}


def _pictures(
    figure: Callable[[Array, Array], Array], n: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Draw `n` pictures of a figure: uint8 (n, 32, 32, 3)."""

    def uniform(low: float, high: float, *shape: int) -> Array:
        values = rng.random((n, *shape), np.float32)
        return np.float32(low) + values * np.float32(high - low)

    # Pixel centres from -1 to 1, as a row and a column. Colours are (n, 3, 1, 1)
    # and the canvas (n, 3, 32, 32) until the end: NumPy is fastest along rows.
    line = ((np.arange(FULL_SIZE, dtype=np.float32) + 0.5) / FULL_SIZE * 2 - 1)[None]
    across, down = line[:, None, :], line[:, :, None]

    def turned(angle: Array) -> tuple[Array, Array]:
        cos, sin = np.cos(angle), np.sin(angle)
        return cos * across + sin * down, cos * down - sin * across

    def paint(canvas: Array, distance: Array, colour: Array) -> None:
        """Lay a colour over a canvas; the edge is one pixel (1/16) soft."""
        cover = np.clip(0.5 - distance * (FULL_SIZE / 2), 0, 1)[:, None]
        canvas += cover * (colour - canvas)

    background = uniform(0.1, 0.9, 3, 1, 1)
    along, _ = turned(uniform(0, 2 * np.pi, 1, 1))
    canvas = background + along[:, None] * uniform(-0.2, 0.2, 3, 1, 1)

    # Streaks and blobs in colours near the background's.
    for _ in range(CLUTTER):
        x, y = turned(uniform(0, np.pi, 1, 1))
        x, y = x - uniform(-1, 1, 1, 1), y - uniform(-1, 1, 1, 1)
        length, width = uniform(0.1, 0.8, 1, 1), uniform(0.03, 0.12, 1, 1)
        streak = np.hypot(np.maximum(np.abs(x) - length, 0), y) - width
        paint(canvas, streak, background + uniform(-0.2, 0.2, 3, 1, 1))

    radius = uniform(0.5, 0.8, 1, 1)
    x, y = turned(uniform(-TILT, TILT, 1, 1))
    # Offsets that keep the figure inside the picture, or nearly so.
    reach = 1 - radius
    x = (x - reach * uniform(-0.7, 0.7, 1, 1)) / radius
    y = (y - reach * uniform(-0.7, 0.7, 1, 1)) / radius
    paint(canvas, figure(x, y) * radius, _contrasting(background, uniform))

    canvas += rng.standard_normal(canvas.shape, np.float32) * np.float32(NOISE)
    np.clip(canvas, 0, 1, out=canvas)
    canvas *= 255
    pixels: NDArray[np.uint8] = np.rint(canvas).astype(np.uint8)
    return pixels.transpose(0, 2, 3, 1)


def _contrasting(background: Array, uniform: Callable[..., Array]) -> Array:
    """Draw colours, each at least `CONTRAST` off the background in a channel."""
    colour = uniform(0, 1, 3, 1, 1)
    channel = uniform(0, 3, 1, 1, 1).astype(np.int64)
    base = np.take_along_axis(background, channel, 1)
    # Move away from the nearer end of the range, where there is room.
    away = np.where(base < 0.5, 1, -1) * uniform(CONTRAST, 0.6, 1, 1, 1)
    np.put_along_axis(colour, channel, np.clip(base + away, 0, 1), 1)
    return colour
