"""Networks that are no Wide ResNet, or one of another kind: told by name."""

import json

import h5py
import numpy as np
import pytest

from tests import weight_files as samples
from tests.weights import other_networks as others
from wrn import weights
from wrn.errors import WeightsError

pytestmark = pytest.mark.usefixtures("quick_reading")


def _without(layers, name):
    return [layer for layer in layers if layer.name != name]


def _changed(name, *weights):
    layers = samples.wide_resnet(10, 2)
    for layer in layers:
        if layer.name == name:
            layer.weights = list(weights)
    return layers


def _two_heads():
    layers = samples.wide_resnet(10, 2)
    return [
        *layers,
        samples.Sample("age", "dense", [np.ones((128, 101)), np.ones(101)]),
    ]


def _theano_layout():
    layers = samples.wide_resnet(10, 2)
    for layer in layers:
        if layer.kind == "conv":
            layer.weights = [layer.weights[0].transpose(3, 2, 0, 1)]
    return layers


OTHERS = {
    "resnet-20": (lambda: samples.resnet(20, projections=False), "CIFAR ResNet-20"),
    "resnet-20 biased": (lambda: samples.resnet(20, biases=True), "CIFAR ResNet-20"),
    "plain cnn": (samples.plain_cnn, "plain convolutional network"),
    "mlp": (samples.mlp, "without convolutions"),
    "biases": (lambda: samples.wide_resnet(10, 2, biases=True), "biases in its conv"),
    "flattened": (
        lambda: _changed("dense", np.ones((8192, 10)), np.ones(10)),
        "flattened 8x8 head",
    ),
    "other head": (
        lambda: _changed("dense", np.ones((96, 10)), np.ones(10)),
        "has 96 inputs",
    ),
    "no dense bias": (
        lambda: _changed("dense", np.ones((128, 10))),
        "dense layer has no bias",
    ),
    "one class": (
        lambda: _changed("dense", np.ones((128, 1)), np.ones(1)),
        "classes must be",
    ),
    "two heads": (_two_heads, "2 dense layers, of 10, 101 outputs"),
    "headless": (
        lambda: _without(samples.wide_resnet(10, 2), "dense"),
        "without its dense layer",
    ),
    "no bn": (
        lambda: _without(samples.wide_resnet(10, 2), "group2_block1_bn1"),
        "has 7 batch normalizations, not 6",
    ),
    "no conv": (
        lambda: _without(samples.wide_resnet(10, 2), "group2_block1_conv2"),
        r"groups have 2, 1, 2 3x3",
    ),
    "no shortcut": (
        lambda: _without(samples.wide_resnet(10, 2), "group3_block1_shortcut"),
        "has 10 convolutions, not 9",
    ),
    "other stem": (
        lambda: _changed("conv1", np.ones((3, 3, 3, 32))),
        "3 to 16 channels",
    ),
    "imagenet stem": (
        lambda: _changed("conv1", np.ones((7, 7, 3, 64))),
        "ImageNet ResNet",
    ),
    "theano layout": (_theano_layout, r"\(out, in, height, width\)"),
    "resnet-56": (lambda: samples.resnet(56, projections=False), "CIFAR ResNet-56"),
    "vgg": (others.vgg16, "plain convolutional network, without projection"),
    "densenet": (lambda: others.densenet(bottleneck=False), "like a DenseNet"),
    "densenet-bc": (lambda: others.densenet(bottleneck=True), "like a DenseNet"),
    "resnet-164": (others.bottleneck_resnet, "bottleneck blocks"),
    "wrn-50-2": (others.wide_resnet_50_2, "ImageNet ResNet"),
    "pointwise": (samples.tiny, "without 3x3 convolutions"),
    "mobilenet": (others.mobilenet, "depthwise convolutions"),
    "64x64": (others.for_64x64, "network for 64x64 images: .* takes 16x16 pixels"),
    "64x64, faces": (
        lambda: others.for_64x64(heads=(2, 101)),
        "network for 64x64 images with 2 dense layers, of 2, 101 outputs",
    ),
    "four groups": (
        lambda: others.for_64x64(groups=4),
        "4 groups, as networks for 64x64 images have",
    ),
    "three vectors": (
        lambda: _changed("bn", *np.ones((3, 128))),
        "4 vectors.*shapes 128, 128, 128",
    ),
}


@pytest.mark.parametrize("other", OTHERS)
def test_other_networks_are_named_and_refused(path, other):
    make, message = OTHERS[other]
    samples.write_weights_h5(path, make())
    with pytest.raises(WeightsError, match=message) as refusal:
        weights.recognize(weights.read(path))
    assert "Expected" in str(refusal.value) or "must be" in str(refusal.value)
    assert "Received" in str(refusal.value)


def test_post_activation_is_told_by_the_order_of_layers(path):
    """ResNet-20 with projections has the very shapes of a WRN-22-1."""
    layers = samples.resnet(20)
    samples.write_legacy(path, layers)
    with pytest.raises(WeightsError, match="post-activation ResNet-20"):
        weights.recognize(weights.read(path))
    # So it is where only the model's description of itself tells the order.
    classes = {"conv": "Conv2D", "bn": "BatchNormalization", "add": "Add"}
    described = [
        {
            "class_name": classes.get(layer.kind, "Other"),
            "config": {"kernel_size": list(layer.weights[0].shape[:2])}
            if layer.kind == "conv"
            else {},
        }
        for layer in layers
    ]
    samples.write_weights_h5(path, layers)
    with h5py.File(path, "a") as file:
        file.attrs["model_config"] = json.dumps({"config": {"layers": described}})
    with pytest.raises(WeightsError, match="post-activation ResNet-20"):
        weights.recognize(weights.read(path))
    # This format lists no order between classes: the note must say so.
    found = weights.recognize(weights.read(samples.write_weights_h5(path, layers)))
    assert found.config.name == "WRN-22-1"
    assert "ResNet-20" in " ".join(found.notes)
