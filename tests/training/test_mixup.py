"""Blends of images: what is drawn, what is blended, what the loss is of it."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tests.trainings import small
from wrn.config import DataConfig, TrainConfig
from wrn.config.schedule import mixes
from wrn.devices import choose
from wrn.training import augmentation
from wrn.training.randomness import mixup_share
from wrn.training.session import Session


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_shares_follow_the_folded_beta_distribution(alpha):
    shares = [mixup_share(3, step, alpha) for step in range(3000)]
    assert min(shares) >= 0.5

    def folded(x):
        """Probability of a share up to x: of B or of 1 - B, which are alike."""
        beta = stats.beta(alpha, alpha)
        return beta.cdf(x) - beta.cdf(1 - x)

    assert stats.kstest(shares, folded).pvalue > 0.001


def test_a_share_is_a_function_of_seed_and_step():
    assert mixup_share(1, 2, 0.2) == mixup_share(1, 2, 0.2)
    drawn = {mixup_share(seed, step, 0.2) for seed in (0, 1) for step in range(50)}
    assert len(drawn) == 100


def test_each_image_is_blended_with_the_one_at_the_mirrored_place():
    images = np.random.default_rng(0).normal(size=(5, 4, 4, 3)).astype(np.float32)
    found = augmentation.mix(tf.constant(images), tf.constant(0.7)).numpy()
    for place in range(5):
        expected = 0.7 * images[place] + 0.3 * images[4 - place]
        np.testing.assert_allclose(found[place], expected, atol=1e-6)


def test_the_last_epochs_see_whole_images():
    train = TrainConfig(epochs=10, mixup=0.2, mixup_until=0.7)
    mixed = [mixes(train, step, 5) for step in range(50)]
    assert mixed == [True] * 35 + [False] * 15
    assert not any(mixes(TrainConfig(epochs=10), step, 5) for step in range(50))


@pytest.mark.slow
def test_loss_and_hits_of_a_step_on_blends(dataset):
    """The loss of blended, smoothed targets, computed apart in NumPy."""
    config = small(epochs=1, dropout=0.0, mixup=0.3, label_smoothing=0.1)
    config = dataclasses.replace(
        config, data=DataConfig(source="synthetic", flip=False, crop_padding=0)
    )
    session = Session(config, dataset, choose("float32"))
    order = np.arange(40, dtype=np.int32)
    share = mixup_share(config.train.seed, 0, 0.3)
    assert 0.5 < share < 0.99
    images = session.preprocessing.apply(dataset.train.images[:40].astype(np.float32))
    blended = share * images + (1 - share) * images[::-1]
    logits = np.asarray(session.model(blended, training=True), np.float64)
    labels = dataset.train.labels[:40]
    own = np.eye(10)[labels]
    targets = 0.9 * (share * own + (1 - share) * own[::-1]) + 0.1 / 10
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    loss, hits = session.step(0, order, 0.0)
    assert loss == pytest.approx(-(targets * logs).sum(), rel=1e-4)
    assert hits == (logits.argmax(axis=1) == labels).sum()
