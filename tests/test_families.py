"""Files of known programs give the logits of the networks that wrote them."""

import numpy as np
import pytest

from tests import programs
from wrn import weights
from wrn.model import build_model

BLOCKS, K = 2, 2

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
]


@pytest.fixture(scope="module")
def tf_keras():
    return pytest.importorskip("tf_keras")


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(7).normal(0, 1, (3, 32, 32, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def source(tf_keras, images):
    """Make networks once: name, blocks and k -> model and logits."""
    made = {}

    def make(name, blocks=BLOCKS, k=K):
        if (name, blocks, k) not in made:
            model = programs.PROGRAMS[name](tf_keras, blocks, k)
            programs.randomize(model)
            expected = programs.logits(tf_keras, model, images)
            # Large enough that an error would show, small enough for 1e-4.
            assert 0.3 < expected.std() < 10, expected.std()
            made[name, blocks, k] = model, expected
        return made[name, blocks, k]

    return make


def assert_gives(recognized, images, expected):
    model = build_model(recognized.config, recognized.wiring)
    weights.fill(model, recognized)
    np.testing.assert_allclose(
        model(images, training=False).numpy(), expected, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("name", programs.PROGRAMS)
def test_weights_with_the_order_of_layers(tmp_path, source, images, name):
    """What `save_weights` wrote in all years of Keras 2: names, no description."""
    model, expected = source(name)
    path = tmp_path / "weights.hdf5"
    model.save_weights(path)
    found = weights.recognize(weights.read(path))
    assert found.config.name == "WRN-16-2"
    assert found.wiring.name == name.split(",")[0]
    assert_gives(found, images, expected)


@pytest.mark.parametrize("ending", [".h5", ".keras"])
@pytest.mark.parametrize("name", programs.PROGRAMS)
def test_whole_models_describe_themselves(tmp_path, source, images, name, ending):
    model, expected = source(name)
    path = tmp_path / f"model{ending}"
    model.save(path)
    found = weights.recognize(weights.read(path))
    assert found.wiring.name == name.split(",")[0]
    assert found.certain
    assert found.alternatives == ()
    assert found.wiring.momentum == model.layers[2].momentum
    assert_gives(found, images, expected)
