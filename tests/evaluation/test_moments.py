"""Stored statistics tell the right wiring and preprocessing, without labels."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from tests import programs
from tests.conftest import striped_images
from wrn import weights
from wrn.architecture.wiring import CHRIS4540, EDWARD2_V1, EDWARD2_V2
from wrn.evaluation.moments import misfit
from wrn.model import build_model


def test_closed_form():
    image = keras.Input((None, None, 1))
    norm = keras.layers.BatchNormalization(epsilon=0.5)
    model = keras.Model(image, norm(image))
    norm.set_weights(np.array([[1.0], [0.0], [2.0], [3.5]]))
    images = np.array([1.0, 5.0] * 200, np.float32).reshape(400, 1, 1, 1)
    # Mean 3 and variance 4 against 2 and 3.5, and 0.5 added to both variances.
    expected = (4.5 / 4 + 1 / 4 - 1 - np.log(4.5 / 4)) / 2
    assert misfit(model, images) == pytest.approx(expected, rel=1e-6)


def test_a_dead_channel_tells_nothing():
    image = keras.Input((None, None, 3))
    norm = keras.layers.BatchNormalization(epsilon=0.5)
    model = keras.Model(image, norm(image))
    images = np.array([1.0, 5.0] * 200, np.float32).reshape(400, 1, 1, 1)
    images = np.concatenate([images, images, 0 * images], axis=-1)
    # Two channels are as they are stored, mean 3 and variance 4; one never speaks.
    norm.set_weights([np.ones(3), np.zeros(3), np.full(3, 3.0), np.full(3, 4.0)])
    assert misfit(model, images) == pytest.approx(0, abs=1e-6)


@pytest.mark.slow
def test_right_wiring_fits_best(tmp_path):
    tf_keras = pytest.importorskip("tf_keras")
    trained = programs.edward2_v2(tf_keras, 1, 2)
    programs.train(trained)
    path = tmp_path / "model.weights.h5"
    trained.save_weights(path)
    file = weights.read(path)
    found = weights.recognize(file)
    images = (striped_images(32, seed=9).images.astype(np.float32) - 60) / 50

    def score(recognized, images=images):
        model = build_model(recognized.config, recognized.wiring)
        weights.fill(model, recognized)
        return misfit(model, images)

    right = score(weights.recognize(file, wiring=EDWARD2_V2))
    for wiring in (CHRIS4540, EDWARD2_V1):
        wrong = score(weights.recognize(file, wiring=wiring))
        assert wrong > 2 * right, wiring.name
    rotated = replace(found.reading, theano=True)
    as_deviations = replace(found.reading, deviations=True)
    for reading in (rotated, as_deviations):
        wrong = weights.recognize(file, wiring=EDWARD2_V2, reading=reading)
        assert score(wrong) > right, reading
    assert score(weights.recognize(file, wiring=EDWARD2_V2), images / 5) > 2 * right
