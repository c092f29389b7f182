"""Which images are the same."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from wrn.data import load_cached


@pytest.fixture(scope="module")
def dataset():
    return load_cached("synthetic")


def changed(dataset, part, change):
    images = getattr(dataset, part)
    return replace(dataset, **{part: replace(images, images=change(images.images))})


def rounded_otherwise(images):
    """As another decoder might: a quarter of the values by one level."""
    up = np.random.default_rng(0).integers(0, 4, images.shape, np.uint8) == 0
    return np.where(images < 255, images + up, images)


def as_jpeg(images):
    """All images, one below the other, compressed once."""
    content = io.BytesIO()
    Image.fromarray(images[:1000].reshape(-1, 32, 3)).save(content, "jpeg", quality=95)
    compressed = np.asarray(Image.open(content)).reshape(-1, 32, 32, 3)
    return np.concatenate([compressed, images[1000:]])


def test_the_same_images_are_the_same_however_they_are_decoded(dataset):
    assert dataset.is_of(dataset.identity)
    for part in ("train", "test"):
        assert dataset.is_of(changed(dataset, part, rounded_otherwise).identity)


@pytest.mark.parametrize("part", ["train", "test"])
def test_other_pixels_under_the_same_labels_are_other_images(dataset, part):
    for change in (np.invert, lambda images: images[..., ::-1]):
        other = changed(dataset, part, change)
        assert other.fingerprint == dataset.fingerprint
        assert not dataset.is_of(other.identity)


def test_compressed_images_are_others_than_those_they_were_made_from(dataset):
    few = replace(
        dataset, train=dataset.train.first(1000), test=dataset.test.first(1000)
    )
    compressed = few
    for part in ("train", "test"):
        compressed = changed(compressed, part, as_jpeg)
    assert not few.is_of(compressed.identity)


def test_what_is_not_told_is_not_compared(dataset):
    assert dataset.is_of({})
    assert dataset.is_of({"fingerprint": dataset.fingerprint})
    assert not dataset.is_of({"fingerprint": "another"})


@pytest.mark.parametrize("pixels", [None, 3, "no hex", "00", "", ["00"]])
def test_what_is_no_sample_of_pixels_is_of_other_images(dataset, pixels):
    assert not dataset.is_of({**dataset.identity, "pixels": pixels})


def test_images_are_compared_all_over():
    dataset = load_cached("synthetic")
    images = dataset.train.images.copy()
    half = len(images) // 2
    images[half:] = 255 - images[half:]
    other = replace(dataset, train=replace(dataset.train, images=images))
    assert not dataset.is_of(other.identity)
