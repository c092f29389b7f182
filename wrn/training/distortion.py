"""One random distortion of each image: TrivialAugment.

Every image of a batch gets one operation with one strength, both by chance. The
operations on colours are computed for the whole batch and chosen between; those on
places are one projective transform with a matrix an image.

Source:
    Müller & Hutter, arXiv:2103.10158, with the operations and ranges of RandAugment
    (their appendix, "RA"). Left out is equalize, whose histograms take longer here
    than all the others.
"""

import math
from typing import Any

import tensorflow as tf

#: What may be done to an image.
OPERATIONS = (
    "identity",
    "autocontrast",
    "solarize",
    "posterize",
    "brightness",
    "color",
    "contrast",
    "sharpness",
    "shear x",
    "shear y",
    "translate x",
    "translate y",
    "rotate",
)

# At full strength, either way.
_ENHANCEMENT = 0.9
_SHEAR = 0.3
_TRANSLATION = 10 / 32
_ROTATION = math.radians(30)
#: Bits of a value that posterizing takes at full strength.
_BITS_TAKEN = 4

#: Red, green and blue in gray (ITU-R 601-2, as in Pillow).
_GRAY = (0.299, 0.587, 0.114)

#: Pillow's filter SMOOTH, against which sharpness is measured.
_SMOOTH = ((1 / 13, 1 / 13, 1 / 13), (1 / 13, 5 / 13, 1 / 13), (1 / 13, 1 / 13, 1 / 13))

#: What comes into the picture from outside, about the mean of CIFAR-10.
_OUTSIDE = 125.0


def draw_operations(seed: Any, batch_size: int) -> tuple[Any, Any]:
    """Draw what is done to the images of a batch.

    Args:
        seed: int32 tensor of shape (2,). The same seed draws the same.
        batch_size: Number of images.

    Returns:
        Numbers in `OPERATIONS`, int32 (batch_size,), and strengths, float32
        (batch_size,), uniform in -1 to 1.
    """
    seeds = tf.random.experimental.stateless_split(
        tf.random.experimental.stateless_fold_in(seed, 3), 2
    )
    shape = (batch_size,)
    return (
        tf.random.stateless_uniform(shape, seeds[0], 0, len(OPERATIONS), tf.int32),
        tf.random.stateless_uniform(shape, seeds[1], -1.0, 1.0),
    )


def distort(images: Any, operations: Any, strengths: Any) -> Any:
    """Distort each image in its way.

    Args:
        images: float32 (batch, side, side, 3), 0 to 255.
        operations: int32 (batch,), as `draw_operations` returns them.
        strengths: float32 (batch,), as `draw_operations` returns them. Solarize and
            posterize have but one direction.

    Returns:
        The same shape, dtype and range.
    """
    strength = strengths[:, None, None, None]
    changed = images
    for name, result in _colour_operations(images, strength).items():
        chosen = (operations == OPERATIONS.index(name))[:, None, None, None]
        changed = tf.where(chosen, result, changed)
    return _move(tf.clip_by_value(changed, 0.0, 255.0), operations, strengths)


def _colour_operations(images: Any, strength: Any) -> dict[str, Any]:
    gray = tf.tensordot(images, tf.constant(_GRAY, tf.float32), 1)[..., None]
    factor = 1.0 + _ENHANCEMENT * strength
    low = tf.reduce_min(images, (1, 2), keepdims=True)
    high = tf.reduce_max(images, (1, 2), keepdims=True)
    stretched = (images - low) * 255.0 / tf.maximum(high - low, 1.0)
    step = 2.0 ** tf.round(_BITS_TAKEN * tf.abs(strength))
    brightness_of_all = tf.reduce_mean(gray, (1, 2), keepdims=True)

    def away_from(origin: Any) -> Any:
        return origin + factor * (images - origin)

    return {
        "autocontrast": tf.where(high > low, stretched, images),
        "solarize": tf.where(
            images >= 256.0 * (1.0 - tf.abs(strength)), 255.0 - images, images
        ),
        "posterize": tf.floor(images / step) * step,
        "brightness": factor * images,
        "color": away_from(gray),
        "contrast": away_from(brightness_of_all),
        "sharpness": away_from(_smoothed(images)),
    }


def _smoothed(images: Any) -> Any:
    """Smooth images, but for the pixels of the border."""
    kernel = tf.constant(_SMOOTH, tf.float32)[:, :, None, None]
    inside = tf.nn.depthwise_conv2d(
        images, tf.tile(kernel, (1, 1, 3, 1)), (1, 1, 1, 1), "VALID"
    )
    border = [[0, 0], [1, 1], [1, 1], [0, 0]]
    mask = tf.pad(tf.ones_like(inside, tf.bool), border)
    return tf.where(mask, tf.pad(inside, border), images)


def _move(images: Any, operations: Any, strengths: Any) -> Any:
    """Shear, translate or rotate those images whose operation it is."""
    side = images.shape[1]
    middle = (side - 1) / 2

    def amount(name: str, most: float) -> Any:
        chosen = tf.cast(operations == OPERATIONS.index(name), tf.float32)
        return chosen * strengths * most

    angle = amount("rotate", _ROTATION)
    shear_x, shear_y = amount("shear x", _SHEAR), amount("shear y", _SHEAR)
    shift_x = amount("translate x", _TRANSLATION * side)
    shift_y = amount("translate y", _TRANSLATION * side)
    # Where a pixel of the result is taken from, about the middle. One operation an
    # image: sums in place of products of matrices.
    cosine, sine = tf.cos(angle), tf.sin(angle)
    a, b, c, d = cosine, shear_x - sine, shear_y + sine, cosine
    rows = [
        *(a, b, middle - a * middle - b * middle + shift_x),
        *(c, d, middle - c * middle - d * middle + shift_y),
        *(tf.zeros_like(a), tf.zeros_like(a)),
    ]
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack(rows, axis=1),
        output_shape=tf.constant([side, side]),
        fill_value=_OUTSIDE,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
