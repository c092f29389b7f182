"""Anybody's picture, as a network for 32x32 images sees it."""

import base64
import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from wrn.config import FULL_SIZE
from wrn.errors import DataError
from wrn.text import file_size

#: What is read. Others are left out that run a program of their own (EPS) or that
#: hold no picture of pixels.
FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM", "ICO", "TGA")

MAX_PICTURE_BYTES = 50_000_000
#: What the largest cameras take; up to twelve bytes each in memory.
MAX_PIXELS = 100_000_000


def data_address(picture: NDArray[np.uint8]) -> str:
    """Write a picture as an address that holds it.

    Args:
        picture: uint8 (height, width, 3 or 4).

    Returns:
        A `data:` address of a PNG file.
    """
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def read_picture(content: bytes) -> NDArray[np.uint8]:
    """Decode a picture and make it one that the network takes.

    It is turned upright, put on white where it is transparent, cut to the square in
    its middle and shrunk or enlarged.

    Args:
        content: The bytes of a file in one of `FORMATS`.

    Returns:
        uint8 (32, 32, 3), red, green, blue.

    Raises:
        DataError: If it is no picture, damaged or too large.
    """
    if len(content) > MAX_PICTURE_BYTES:
        raise DataError(
            f"A picture may have at most {file_size(MAX_PICTURE_BYTES)}. "
            f"Received: {file_size(len(content))}"
        )
    try:
        with warnings.catch_warnings():
            # Our own limit is checked before anything is decoded.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(content), formats=FORMATS)
        width, height = picture.size
        if width * height > MAX_PIXELS:
            raise DataError(
                f"A picture may have at most {MAX_PIXELS:,} pixels. "
                f"Received: {width:,} × {height:,}"
            )
        return _as_seen(picture)
    except DataError:
        raise
    except Image.DecompressionBombError:  # Pillow's own limit, above ours.
        raise DataError(
            f"A picture may have at most {MAX_PIXELS:,} pixels. Received: more"
        ) from None
    except MemoryError:
        raise DataError(
            "A picture must fit into the memory. Received: one that does not"
        ) from None
    except UnidentifiedImageError:
        raise DataError(
            f"A picture must be in one of the formats {', '.join(FORMATS)}. "
            f"Received: {file_size(len(content))} of something else"
        ) from None
    # The decoders raise whatever they meet in a damaged file.
    except Exception as error:
        raise DataError(
            f"A picture must be whole. Received: a damaged one ({error!s:.200})"
        ) from None


def _as_seen(picture: Image.Image) -> NDArray[np.uint8]:
    # Spares a JPEG most of the decoding.
    picture.draft("RGB", (2 * FULL_SIZE, 2 * FULL_SIZE))
    ImageOps.exif_transpose(picture, in_place=True)
    width, height = picture.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    square = picture
    if width != height:
        square = picture.crop((left, top, left + side, top + side))
    if square.mode.startswith(("I", "F")):
        # Deep gray; Pillow would clip it in place of scaling it.
        values = np.array(square, np.float32)
        low, high = 0.0, 65_535.0
        if not square.mode.startswith("I;16"):
            # What is white, or black, none of these modes says.
            low, high = float(values.min()), float(values.max())
        if not np.isfinite((low, high)).all():
            raise ValueError("values that are no finite numbers")
        values -= low
        values *= 255 / max(high - low, 1e-9)
        square = Image.fromarray(values.astype(np.uint8))
    if square.has_transparency_data:
        pixels = square.convert("RGBA")
        square = Image.new("RGBA", pixels.size, "white")
        square.alpha_composite(pixels)
    flat = square.convert("RGB")
    seen = flat.resize((FULL_SIZE, FULL_SIZE), Image.Resampling.LANCZOS)
    return np.asarray(seen, np.uint8)
