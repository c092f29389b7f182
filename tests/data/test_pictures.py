"""Pictures of any size and format, against what is known of them."""

import io

import numpy as np
import pytest
from PIL import Image

from wrn.data.pictures import MAX_PICTURE_BYTES, MAX_PIXELS, read_picture
from wrn.errors import DataError


def encoded(picture: Image.Image, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)


def test_one_of_the_right_size_is_left_as_it_is(pixels):
    np.testing.assert_array_equal(
        read_picture(encoded(Image.fromarray(pixels))), pixels
    )


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "TGA"])
def test_formats(kind):
    picture = Image.new("RGB", (50, 40), (200, 40, 90))
    seen = read_picture(encoded(picture, kind))
    assert seen.shape == (32, 32, 3)
    np.testing.assert_allclose(seen.reshape(-1, 3).mean(0), (200, 40, 90), atol=3)


def test_the_middle_square_is_what_is_seen():
    wide = np.zeros((40, 120, 3), np.uint8)
    wide[:, 40:80] = (10, 200, 30)
    seen = read_picture(encoded(Image.fromarray(wide)))
    np.testing.assert_array_equal(seen[:, 3:-3], np.full((32, 26, 3), (10, 200, 30)))


def test_it_is_turned_upright():
    upper = np.zeros((64, 64, 3), np.uint8)
    upper[:32] = 255
    picture = Image.fromarray(upper)
    exif = Image.Exif()
    exif[0x0112] = 3  # Upside down.
    seen = read_picture(encoded(picture, "JPEG", exif=exif.tobytes(), quality=95))
    assert seen[:12].mean() < 5
    assert seen[-12:].mean() > 250


def test_what_is_transparent_is_white():
    picture = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    assert (read_picture(encoded(picture)) == 255).all()


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "1", "LA"])
def test_colour_modes(mode):
    picture = Image.new("RGB", (64, 64), "white").convert(mode)
    kind = "TIFF" if mode == "CMYK" else "PNG"
    assert (read_picture(encoded(picture, kind)) > 250).all()


@pytest.mark.parametrize("mode", ["I;16", "I;16B"])
def test_deep_gray_is_scaled_not_clipped(mode):
    values = np.linspace(0, 65535, 64 * 64).reshape(64, 64)
    stored = values.astype(">u2" if mode.endswith("B") else "<u2").tobytes()
    seen = read_picture(encoded(Image.frombytes(mode, (64, 64), stored), "TIFF"))
    assert seen.min() < 10
    assert 100 < seen.mean() < 155
    assert seen.max() > 245


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_finite_numbers_are_refused(odd):
    values = np.full((64, 64), 0.5, np.float32)
    values[3, 4] = odd
    with pytest.raises(DataError, match="no finite numbers"):
        read_picture(encoded(Image.fromarray(values), "TIFF"))


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n"


@pytest.mark.parametrize("content", [b"", b"hello", b"<svg></svg>", EPS])
def test_other_files_are_refused(content):
    with pytest.raises(DataError, match="one of the formats PNG, JPEG"):
        read_picture(content)


def test_damaged_ones_are_refused(pixels):
    content = encoded(Image.fromarray(pixels))
    # At the very end there are no pixels.
    for end in range(20, len(content) * 3 // 4, 37):
        with pytest.raises(DataError, match=r"must be whole|one of the formats"):
            read_picture(content[:end])


def test_ones_that_are_too_large_are_refused_before_they_are_decoded(monkeypatch):
    monkeypatch.setattr("wrn.data.pictures.MAX_PIXELS", 99)
    monkeypatch.delattr("wrn.data.pictures._as_seen")
    with pytest.raises(DataError, match=r"at most 99 pixels\. Received: 10 × 10"):
        read_picture(encoded(Image.new("RGB", (10, 10))))
    with pytest.raises(DataError, match="at most 50 MB"):
        read_picture(bytes(MAX_PICTURE_BYTES + 1))


def test_what_is_too_large_for_pillow_is_too_large(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(DataError, match=r"at most 100,000,000 pixels\. Received: more"):
        read_picture(encoded(Image.new("RGB", (10, 10))))
    assert MAX_PIXELS < 2 * 89_478_485


def test_a_picture_that_the_memory_does_not_take_is_no_damaged_one(monkeypatch):
    def full(picture):
        raise MemoryError

    monkeypatch.setattr("wrn.data.pictures._as_seen", full)
    with pytest.raises(DataError, match="must fit into the memory"):
        read_picture(encoded(Image.new("RGB", (10, 10))))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("value", [0, 32_768, 65_535])
def test_16_bits_of_gray_are_as_bright_as_8(kind, value):
    values = np.full((64, 64), value, "<u2")
    picture = Image.frombytes("I;16", (64, 64), values.tobytes())
    assert (read_picture(encoded(picture, kind)) == value // 257).all()


def test_gray_of_unknown_range_is_scaled_from_its_darkest_to_its_brightest():
    values = np.linspace(0.25, 0.5, 64 * 64, dtype=np.float32).reshape(64, 64)
    seen = read_picture(encoded(Image.fromarray(values), "TIFF"))
    assert seen.min() < 10
    assert seen.max() > 245


def test_a_jpeg_is_decoded_no_smaller_than_it_is_seen(pixels):
    # Of 32 by 32 squares that are 4 pixels wide each is a pixel again.
    large = Image.fromarray(pixels).resize((128, 128), Image.Resampling.NEAREST)
    seen = read_picture(encoded(large, "JPEG", quality=95, subsampling=0))
    assert np.abs(seen.astype(float) - pixels).mean() < 20


@pytest.mark.parametrize("kind", ["JPEG", "AVIF", "ICO"])
def test_formats_of_cameras_phones_and_sites(kind):
    picture = Image.new("RGB", (64, 48), (200, 40, 90))
    seen = read_picture(encoded(picture, kind))
    np.testing.assert_allclose(seen[16, 16], (200, 40, 90), atol=4)
