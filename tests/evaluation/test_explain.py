"""What a network sees, against closed forms."""

import keras
import numpy as np
import pytest

from wrn.architecture.wiring import FAMILIES
from wrn.config import ModelConfig
from wrn.errors import ConfigError, DataError
from wrn.evaluation.explain import (
    feature_maps,
    first_filters,
    grad_cam,
    layers_with_maps,
    stretched,
    top_classes,
)
from wrn.inference import Classifier
from wrn.model import build_model
from wrn.preprocessing import MeanStd

PREPROCESSING = MeanStd(mean=(120.0,) * 3, std=(60.0,) * 3)
IMAGE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)


def classifier_of(wiring: str) -> Classifier:
    model = build_model(ModelConfig(depth=10, widen_factor=1), FAMILIES[wiring])
    rng = np.random.default_rng(1)
    for variable in model.trainable_variables:
        if variable.path.endswith("bias"):
            variable.assign(rng.normal(size=variable.shape))
    return Classifier(model, PREPROCESSING)


@pytest.fixture(scope="module")
def classifier():
    return classifier_of("authors")


def maps_before_the_head(model, name):
    batch = ((IMAGE - 120.0) / 60.0)[np.newaxis].astype(np.float32)
    return np.asarray(keras.Model(model.input, model.get_layer(name).output)(batch))[0]


def test_with_averaged_maps_grad_cam_is_the_weighted_sum_of_the_maps(classifier):
    # Zhou et al., arXiv:1512.04150: after global pooling the gradient is the dense
    # layer's kernel over the number of places.
    model = classifier.model
    last = [layer.name for layer in model.layers if len(layer.output.shape) == 4][-1]
    maps = maps_before_the_head(model, last)
    kernel = np.asarray(model.layers[-1].kernel)
    for number in (0, 7):
        expected = np.maximum(maps @ kernel[:, number], 0)
        assert expected.max() > 0
        np.testing.assert_allclose(
            grad_cam(classifier, IMAGE, number), expected / expected.max(), atol=1e-5
        )


@pytest.mark.parametrize("number", [-1, 10])
def test_a_class_that_there_is_not_is_refused(classifier, number):
    with pytest.raises(ConfigError, match=f"a class, 0 to 9. Received: {number}"):
        grad_cam(classifier, IMAGE, number)


def test_with_a_flattened_head_it_weighs_by_what_a_channel_adds():
    classifier = classifier_of("asmith26")
    model = classifier.model
    names = [layer.name for layer in model.layers if len(layer.output.shape) == 4]
    maps = maps_before_the_head(model, names[-2])  # Then come the windows.
    head = keras.Model(model.get_layer(names[-2]).output, model.output)
    # The head is linear: one more in all of a channel adds the sum of its gradient.
    raised = np.stack([maps, *(maps + one for one in np.eye(maps.shape[-1]))])
    scores = np.asarray(head(raised.astype(np.float32)))[:, 4]
    weights = (scores[1:] - scores[0]) / 64
    expected = np.maximum(maps @ weights, 0)
    assert expected.max() > 0
    np.testing.assert_allclose(
        grad_cam(classifier, IMAGE, 4), expected / expected.max(), atol=1e-3
    )


def test_top_classes_come_in_order():
    shares = np.array([0.1, 0.5, 0.3, 0.1], np.float32)
    assert [name for name, _ in top_classes(shares, "abcd", 3)] == ["b", "c", "a"]
    assert len(top_classes(shares, "abcd")) == 4


def test_filters_are_the_kernels_stretched(classifier):
    pictures = first_filters(classifier.model)
    kernel = np.asarray(classifier.model.layers[1].kernel)
    assert pictures.shape == (16, 3, 3, 3)
    for number, picture in enumerate(pictures):
        own = kernel[..., number]
        expected = (own - own.min()) / (own.max() - own.min())
        np.testing.assert_allclose(picture, expected, atol=1e-6)


def test_feature_maps_are_the_layers_output(classifier):
    names = layers_with_maps(classifier.model)
    assert "input" not in names
    maps = feature_maps(classifier, IMAGE, names[0])
    np.testing.assert_allclose(
        maps, maps_before_the_head(classifier.model, names[0]), atol=1e-4
    )
    assert feature_maps(classifier, IMAGE, names[-1]).shape == (8, 8, 64)


def test_a_layer_without_maps_is_refused(classifier):
    with pytest.raises(ConfigError, match="Received: head"):
        feature_maps(classifier, IMAGE, "head")


def test_a_picture_of_one_value_is_black():
    pictures = np.stack([np.zeros((4, 4)), np.full((4, 4), 7.0)]).astype(np.float32)
    np.testing.assert_array_equal(stretched(pictures), np.zeros((2, 4, 4)))


def test_images_scaled_beforehand_are_refused(classifier):
    image = np.full((32, 32, 3), 0.5, np.float32)
    for ask in (
        lambda: grad_cam(classifier, image, 0),
        lambda: feature_maps(classifier, image, "conv1"),
    ):
        with pytest.raises(DataError, match="must be uint8, 0 to 255"):
            ask()
