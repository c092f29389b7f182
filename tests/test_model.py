"""The Keras model against the description, and against plain NumPy and SciPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.signal import correlate

from wrn.architecture import describe
from wrn.architecture.wiring import FAMILIES
from wrn.config import ModelConfig, TrainConfig, options
from wrn.model import Dropout, build_model, dropout_seed

KINDS = {
    "input": keras.layers.InputLayer,
    "conv": keras.layers.Conv2D,
    "bn": keras.layers.BatchNormalization,
    "relu": keras.layers.ReLU,
    "dropout": keras.layers.Dropout,
    "add": keras.layers.Add,
    "pool": keras.layers.GlobalAveragePooling2D,
    "dense": keras.layers.Dense,
}


def producers(layer):
    """Return the names of the Keras layers that feed a layer."""
    (node,) = layer._inbound_nodes
    return tuple(t._keras_history.operation.name for t in node.input_tensors)


@pytest.mark.parametrize(
    ("depth", "widen_factor", "dropout"),
    [(10, 1, 0.0), (16, 2, 0.3), (22, 1, 0.0), (40, 2, 0.0)],
)
def test_model_equals_description_layer_by_layer(depth, widen_factor, dropout):
    config = ModelConfig(depth=depth, widen_factor=widen_factor, dropout=dropout)
    architecture = describe(config)
    model = build_model(config)
    shapes = keras.Model(
        model.input, {layer.name: layer.output for layer in model.layers}
    ).compute_output_shape((None, 32, 32, 3))
    assert {layer.name for layer in model.layers} == set(architecture.by_name)
    for layer in architecture.layers:
        built = model.get_layer(layer.name)
        assert isinstance(built, KINDS[layer.kind])
        assert producers(built) == layer.inputs
        counted = sum(int(np.prod(w.shape)) for w in built.trainable_variables)
        assert counted == layer.parameters
        if layer.kind == "conv":
            assert built.kernel_size == layer.kernel
            assert built.strides == (layer.stride, layer.stride)
        if layer.kind == "dropout":
            assert built.rate == dropout
        if layer.kind == "bn":
            assert (built.momentum, built.epsilon) == (0.9, 1e-5)
        assert tuple(shapes[layer.name][1:]) == layer.output_shape


def randomize(model, random):
    """Give every weight a random value, batch-norm statistics included."""
    for variable in model.variables:
        values = random.normal(0, 0.2, variable.shape)
        if "variance" in variable.path:
            values = random.uniform(0.5, 2.0, variable.shape)
        if "gamma" in variable.path:
            values = random.uniform(0.5, 1.5, variable.shape)
        variable.assign(values.astype(np.float32))


def convolve(x, kernel, stride):
    """Convolve (height, width, in) by (k, k, in, out), padded by (k - 1) / 2."""
    pad = (kernel.shape[0] - 1) // 2
    padded = np.pad(x, ((pad, pad), (pad, pad), (0, 0)))
    maps = [
        correlate(padded, kernel[..., channel], mode="valid")[::stride, ::stride, 0]
        for channel in range(kernel.shape[-1])
    ]
    return np.stack(maps, axis=-1)


def forward(image, weights):
    """Compute a depth-16 network's logits in float64, from the paper's words."""

    def bn_relu(x, name):
        gamma, beta, mean, variance = weights[name]
        return np.maximum(gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta, 0)

    x = convolve(image, *weights["conv1"], 1)
    for group in (1, 2, 3):
        for block in (1, 2):
            prefix = f"group{group}_block{block}_"
            stride = 2 if group > 1 and block == 1 else 1
            activated = bn_relu(x, prefix + "bn1")
            y = convolve(activated, *weights[prefix + "conv1"], stride)
            y = convolve(bn_relu(y, prefix + "bn2"), *weights[prefix + "conv2"], 1)
            if prefix + "shortcut" in weights:
                x = convolve(activated, *weights[prefix + "shortcut"], stride)
            x = x + y
    features = bn_relu(x, "bn").mean(axis=(0, 1))
    kernel, bias = weights["dense"]
    return features @ kernel + bias


@pytest.mark.parametrize("ending", ["keras", "h5", "json"])
@pytest.mark.parametrize("family", ["authors", "asmith26", "edward2-v1"])
@pytest.mark.filterwarnings("ignore:.*HDF5 file")
def test_a_whole_model_that_keras_saves_is_the_same_when_loaded(
    tmp_path, random, family, ending
):
    config = ModelConfig(depth=10, widen_factor=1, dropout=0.3)
    model = build_model(config, FAMILIES[family])
    randomize(model, random)
    if ending == "json":
        again = keras.models.model_from_json(model.to_json())
        again.set_weights(model.get_weights())
    else:
        model.save(tmp_path / f"whole.{ending}")
        again = keras.models.load_model(tmp_path / f"whole.{ending}")
    images = random.normal(0, 1, (2, 32, 32, 3)).astype(np.float32)
    np.testing.assert_array_equal(
        again(images, training=False), model(images, training=False)
    )


def test_a_frozen_network_keeps_its_statistics(random):
    model = build_model(ModelConfig(depth=10, widen_factor=1))
    randomize(model, random)
    images = random.normal(0, 1, (8, 32, 32, 3)).astype(np.float32)
    before, expected = model.get_weights(), model(images, training=False)
    model.trainable = False
    np.testing.assert_array_equal(model(images, training=True), expected)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    model.trainable = True
    model(images, training=True)
    assert any(
        (one != other).any()
        for one, other in zip(before, model.get_weights(), strict=True)
    )


@pytest.mark.parametrize("widen_factor", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_forward_pass_equals_numpy(widen_factor, random):
    model = build_model(ModelConfig(depth=16, widen_factor=widen_factor))
    randomize(model, random)
    weights = {
        layer.name: [w.astype(np.float64) for w in layer.get_weights()]
        for layer in model.layers
        if layer.weights
    }
    images = random.normal(0, 1, (2, 32, 32, 3))
    expected = np.stack([forward(image, weights) for image in images])
    logits = model(images.astype(np.float32), training=False).numpy()
    np.testing.assert_allclose(logits, expected, atol=1e-4 * np.abs(expected).max())


def test_batch_normalization_trains_like_torch(random):
    """Normalized by the biased variance; the moving one takes the unbiased."""
    model = build_model(ModelConfig(depth=10, widen_factor=1))
    layer = model.get_layer("group1_block1_bn1")
    x = random.normal(3, 2, (4, 5, 5, 16)).astype(np.float32)
    y = layer(x, training=True).numpy()
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    np.testing.assert_allclose(y, (x - mean) / np.sqrt(variance + 1e-5), atol=1e-4)
    count = 4 * 5 * 5
    np.testing.assert_allclose(layer.moving_mean, 0.1 * mean, rtol=1e-4)
    np.testing.assert_allclose(
        layer.moving_variance, 0.9 + 0.1 * variance * count / (count - 1), rtol=1e-4
    )


def test_initial_weights_are_he_normal():
    model = build_model(ModelConfig(depth=10, widen_factor=4), seed=3)
    kernel = model.get_layer("group3_block1_conv2").kernel.numpy()
    deviation = np.sqrt(2 / (9 * 256))
    assert abs(kernel.std() / deviation - 1) < 0.01
    # Not truncated: beyond three deviations lie 0.27% of a normal distribution.
    beyond = (np.abs(kernel) > 3 * deviation).mean()
    assert abs(beyond - 0.0027) < 0.0005
    dense = model.get_layer("dense")
    assert not dense.bias.numpy().any()


def test_seed_decides_the_initial_weights():
    config = ModelConfig(depth=10, widen_factor=1)
    first, again, other = (build_model(config, seed=seed) for seed in (1, 1, 2))
    kernels = [m.get_layer("conv1").kernel.numpy() for m in (first, again, other)]
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert (kernels[0] != kernels[2]).any()


def test_the_largest_seed_repeats_none_of_the_first():
    (seed,) = (option for option in options(TrainConfig) if option.name == "seed")
    config = ModelConfig(depth=10, widen_factor=1)
    kernels = [
        build_model(config, seed=number).get_layer("conv1").kernel.numpy()
        for number in (0, 1, int(seed.maximum))
    ]
    assert (kernels[2] != kernels[0]).any()
    assert (kernels[2] != kernels[1]).any()


def test_layers_of_one_network_start_differently():
    model = build_model(ModelConfig(depth=22, widen_factor=1))
    one = model.get_layer("group1_block2_conv1").kernel.numpy()
    two = model.get_layer("group1_block3_conv1").kernel.numpy()
    assert (one != two).any()


def test_dropout_follows_the_seed_and_keeps_the_mean():
    model = build_model(ModelConfig(depth=10, widen_factor=1, dropout=0.3))
    layers = [model.get_layer(f"group{g}_block1_dropout") for g in (1, 2)]
    x = tf.ones((8, 32, 32, 16))

    def masks(seed):
        with dropout_seed(tf.constant(seed, tf.int32)):
            return [layer(x, training=True).numpy() for layer in layers]

    first, second = masks((1, 2))
    np.testing.assert_array_equal(first, masks((1, 2))[0])
    assert (first != second).any(), "two layers must not share a mask"
    assert (first != masks((1, 3))[0]).any()
    np.testing.assert_allclose(first[first > 0], 1 / 0.7, rtol=1e-5)
    np.testing.assert_array_equal(layers[0](x, training=False), x)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("rate", [0.3, 0.05])
def test_dropout_drops_the_share_that_is_asked_for(policy, rate):
    """Numbers of 16 bits are too coarse to draw it with."""
    layer = Dropout(rate, index=3, dtype=policy)
    with dropout_seed(tf.constant((1, 2), tf.int32)):
        told = layer(tf.ones((64, 32, 32, 16)), training=True)
    told = tf.cast(told, tf.float32).numpy()
    # A million coins: 0.0005 is one standard deviation, 0.0039 bfloat16's rounding.
    assert (told == 0).mean() == pytest.approx(rate, abs=0.002)
    assert told.mean() == pytest.approx(1.0, abs=0.005)


def test_logits_and_weights_stay_float32_in_half_precision(random):
    model = build_model(ModelConfig(depth=10, widen_factor=1), policy="mixed_bfloat16")
    assert {v.dtype for v in model.trainable_variables} == {"float32"}
    logits = model(random.normal(0, 1, (2, 32, 32, 3)).astype(np.float32))
    assert logits.dtype == tf.float32
    assert model.get_layer("conv1").output.dtype == "bfloat16"
