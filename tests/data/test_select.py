"""Which of the images are trained on."""

import numpy as np
import pytest

from wrn.config import DataConfig
from wrn.data import CLASS_NAMES, Dataset, Images, select
from wrn.errors import ConfigError, DataError


@pytest.fixture
def numbered() -> Dataset:
    """60 training and 40 test images, each filled with its own number."""

    def images(start: int, n: int) -> Images:
        numbers = np.arange(start, start + n)
        pixels = np.broadcast_to(numbers[:, None, None, None], (n, 32, 32, 3))
        return Images(pixels.astype(np.uint8), numbers % 10)

    return Dataset(images(0, 60), images(100, 40), CLASS_NAMES, "x", "Numbers")


def numbers(images: Images) -> list[int]:
    found = images.images[:, 0, 0, 0].astype(int)
    assert np.array_equal(images.labels, found % 10)
    return found.tolist()


def test_select_all(numbered):
    split = select(numbered, DataConfig())
    assert numbers(split.train) == list(range(60))
    assert numbers(split.held_out) == list(range(100, 140))


def test_select_limit(numbered):
    split = select(numbered, DataConfig(limit=12))
    assert numbers(split.train) == list(range(12))
    assert numbers(split.held_out) == list(range(100, 112))
    # A limit above what there is takes what there is.
    split = select(numbered, DataConfig(limit=50))
    assert (len(split.train), len(split.held_out)) == (50, 40)


def test_select_validation(numbered):
    config = DataConfig(validation=15)
    split = select(numbered, config)
    train, held_out = numbers(split.train), numbers(split.held_out)
    assert (len(train), len(held_out)) == (45, 15)
    assert sorted(train + held_out) == list(range(60))
    assert held_out != list(range(45, 60))
    assert numbers(select(numbered, config).held_out) == held_out
    fewer = select(numbered, DataConfig(validation=5))
    assert set(numbers(fewer.held_out)) < set(held_out)


def test_select_limit_does_not_move_the_validation_images(numbered):
    whole = select(numbered, DataConfig(validation=15))
    part = select(numbered, DataConfig(validation=15, limit=10))
    assert numbers(part.train) == numbers(whole.train)[:10]
    assert numbers(part.held_out) == numbers(whole.held_out)[:10]


def test_select_leaves_images_to_train_on(numbered):
    assert len(select(numbered, DataConfig(validation=59)).train) == 1
    with pytest.raises(ConfigError, match="some of the 60 training images"):
        select(numbered, DataConfig(validation=60))


def test_images_refuse_wrong_arrays():
    labels = np.zeros(2, np.int64)
    with pytest.raises(DataError, match=r"\(2, 32, 32, 3\)"):
        Images(np.zeros((3, 32, 32, 3), np.uint8), labels)
    with pytest.raises(DataError, match="float32"):
        Images(np.zeros((2, 32, 32, 3), np.float32), labels)
    with pytest.raises(DataError, match="int32"):
        Images(np.zeros((2, 32, 32, 3), np.uint8), labels.astype(np.int32))
