"""Distortions against Pillow's operations of the same names."""

import math

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageOps
from scipy.stats import chisquare, kstest

from wrn.config import DataConfig
from wrn.errors import ConfigError
from wrn.training.distortion import OPERATIONS, distort, draw_operations

RNG = np.random.default_rng(0)
#: Smooth enough that a rounded value does no harm.
SMALL = RNG.integers(20, 236, (4, 8, 8, 3), np.uint8)
IMAGES = np.stack(
    [
        np.asarray(Image.fromarray(each).resize((32, 32), Image.Resampling.BICUBIC))
        for each in SMALL
    ]
)
STRENGTHS = (-1.0, -0.4, 0.3, 0.9)


def done(name: str, strength: float) -> np.ndarray:
    count = len(IMAGES)
    return distort(
        tf.constant(IMAGES, tf.float32),
        tf.fill((count,), OPERATIONS.index(name)),
        tf.fill((count,), strength),
    ).numpy()


def by_pillow(operation) -> np.ndarray:
    return np.stack(
        [np.asarray(operation(Image.fromarray(image)), np.float64) for image in IMAGES]
    )


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize(
    ("name", "enhance"),
    [
        ("brightness", ImageEnhance.Brightness),
        ("color", ImageEnhance.Color),
        ("contrast", ImageEnhance.Contrast),
        ("sharpness", ImageEnhance.Sharpness),
    ],
)
def test_enhancements(name, enhance, strength):
    expected = by_pillow(lambda image: enhance(image).enhance(1 + 0.9 * strength))
    # Pillow rounds, some of it twice.
    np.testing.assert_allclose(done(name, strength), expected, atol=2.1)


@pytest.mark.parametrize("strength", STRENGTHS)
def test_solarize_and_posterize(strength):
    threshold = math.ceil(256 * (1 - abs(strength)))
    np.testing.assert_array_equal(
        done("solarize", strength),
        by_pillow(lambda image: ImageOps.solarize(image, threshold)),
    )
    bits = 8 - round(4 * abs(strength))
    np.testing.assert_array_equal(
        done("posterize", strength),
        by_pillow(lambda image: ImageOps.posterize(image, bits)),
    )


def test_autocontrast_and_identity():
    np.testing.assert_allclose(
        done("autocontrast", 0.5), by_pillow(ImageOps.autocontrast), atol=1.1
    )
    np.testing.assert_array_equal(done("identity", 1.0), IMAGES)


def matrix(name: str, strength: float) -> tuple[float, ...]:
    """Return where Pillow is to take a pixel from; it counts from pixels' corners."""
    middle = 16.0
    angle = math.radians(30) * strength
    a, b, c, d = {
        "shear x": (1, 0.3 * strength, 0, 1),
        "shear y": (1, 0, 0.3 * strength, 1),
        "rotate": (math.cos(angle), -math.sin(angle), math.sin(angle), math.cos(angle)),
    }.get(name, (1, 0, 0, 1))
    x, y = {
        "translate x": (10 * strength, 0),
        "translate y": (0, 10 * strength),
    }.get(name, (0, 0))
    return (
        *(a, b, middle - a * middle - b * middle + x),
        *(c, d, middle - c * middle - d * middle + y),
    )


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("name", OPERATIONS[-5:])
def test_places(name, strength):
    expected = by_pillow(
        lambda image: image.transform(
            (32, 32),
            Image.Transform.AFFINE,
            matrix(name, strength),
            Image.Resampling.BILINEAR,
            fillcolor=(125, 125, 125),
        )
    )
    found = done(name, strength)
    # At the border Pillow takes the nearest pixel, where here some is from outside.
    outside = (expected == 125).all(axis=-1) | (found == 125).all(axis=-1)
    near = outside.copy()
    for axis in (1, 2):
        for step in (-1, 1):
            near |= np.roll(outside, step, axis)
    edge = np.zeros_like(near)
    edge[:, [0, 1, -2, -1]] = edge[:, :, [0, 1, -2, -1]] = True
    compared = ~(near | edge)
    assert compared.mean() > 0.4
    np.testing.assert_allclose(found[compared], expected[compared], atol=2.1)
    assert np.abs(found - IMAGES).max() > 10


def test_each_image_has_its_own(random):
    operations = random.integers(0, len(OPERATIONS), len(IMAGES))
    strengths = random.uniform(-1, 1, len(IMAGES)).astype(np.float32)
    together = distort(
        tf.constant(IMAGES, tf.float32), tf.constant(operations), strengths
    ).numpy()
    for index, image in enumerate(together):
        alone = done(OPERATIONS[operations[index]], float(strengths[index]))[index]
        np.testing.assert_allclose(image, alone, atol=1e-3)
    assert together.min() >= 0
    assert together.max() <= 255


def test_operations_and_strengths_are_uniform_and_follow_from_the_seed():
    seed = tf.constant([3, 4])
    operations, strengths = (each.numpy() for each in draw_operations(seed, 20_000))
    assert chisquare(np.bincount(operations, minlength=13)).pvalue > 1e-3
    assert kstest(strengths, "uniform", (-1, 2)).pvalue > 1e-3
    # And independent: each operation is done at all strengths.
    for number in range(len(OPERATIONS)):
        own = strengths[operations == number]
        assert kstest(own, "uniform", (-1, 2)).pvalue > 1e-3
    again, _ = draw_operations(seed, 20_000)
    np.testing.assert_array_equal(operations, again)


def test_whitened_images_cannot_be_distorted():
    with pytest.raises(ConfigError, match="trivial_augment must be off with gcn-zca"):
        DataConfig(preprocessing="gcn-zca", trivial_augment=True)


@pytest.mark.parametrize("name", ["translate x", "translate y"])
@pytest.mark.parametrize("side", [16, 32])
def test_what_comes_in_is_gray_and_a_share_of_the_side(name, side):
    black = tf.zeros((1, side, side, 3))
    moved = distort(black, tf.constant([OPERATIONS.index(name)]), tf.constant([1.0]))
    line = moved[0, 0, :, 0] if name.endswith("x") else moved[0, :, 0, 0]
    # Ten pixels of 32; from outside comes about the mean of CIFAR-10.
    inside = side - side * 10 // 32
    np.testing.assert_allclose(line, inside * [0] + (side - inside) * [125], atol=1e-3)


def test_autocontrast_stretches_faint_images_too():
    faint = tf.constant(np.linspace(100, 110, 64).reshape(1, 8, 8, 1), tf.float32)
    operation = tf.constant([OPERATIONS.index("autocontrast")])
    clear = distort(tf.repeat(faint, 3, axis=3), operation, tf.constant([0.5]))
    expected = np.linspace(0, 255, 64).reshape(8, 8)
    np.testing.assert_allclose(clear[0, ..., 0], expected, atol=1e-2)
