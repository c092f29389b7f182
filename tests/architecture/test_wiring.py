"""Wirings: each family's model is the one that is described."""

import keras
import numpy as np
import pytest

from wrn.architecture import describe
from wrn.architecture.wiring import AUTHORS, FAMILIES, TITU1994, Wiring, named
from wrn.config import WIRINGS, ModelConfig, TrainConfig
from wrn.errors import ConfigError
from wrn.model import build_model
from wrn.weights import differences


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("widen_factor", [1, 2])
def test_model_equals_description(family, widen_factor):
    config = ModelConfig(depth=10, widen_factor=widen_factor, dropout=0.3)
    architecture = describe(config, FAMILIES[family])
    model = build_model(config, FAMILIES[family])
    assert [layer.name for layer in architecture.layers] == list(architecture.by_name)
    assert {layer.name for layer in model.layers} == set(architecture.by_name)
    shapes = keras.Model(
        model.input, {layer.name: layer.output for layer in model.layers}
    ).compute_output_shape((None, 32, 32, 3))
    for layer in architecture.layers:
        built = model.get_layer(layer.name)
        (node,) = built._inbound_nodes
        producers = [t._keras_history.operation.name for t in node.input_tensors]
        assert producers == list(layer.inputs)
        assert tuple(shapes[layer.name][1:]) == layer.output_shape
        counted = sum(int(np.prod(w.shape)) for w in built.trainable_variables)
        assert counted == layer.parameters
    assert architecture.weight_bytes == 4 * model.count_params()


def test_parts_of_families():
    """Counted by hand: WRN-10-2 has 7 batch normalizations and 3 projections."""
    config = ModelConfig(depth=10, widen_factor=2)
    plain = describe(config).parameters
    head = {name: describe(config, FAMILIES[name]).parameters for name in FAMILIES}
    assert head["titu1994"] == head["edward2-v1"] == head["edward2-v2"] == plain
    assert head["titu1994-2017"] == plain - 2 * 128
    assert head["asmith26"] == plain - 10 + 63 * 128 * 10
    # One bias a channel: the first convolution, and three in each group.
    assert head["keras-contrib"] == plain + 16 + 3 * (32 + 64 + 128)
    narrow = ModelConfig(depth=10, widen_factor=1)
    extra = describe(narrow, TITU1994).parameters - describe(narrow).parameters
    assert extra == 16 * 16


def test_every_known_wiring_can_be_named():
    assert tuple(FAMILIES) == WIRINGS
    assert FAMILIES[TrainConfig().wiring] is AUTHORS


def test_wiring_is_checked_and_has_a_json_form():
    for wiring in FAMILIES.values():
        read = Wiring.from_dict(wiring.to_dict())
        assert (read, read.name) == (wiring, wiring.name)
    assert Wiring(name="other") == AUTHORS
    assert Wiring(epsilon=1e-3) != AUTHORS
    for name, wiring in FAMILIES.items():
        assert named(wiring.replace(name="other")).name == name
    assert named(Wiring(name="titu1994", epsilon=0.5)).name == "titu1994"
    for wrong in ({"order": "random"}, {"epsilon": -1.0}, {"name": "x"}, {"bias": 1}):
        with pytest.raises(ConfigError, match="Received"):
            Wiring.from_dict(wrong)


def test_only_a_narrow_network_differs_by_its_projections():
    wiring = TITU1994.replace(padding="symmetric")
    assert differences(wiring, 2) == ()
    (sentence,) = differences(wiring, 1)
    assert "all groups have a projection" in sentence


def test_epsilon_and_momentum_are_the_programs():
    found = {name: (each.epsilon, each.momentum) for name, each in FAMILIES.items()}
    assert found == {
        "authors": (1e-5, 0.9),
        "asmith26": (1e-3, 0.99),
        "titu1994": (1e-5, 0.1),
        "titu1994-2017": (1e-5, 0.1),
        "edward2-v1": (1e-5, 0.9),
        "edward2-v2": (1e-5, 0.9),
        "keras-contrib": (1e-3, 0.99),
        "chris4540": (1e-3, 0.99),
    }


def test_pools_widen_the_receptive_field():
    """By hand: a 2x2 maximum adds a jump and doubles it, the last 8x8 seven jumps."""
    config = ModelConfig(depth=10, widen_factor=1)
    layers = describe(config, FAMILIES["keras-contrib"]).by_name
    assert layers["group2_pool"].receptive_field == 8
    assert layers["group3_block1_add"].receptive_field == 34
    assert layers["pool"].receptive_field == 34 + 7 * 4
