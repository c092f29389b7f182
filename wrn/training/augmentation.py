"""Random flips, reflected crops, blanked squares and smaller copies of a batch.

Flips and crops are one gather. Each output pixel is looked up at its source: the
crop's offset, the reflection at the border and the flip are arithmetic on indices,
in place of a padded copy and of one operation per image.

Source:
    The authors' train.lua of commit 5e7ed6c (crops by 4) and train_cifar.sh
    (reflection): each image is flipped with probability 1/2, padded by 4 reflected
    pixels on each side, and cropped to 32x32 at a uniform offset.
    Blanked squares are the cutout of DeVries & Taylor, arXiv:1708.04552.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from wrn.config import FULL_SIZE, DataConfig
from wrn.training.distortion import distort, draw_operations

#: The images of a batch, where there is but one device.
ALL = slice(None)


def augment(
    images: Any,
    indices: Any,
    seed: Any,
    data: DataConfig,
    *,
    normalize: Callable[[Any], Any],
    share: slice = ALL,
    size: int = FULL_SIZE,
) -> Any:
    """Take a batch out of a data set as the training sees it.

    The one way from stored images to the network's input: the training step and
    the preview of a training both go it.

    Args:
        images: (n, 32, 32, 3), of which the batch is taken: uint8, or float32 where
            they are preprocessed already.
        indices: int32 (batch_size,), the images of the whole batch.
        seed: int32 tensor of shape (2,), which decides all that is random.
        data: Which augmentations.
        normalize: Called with float32 (m, 32, 32, 3), cropped, flipped and distorted.
            In what it returns, 0 is what blanked squares are filled with.
        share: The part of the batch to return. The random numbers are drawn for the
            whole batch, so that the number of devices changes nothing.
        size: Side in pixels that the images are shrunk to.

    Returns:
        float32 (m, size, size, 3), the share's m images.
    """
    batch_size = indices.shape[0]
    offsets, flips = draw(
        seed, batch_size, flip=data.flip, crop_padding=data.crop_padding
    )
    batch = gather(images, indices[share], offsets[share], flips[share])
    batch = tf.cast(batch, tf.float32)
    if data.trivial_augment:
        operations, strengths = draw_operations(seed, batch_size)
        batch = distort(batch, operations[share], strengths[share])
    batch = normalize(batch)
    if data.cutout:
        centers = draw_centers(seed, batch_size, *images.shape[1:3])
        batch = cut_out(batch, centers[share], data.cutout)
    return shrink(batch, size)


def draw(
    seed: Any, batch_size: int, *, flip: bool, crop_padding: int
) -> tuple[Any, Any]:
    """Draw the random numbers of one batch.

    Args:
        seed: int32 tensor of shape (2,). The same seed draws the same numbers.
        batch_size: Number of images.
        flip: Whether to flip half of them.
        crop_padding: Padding in pixels; 0 crops nothing.

    Returns:
        Offsets, int32 (batch_size, 2), uniform in -crop_padding to crop_padding:
        by how much the crop lies below and right of the image. And flips, bool
        (batch_size,).
    """
    seeds = tf.random.experimental.stateless_split(seed, 2)
    offsets = tf.random.stateless_uniform(
        (batch_size, 2), seeds[0], -crop_padding, crop_padding + 1, tf.int32
    )
    coins = tf.random.stateless_uniform((batch_size,), seeds[1], 0, 2, tf.int32)
    return offsets, tf.cast(coins, tf.bool) & flip


def gather(images: Any, indices: Any, offsets: Any, flips: Any) -> Any:
    """Take images out of a data set, cropped and flipped.

    Args:
        images: (n, height, width, channels), any dtype; n * height * width must
            fit an int32.
        indices: int32 (batch,), which images.
        offsets: int32 (batch, 2), as `draw` returns them; smaller than the image.
        flips: bool (batch,), as `draw` returns them.

    Returns:
        (batch, height, width, channels) in the dtype of `images`.
    """
    height, width, channels = images.shape[1:]
    rows = _reflect(tf.range(height) + offsets[:, :1], height)
    columns = _reflect(tf.range(width) + offsets[:, 1:], width)
    columns = tf.where(flips[:, None], columns[:, ::-1], columns)
    pixels = (indices[:, None, None] * height + rows[:, :, None]) * width
    pixels = pixels + columns[:, None, :]
    return tf.gather(tf.reshape(images, (-1, channels)), pixels)


def draw_centers(seed: Any, batch_size: int, height: int, width: int) -> Any:
    """Draw the centers of the squares to blank, uniform over the image.

    Args:
        seed: int32 tensor of shape (2,), as for `draw`, of which it is independent.
        batch_size: Number of images.
        height: Of the images, in pixels.
        width: Of the images, in pixels.

    Returns:
        Row and column, int32 (batch_size, 2).
    """
    seeds = tf.random.experimental.stateless_split(
        tf.random.experimental.stateless_fold_in(seed, 2), 2
    )
    return tf.stack(
        [
            tf.random.stateless_uniform((batch_size,), each, 0, size, tf.int32)
            for each, size in zip(
                tf.unstack(seeds, num=2), (height, width), strict=True
            )
        ],
        axis=1,
    )


def cut_out(images: Any, centers: Any, size: int) -> Any:
    """Blank a square of each image, which may hang over its border.

    Args:
        images: Preprocessed, float (batch, height, width, channels): 0 is the mean.
        centers: int32 (batch, 2), as `draw_centers` returns them.
        size: Side of the squares in pixels. An even one reaches size / 2 pixels up
            and left of its center, and one less down and right.
    """
    height, width = images.shape[1:3]
    first = centers - size // 2
    rows = tf.range(height) - first[:, :1]
    columns = tf.range(width) - first[:, 1:]
    rows, columns = ((each >= 0) & (each < size) for each in (rows, columns))
    blank = rows[:, :, None, None] & columns[:, None, :, None]
    return tf.where(blank, tf.zeros((), images.dtype), images)


def mix(images: Any, share: Any) -> Any:
    """Blend each image with that at the mirrored place in the batch.

    Args:
        images: Float (batch, height, width, channels), in an order by chance.
        share: Float scalar, what each image keeps of itself, 0 to 1.

    Source:
        Mixup, Zhang et al., arXiv:1710.09412.
    """
    return share * images + (1.0 - share) * images[::-1]


def shrink(images: Any, size: int) -> Any:
    """Shrink images: each new pixel is the mean of the area that it covers.

    Args:
        images: Float (batch, side, side, channels).
        size: The new side in pixels, at most the old one.

    Returns:
        (batch, size, size, channels) in the dtype of `images`.
    """
    side = images.shape[1]
    if size == side:
        return images
    # Row i covers the old pixels from i * side / size to (i + 1) * side / size.
    edges = np.arange(size + 1) * (side / size)
    pixels = np.arange(side)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(
        edges[:-1, None], pixels
    )
    weights = tf.constant(np.maximum(overlap, 0) * (size / side), images.dtype)
    return tf.einsum("ir,jc,brcx->bijx", weights, weights, images)


def _reflect(positions: Any, size: int) -> Any:
    """Mirror positions outside 0 to size - 1 back inside, edge not repeated."""
    positions = tf.abs(positions)
    return (size - 1) - tf.abs((size - 1) - positions)
