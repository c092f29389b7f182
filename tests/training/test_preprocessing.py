"""Preprocessing that is fitted belongs to the training, to the bit."""

import dataclasses

import h5py
import numpy as np
import pytest
import tensorflow as tf

from tests.trainings import assert_same_arrays, small
from wrn.config import (
    DataConfig,
)
from wrn.devices import choose
from wrn.errors import RunError, WeightsError
from wrn.evaluation import evaluate
from wrn.model import build_model
from wrn.preprocessing import GcnZca, KerasZca, MeanStd
from wrn.restoring import load_weights
from wrn.runs import RunStore, Status
from wrn.stored import storing
from wrn.training import augmentation
from wrn.training.loop import train
from wrn.training.session import Session

pytestmark = pytest.mark.slow


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")


def made_up_zca(images):
    """Stand for a fit on 32x32 images, which takes a minute."""
    random = np.random.default_rng(int(images[0, 0, 0, 0]))
    noise = random.normal(0, 1e-3, (3072, 3072)).astype(np.float32)
    matrix = np.eye(3072, dtype=np.float32) * 0.5 + noise + noise.T
    return GcnZca(mean=random.normal(0, 0.1, 3072), matrix=matrix)


@pytest.fixture
def fits(monkeypatch):
    """Count the fits, of which the second would give other figures."""
    counted = []

    def fit(kind, images):
        counted.append(kind)
        return made_up_zca(images + np.uint8(len(counted) - 1))

    monkeypatch.setattr("wrn.training.session.fit_preprocessing", fit)
    return counted


def whitening(kind="gcn-zca", **settings):
    config = small(epochs=1, dropout=0.0, **settings)
    return dataclasses.replace(config, data=DataConfig(preprocessing=kind))


@pytest.mark.slow
def test_whitening_is_fitted_once_saved_and_used_again(
    store, dataset, fits, tmp_path, monkeypatch
):
    config = whitening()
    whole = store.create(config, "whole")
    outcome = train(config, dataset, whole)
    fits.clear()
    parts = store.create(config, "parts")
    asked = iter(range(1000))
    train(config, dataset, parts, should_stop=lambda: next(asked) == 3)
    assert train(config, dataset, parts).finished
    assert fits == ["gcn-zca"]
    assert_same_arrays(whole.last_weights, parts.last_weights)
    # The best weights, which are no checkpoint, and stored weights hold it too.
    monkeypatch.setattr("wrn.stored.storing.load_cached", lambda source: dataset)
    parts.write_status(Status(state="finished"))
    storing.store(parts, "synthetic", folder=tmp_path / "models")
    expected = made_up_zca(dataset.train.images)
    stored = tmp_path / "models" / "WRN-10-1.weights.h5"
    for path in (parts.last_weights, parts.best_weights, stored):
        loaded = load_weights(path, precision="float32")
        found = loaded.classifier.preprocessing
        for name, array in expected.arrays().items():
            np.testing.assert_array_equal(found.arrays()[name], array)
        again = evaluate(loaded.classifier, dataset.test.images, dataset.test.labels)
        assert again.accuracy == outcome.test_accuracy
        # Keras reads the file as one of its own.
        model = build_model(config.model, seed=5)
        model.load_weights(path)
        for ours, theirs in zip(
            loaded.classifier.model.weights, model.weights, strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)


def test_weights_without_their_matrix_are_refused(store, dataset, fits):
    config = whitening()
    run = store.create(config, "bare")
    train(config, dataset, run)
    with h5py.File(run.last_weights, "a") as file:
        matrix = file["preprocessing/matrix"][()]
        assert (matrix.dtype, matrix.shape) == (np.float32, (3072, 3072))
        matrix[1, 2] = np.inf
        file["preprocessing/matrix"][...] = matrix
    with pytest.raises(WeightsError, match="finite"):
        load_weights(run.last_weights)
    with h5py.File(run.last_weights, "a") as file:
        del file["preprocessing"]
    with pytest.raises(WeightsError, match=r"needs its mean .* Received: none"):
        load_weights(run.last_weights)
    with pytest.raises(RunError, match=r"must be a checkpoint .* needs its mean"):
        train(config, dataset, run)


def test_checkpoint_of_another_preprocessing_is_refused(store, dataset, fits):
    run = store.create(whitening(), "other")
    train(whitening(), dataset, run)
    with pytest.raises(RunError, match="preprocessed by gcn-zca"):
        train(small(epochs=2), dataset, run)


@pytest.mark.parametrize("kind", ["gcn-zca", "keras-zca"])
def test_order_of_whitening_and_augmentation(kind, dataset, monkeypatch):
    """The authors flip and crop whitened images; Keras whitens flipped ones."""
    fitted = made_up_zca(dataset.train.images)
    if kind == "keras-zca":
        channels = MeanStd(mean=(120.0, 125.0, 130.0), std=(60.0, 61.0, 62.0))
        fitted = KerasZca(channels=channels, matrix=fitted.matrix)
    config = dataclasses.replace(
        whitening(kind), data=DataConfig(preprocessing=kind, crop_padding=3)
    )
    session = Session(config, dataset, choose("float32"), fitted)
    session._learn = lambda batch, targets, seed, mixed: (batch, targets)
    indices, seeds = tf.range(7, 47), tf.constant([[1, 2], [3, 4]])
    batch, targets = session._replica_step(
        indices, seeds, session._images, session._labels, 32
    )
    offsets, flips = augmentation.draw(seeds[0], 40, flip=True, crop_padding=3)

    def augment(images):
        return augmentation.gather(tf.constant(images), indices, offsets, flips)

    images = dataset.train.images.astype(np.float32)
    expected = {
        "gcn-zca": lambda: augment(fitted.apply(images)),
        "keras-zca": lambda: fitted.apply(augment(images)),
    }[kind]()
    other = {
        "gcn-zca": lambda: fitted.apply(augment(images)),
        "keras-zca": lambda: augment(fitted.apply(images)),
    }[kind]()
    np.testing.assert_allclose(batch, expected, atol=1e-4)
    assert np.abs(other - expected).max() > 0.1
    np.testing.assert_array_equal(targets, dataset.train.labels[7:47])


@pytest.mark.long
@pytest.mark.parametrize("kind", ["gcn-zca", "keras-zca"])
def test_whitening_fitted_on_whole_images(kind, store, dataset):
    """The real fit, of 3072 values an image, and what it is used for."""
    config = whitening(kind)
    run = store.create(config, "whole-images")
    outcome = train(config, dataset, run)
    loaded = load_weights(run.last_weights, precision="float32")
    again = evaluate(loaded.classifier, dataset.test.images, dataset.test.labels)
    assert again.accuracy == outcome.test_accuracy
    # The whitened training images span 199 or 400 directions; in the strong ones
    # their variance is 1.
    fitted = loaded.classifier.preprocessing
    rows = fitted.apply_to_all(dataset.train.images).reshape(200, -1)
    strengths = np.linalg.svd(rows, compute_uv=False) ** 2 / 200
    assert strengths.max() < 2.1
    assert np.median(strengths) > 0.5
