"""Small pictures made large, laid over each other and put side by side.

They are shown by their `wrn.data.pictures.data_address`: one that Streamlit serves as a
file is gone once a rerun shows another one, or is broken off, though the browser may
ask for it still.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]

#: Colours of a heat map, from cold to warm.
_COLD, _WARM = np.array([255.0, 210.0, 0.0]), np.array([230.0, 20.0, 20.0])


def enlarged(image: Pixels, side: int) -> Pixels:
    """Repeat the pixels of a (height, width, 3) picture, so that none is blurred."""
    times = max(1, side // image.shape[0])
    return image.repeat(times, axis=0).repeat(times, axis=1)


def blended(image: Pixels, heat: NDArray[np.float32], side: int) -> Pixels:
    """Lay a heat map over a picture.

    Args:
        image: uint8 (n, n, 3).
        heat: float32 (m, m), 0 to 1.
        side: Side of the result in pixels.
    """
    large = enlarged(image, side)
    shape = (large.shape[1], large.shape[0])
    smooth = Image.fromarray(heat.astype(np.float32)).resize(
        shape, Image.Resampling.BICUBIC
    )
    share = np.clip(np.asarray(smooth), 0, 1)[..., None]
    colour = _COLD + share * (_WARM - _COLD)
    # Gray under the colours, so that the two are not mixed up.
    gray = large.mean(axis=-1, keepdims=True)
    return np.asarray((1 - 0.65 * share) * gray + 0.65 * share * colour, np.uint8)


def tiles(pictures: Pixels, *, scale: int, columns: int) -> Pixels:
    """Put pictures side by side in rows, with lines between them that show nothing.

    Args:
        pictures: uint8 (n, height, width) or (n, height, width, 3).
        scale: How many times to enlarge each.
        columns: Pictures a row.

    Returns:
        uint8 (rows, columns, 4): transparent between the pictures.
    """
    if pictures.ndim == 3:
        pictures = pictures[..., None].repeat(3, axis=-1)
    count, height, width, _ = pictures.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    cell = (height * scale + 4, width * scale + 4)
    sheet = np.zeros((rows * cell[0], columns * cell[1], 4), np.uint8)
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        top, left = row * cell[0], column * cell[1]
        large = picture.repeat(scale, axis=0).repeat(scale, axis=1)
        area = sheet[top : top + height * scale, left : left + width * scale]
        area[..., :3], area[..., 3] = large, 255
    return sheet
