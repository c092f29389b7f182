import numpy as np
import tensorflow as tf
from scipy import stats

from wrn.config import DataConfig
from wrn.preprocessing import MeanStd
from wrn.training import augmentation
from wrn.training.distortion import distort, draw_operations


def drawn(count=20_000, seed=(1, 2), flip=True, crop_padding=4):
    offsets, flips = augmentation.draw(
        tf.constant(seed, tf.int32), count, flip=flip, crop_padding=crop_padding
    )
    return offsets.numpy(), flips.numpy()


def test_offsets_and_flips_are_uniform_and_independent():
    offsets, flips = drawn()
    assert offsets.min() == -4
    assert offsets.max() == 4
    cells = np.zeros((9, 9, 2))
    np.add.at(cells, (offsets[:, 0] + 4, offsets[:, 1] + 4, flips.astype(int)), 1)
    # 162 equally likely cells; a fair draw falls below 0.001 once in a thousand
    # seeds, and this seed is fixed.
    assert stats.chisquare(cells.ravel()).pvalue > 0.001


def test_a_share_of_a_batch_is_a_part_of_the_whole(random):
    """However many devices there are, with all that is random."""
    images = tf.constant(random.integers(0, 256, (20, 32, 32, 3)), tf.uint8)
    seed = tf.constant((5, 6), tf.int32)
    indices = tf.constant(random.permutation(20), tf.int32)
    data = DataConfig(cutout=8, trivial_augment=True)

    def augmented(data, share=augmentation.ALL):
        return augmentation.augment(
            images, indices, seed, data, normalize=lambda batch: batch, share=share
        ).numpy()

    whole = augmented(data)
    for share in (slice(0, 10), slice(10, 20)):
        np.testing.assert_array_equal(augmented(data, share), whole[share])
    # Each of the two does something.
    for less in (data.replace(cutout=0), data.replace(trivial_augment=False)):
        assert (np.abs(augmented(less) - whole) > 1).any()


def test_seed_decides():
    first, again, other = drawn(), drawn(), drawn(seed=(1, 3))
    np.testing.assert_array_equal(first[0], again[0])
    assert (first[0] != other[0]).any()
    assert (first[1] != other[1]).any()


def test_switched_off():
    offsets, flips = drawn(flip=False, crop_padding=0)
    assert not offsets.any()
    assert not flips.any()


def test_gather_equals_numpys_reflected_pad_crop_and_flip(random):
    images = random.integers(0, 256, (7, 32, 32, 3)).astype(np.uint8)
    corners = [(-4, -4), (-4, 4), (4, -4), (4, 4), (0, 0), (1, -3), (-2, 3)]
    indices = np.array([3, 0, 6, 6, 1, 2, 5], np.int32)
    flips = np.array([0, 1, 0, 1, 1, 0, 1], bool)
    found = augmentation.gather(
        tf.constant(images),
        tf.constant(indices),
        tf.constant(corners, tf.int32),
        tf.constant(flips),
    ).numpy()
    assert found.dtype == np.uint8
    for image, index, (down, right), flip in zip(
        found, indices, corners, flips, strict=True
    ):
        padded = np.pad(images[index], ((4, 4), (4, 4), (0, 0)), mode="reflect")
        crop = padded[4 + down : 36 + down, 4 + right : 36 + right]
        np.testing.assert_array_equal(image, crop[:, ::-1] if flip else crop)


def test_blanked_squares_lie_everywhere_alike_and_apart_from_the_crops():
    seed = tf.constant((1, 2), tf.int32)
    centers = augmentation.draw_centers(seed, 40_000, 32, 32).numpy()
    cells = np.zeros((32, 32))
    np.add.at(cells, tuple(centers.T), 1)
    assert stats.chisquare(cells.ravel()).pvalue > 0.001
    offsets, flips = drawn(40_000)
    assert stats.pearsonr(centers[:, 0], offsets[:, 0]).pvalue > 0.001
    for places in centers.T:
        together = np.zeros((32, 2))
        np.add.at(together, (places, flips.astype(int)), 1)
        assert stats.chi2_contingency(together).pvalue > 0.001


def test_cut_out_blanks_a_square_cut_at_the_border(random):
    images = random.normal(size=(4, 32, 32, 3)).astype(np.float32)
    centers = [(16, 10), (0, 0), (31, 31), (5, 30)]
    for size in (5, 8):
        found = augmentation.cut_out(
            tf.constant(images), tf.constant(centers, tf.int32), size
        ).numpy()
        expected = images.copy()
        for image, (row, column) in zip(expected, centers, strict=True):
            top, left = row - size // 2, column - size // 2
            image[max(top, 0) : top + size, max(left, 0) : left + size] = 0
        np.testing.assert_array_equal(found, expected)


def test_shrink_takes_the_mean_of_the_area(random):
    images = random.normal(size=(3, 32, 32, 3)).astype(np.float32)
    for size in (16, 20, 24, 28):
        found = augmentation.shrink(tf.constant(images), size).numpy()
        # Split every pixel until both sizes divide the side, then take block means.
        fine = images.astype(float).repeat(size, axis=1).repeat(size, axis=2)
        blocks = fine.reshape(3, size, 32, size, 32, 3)
        np.testing.assert_allclose(found, blocks.mean(axis=(2, 4)), atol=1e-5)


def test_shrinking_to_the_same_size_changes_nothing(random):
    images = tf.constant(random.normal(size=(2, 32, 32, 3)).astype(np.float32))
    assert augmentation.shrink(images, 32) is images


def test_distorted_then_normalized_then_blanked_then_shrunk(random):
    images = tf.constant(random.integers(0, 256, (20, 32, 32, 3)), tf.uint8)
    seed = tf.constant((5, 6), tf.int32)
    data = DataConfig(flip=False, crop_padding=0, cutout=8, trivial_augment=True)
    normalize = MeanStd(mean=(120.0, 125.0, 130.0), std=(60.0, 61.0, 62.0)).apply
    found = augmentation.augment(
        images, tf.range(20), seed, data, normalize=normalize, size=24
    )
    batch = distort(tf.cast(images, tf.float32), *draw_operations(seed, 20))
    centers = augmentation.draw_centers(seed, 20, 32, 32)
    batch = augmentation.cut_out(normalize(batch), centers, 8)
    np.testing.assert_allclose(found, augmentation.shrink(batch, 24), atol=1e-5)
