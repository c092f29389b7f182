import numpy as np
import pytest
import tensorflow as tf

from wrn.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from wrn.devices import choose
from wrn.errors import ConfigError
from wrn.training.randomness import image_order
from wrn.training.samples import first_samples
from wrn.training.session import Session

PLAIN = DataConfig(flip=False, crop_padding=0)
TRAIN = TrainConfig(batch_size=20, seed=3)


def first_images(dataset, count, batch_size=20, seed=3):
    used = len(dataset.train) // batch_size * batch_size
    return dataset.train.take(image_order(seed, 0, len(dataset.train), used)[:count])


def test_without_augmentation_they_are_the_first_images(dataset):
    images, labels = first_samples(dataset, PLAIN, TRAIN, 16)
    expected = first_images(dataset, 16)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, expected.images)
    np.testing.assert_array_equal(labels, expected.labels)


def test_small_batches_follow_each_other(dataset):
    train = TRAIN.replace(batch_size=5)
    images, labels = first_samples(dataset, PLAIN, train, 16)
    expected = first_images(dataset, 16, batch_size=5)
    np.testing.assert_array_equal(images, expected.images)
    np.testing.assert_array_equal(labels, expected.labels)


def test_fewer_images_than_asked_for_come_again(dataset):
    images, labels = first_samples(dataset, PLAIN.replace(limit=10), TRAIN, 16)
    assert images.shape == (16, 32, 32, 3)
    assert len(labels) == 16


def test_each_is_a_reflected_crop_of_its_image_or_of_the_mirror_image(dataset):
    images, _ = first_samples(dataset, DataConfig(), TRAIN, 16)
    changed = 0
    for image, original in zip(images, first_images(dataset, 16).images, strict=True):
        changed += bool((image != original).any())
        crops = []
        padded = np.pad(original, ((4, 4), (4, 4), (0, 0)), mode="reflect")
        for row in range(9):
            for column in range(9):
                crop = padded[row : row + 32, column : column + 32]
                crops += [crop, crop[:, ::-1]]
        assert any((image == crop).all() for crop in crops)
    assert changed > 8


def test_blanked_squares_have_the_mean_color(dataset):
    images, _ = first_samples(dataset, PLAIN.replace(cutout=8), TRAIN, 16)
    mean = dataset.train.images.mean(axis=(0, 1, 2)).round()
    blank = images != first_images(dataset, 16).images
    for image, where in zip(images, blank.any(axis=-1), strict=True):
        assert 16 <= where.sum() <= 64
        assert (image[where] == mean).all()


def test_small_images_first(dataset):
    train = TRAIN.replace(first_size=16)
    images, _ = first_samples(dataset, PLAIN, train, 16)
    originals = first_images(dataset, 16).images.astype(np.float64)
    means = originals.reshape(16, 16, 2, 16, 2, 3).mean(axis=(2, 4))
    assert images.shape == (16, 16, 16, 3)
    assert np.abs(images - means).max() <= 0.5 + 1e-3


def test_too_many_validation_images_are_refused(dataset):
    with pytest.raises(ConfigError, match="validation must leave"):
        first_samples(dataset, PLAIN.replace(validation=200), TRAIN, 16)


@pytest.mark.slow
def test_they_are_what_the_training_step_learns_on(dataset):
    class Watched(Session):
        seen = tf.Variable(tf.zeros((20, 16, 16, 3)))

        def _learn(self, batch, targets, seed, mixed):
            self.seen.assign(batch)
            return tf.zeros(()), tf.zeros((), tf.int32)

    data = DataConfig(cutout=8)
    train = TRAIN.replace(first_size=16)
    config = RunConfig(
        model=ModelConfig(depth=10, widen_factor=1), data=data, train=train
    )
    session = Watched(config, dataset, choose("float32"))
    session.step(0, image_order(3, 0, 200, 200)[:20], 0.1)
    normalization = session.preprocessing
    pixels = session.seen.numpy() * normalization.std + normalization.mean
    images, _ = first_samples(dataset, data, train, 16)
    assert np.abs(images - pixels[:16]).max() <= 0.5 + 1e-2
