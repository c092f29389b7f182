"""Batch-norm statistics measured anew, against moments computed layer by layer."""

import dataclasses

import keras
import numpy as np
import pytest

from wrn.architecture.wiring import wiring_of
from wrn.config import DataConfig, ModelConfig, RunConfig
from wrn.model import build_model
from wrn.preprocessing import GcnZca, fit_preprocessing
from wrn.training.batch_statistics import BatchStatistics

IMAGES = np.random.default_rng(0).integers(0, 256, (50, 32, 32, 3), np.uint8)
BATCH_SIZE = 16


@pytest.fixture(params=[0.0, 0.5], ids=["plain", "with dropout"])
def config(request):
    return RunConfig(
        model=ModelConfig(depth=10, widen_factor=1, dropout=request.param),
        data=DataConfig(source="synthetic", flip=False, crop_padding=0),
    )


@pytest.fixture
def statistics(config):
    preprocessing = fit_preprocessing("mean-std", IMAGES)
    return preprocessing, BatchStatistics(
        config, IMAGES, preprocessing, policy="float32", batch_size=BATCH_SIZE
    )


def test_each_layer_gets_the_mean_moments_of_its_inputs(config, statistics):
    preprocessing, measured = statistics
    network = config.model.replace(dropout=0.0)
    model = build_model(network, seed=1)
    found = dict(
        zip(
            [variable.path for variable in model.non_trainable_weights],
            measured.of(model.trainable_variables),
            strict=True,
        )
    )
    norms = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    means = {layer.name: [] for layer in norms}
    variances = {layer.name: [] for layer in norms}
    drawn = IMAGES[np.random.default_rng(0).permutation(50)]
    for first in (0, 16, 32):  # Two images are left over.
        batch = preprocessing.apply(drawn[first : first + 16].astype(np.float32))
        # Layer by layer: each must have normalized by this batch before the next.
        for layer in norms:
            inputs = keras.Model(model.input, layer.input)(batch, training=False)
            inputs = np.asarray(inputs, np.float64)
            mean, variance = inputs.mean((0, 1, 2)), inputs.var((0, 1, 2), ddof=1)
            layer.moving_mean.assign(mean)
            layer.moving_variance.assign(inputs.var((0, 1, 2)))
            means[layer.name].append(mean)
            variances[layer.name].append(variance)
    for layer in norms:
        np.testing.assert_allclose(
            found[layer.moving_mean.path], np.mean(means[layer.name], 0), atol=1e-4
        )
        np.testing.assert_allclose(
            found[layer.moving_variance.path],
            np.mean(variances[layer.name], 0),
            rtol=1e-4,
        )


def test_images_sorted_by_class_are_mixed(config):
    """A batch of dark or of bright images alone would have no variance."""
    images = np.repeat(np.array([0, 255], np.uint8), 64)[:, None, None, None]
    images = np.tile(images, (1, 32, 32, 3))
    preprocessing = fit_preprocessing("mean-std", images)
    measured = BatchStatistics(
        config, images, preprocessing, policy="float32", batch_size=BATCH_SIZE
    )
    model = build_model(config.model.replace(dropout=0.0), seed=1)
    found = measured.of(model.trainable_variables)
    first = model.layers[2]
    inputs = keras.Model(model.input, first.input)(
        preprocessing.apply(images.astype(np.float32))
    )
    names = [variable.path for variable in model.non_trainable_weights]
    variance = found[names.index(first.moving_variance.path)]
    assert (variance > 0.5 * np.var(inputs, axis=(0, 1, 2))).all()


def test_the_training_is_left_as_it_is_and_the_answer_is_the_same_again(
    config, statistics
):
    _, measured = statistics
    model = build_model(config.model.replace(dropout=0.0), seed=1)
    before = model.get_weights()
    first = measured.of(model.trainable_variables)
    for once, again in zip(first, measured.of(model.trainable_variables), strict=True):
        np.testing.assert_array_equal(once, again)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def measured_with(config, preprocessing):
    """Return a network of these settings, and its statistics measured anew."""
    measured = BatchStatistics(
        config, IMAGES, preprocessing, policy="float32", batch_size=BATCH_SIZE
    )
    model = build_model(config.model, wiring_of(config), seed=1)
    return model, measured.of(model.trainable_variables)


def test_they_are_of_whitened_images(random):
    noise = random.normal(0, 1e-3, (3072, 3072)).astype(np.float32)
    matrix = 0.5 * np.eye(3072, dtype=np.float32) + noise + noise.T
    fitted = GcnZca(mean=np.zeros(3072), matrix=matrix)
    data = DataConfig(preprocessing="gcn-zca", flip=False, crop_padding=0)
    config = RunConfig(model=ModelConfig(depth=10, widen_factor=1), data=data)
    model, found = measured_with(config, fitted)
    norm = next(
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    )
    drawn = IMAGES[np.random.default_rng(0).permutation(50)[:48]].astype(np.float32)
    inputs = keras.Model(model.input, norm.input)(fitted.apply(drawn))
    paths = [variable.path for variable in model.non_trainable_weights]
    np.testing.assert_allclose(
        found[paths.index(norm.moving_mean.path)],
        np.mean(inputs, (0, 1, 2)),
        atol=1e-4,
    )


def test_they_are_of_augmented_images_and_of_the_networks_wiring():
    fitted = fit_preprocessing("mean-std", IMAGES)
    data = DataConfig(flip=False, crop_padding=0)
    plain = RunConfig(model=ModelConfig(depth=10, widen_factor=2), data=data)
    _, expected = measured_with(plain, fitted)
    for changes in ({"flip": True}, {"crop_padding": 4}, {"cutout": 8}):
        other = dataclasses.replace(plain, data=data.replace(**changes))
        _, found = measured_with(other, fitted)
        first = zip(expected[:2], found[:2], strict=True)
        assert any((one != another).any() for one, another in first), changes
    raw = plain.train.replace(wiring="edward2-v2")
    _, found = measured_with(dataclasses.replace(plain, train=raw), fitted)
    both = zip(expected, found, strict=True)
    assert not all(np.allclose(one, other, rtol=1e-3) for one, other in both)


def test_they_are_measured_on_some_batches_at_most(monkeypatch):
    monkeypatch.setattr("wrn.training.batch_statistics.STATISTICS_BATCHES", 2)
    fitted = fit_preprocessing("mean-std", IMAGES)
    config = RunConfig(model=ModelConfig(depth=10, widen_factor=1))
    measured = BatchStatistics(
        config, IMAGES, fitted, policy="float32", batch_size=BATCH_SIZE
    )
    asked = []
    monkeypatch.setattr(measured, "_forward", lambda *batch: asked.append(batch))
    measured.of(build_model(config.model).trainable_variables)
    assert len(asked) == 2
