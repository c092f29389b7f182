"""Files of known programs give the logits of the networks that wrote them."""

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests import keras_1, programs, weight_files
from tests.conftest import ROOT
from wrn import weights
from wrn.cli import main
from wrn.data import sources
from wrn.errors import WeightsError
from wrn.model import build_model
from wrn.restoring import AUTHORS_STATISTICS, load_weights
from wrn.stored.converting import convert

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
            programs.train(model)
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


@pytest.mark.parametrize("name", programs.PROGRAMS)
def test_whole_models_describe_themselves(tmp_path, source, images, name):
    model, expected = source(name)
    for ending in (".h5", ".keras"):
        path = tmp_path / f"model{ending}"
        model.save(path)
        found = weights.recognize(weights.read(path))
        assert found.wiring.name == name.split(",")[0]
        assert found.certain
        assert found.alternatives == ()
        assert found.wiring.momentum == model.layers[2].momentum
        assert_gives(found, images, expected)


@pytest.mark.parametrize(
    ("version", "deviations", "epsilon"),
    [
        ("1.0.3", True, 1e-6),
        ("1.0.7", False, 1e-6),
        ("1.0.8", False, 1e-5),
        ("1.1.2", False, 1e-5),
        ("1.2.2", False, 1e-3),
    ],
)
@pytest.mark.parametrize(
    "name", ["asmith26", "keras-contrib", "titu1994", "titu1994-2017"]
)
def test_keras_1_on_theano(
    tmp_path, source, images, name, version, deviations, epsilon
):
    """All conversions of numbers in one file, of every program of that time."""
    trained, _ = source(name, 1)
    network = keras_1.Network(trained, deviations=deviations, epsilon=epsilon)
    expected = network.logits(images[0].transpose(2, 0, 1))
    assert 0.3 < expected.std() < 10, expected.std()
    path = tmp_path / "weights"
    keras_1.write(path, network.weights, version=version)
    found = weights.recognize(weights.read(path))
    assert found.config.name == "WRN-10-2"
    assert (found.wiring.name, found.wiring.padding) == (name, "symmetric")
    assert found.wiring.epsilon == (1e-5 if "titu1994" in name else epsilon)
    told = " ".join(found.conversions)
    assert "transposed" in told
    assert "rotated" in told
    assert ("Standard deviations" in told) == deviations
    assert ("rows" in told) == (name == "asmith26")
    assert_gives(found, images[:1], expected[None])


def test_keras_1_without_its_version(tmp_path, source, images):
    """What the file does not record is said, and can be told."""
    network = keras_1.Network(source("asmith26", 1)[0])
    expected = network.logits(images[0].transpose(2, 0, 1))
    path = keras_1.write(tmp_path / "weights", network.weights)
    file = weights.read(path)
    found = weights.recognize(file)
    assert found.reading.theano
    assert any("standard deviation" in note for note in found.notes)
    reading = replace(found.reading, deviations=True)
    told = weights.recognize(file, wiring=found.wiring, reading=reading)
    assert_gives(told, images[:1], expected[None])
    # TensorFlow's names: neither rotated nor padded on both sides.
    keras_1.write(path, network.weights, suffix=":0")
    assert not weights.recognize(weights.read(path)).reading.theano


@pytest.mark.parametrize("channels_first", [False, True])
@pytest.mark.parametrize("name", ["asmith26", "titu1994", "keras-contrib"])
def test_keras_1_on_tensorflow(tmp_path, source, images, name, channels_first):
    """Neither rotated nor padded on both sides, in either order of dimensions."""
    model, expected = source(name)
    path = tmp_path / "weights.h5"
    layers = keras_1.layers_of(model, channels_first=channels_first)
    keras_1.write(path, layers, version="1.2.2", suffix=":0")
    found = weights.recognize(weights.read(path))
    assert (found.wiring.name, found.wiring.padding) == (name, "tensorflow")
    told = " ".join(found.conversions)
    assert ("transposed" in told) == channels_first
    assert "rotated" not in told
    assert_gives(found, images, expected)


@pytest.mark.parametrize("graph", [True, False])
@pytest.mark.parametrize("name", ["authors", "asmith26", "keras-contrib"])
def test_keras_0(tmp_path, tf_keras, images, name, graph):
    """Nothing is named, all layers have biases, statistics are deviations."""
    like = {"authors": "chris4540"}.get(name, name)
    trained = programs.PROGRAMS[like](tf_keras, 1, K, bias=True)
    programs.train(trained)
    network = keras_1.Network(trained)
    expected = network.logits(images[0].transpose(2, 0, 1))
    assert 0.3 < expected.std() < 10, expected.std()
    path = tmp_path / "weights.h5"
    keras_1.write_keras_0(path, network.weights, graph=graph)
    file = weights.read(path)
    assert (file.format, file.writer) == ("keras 0", "Keras 0.3 or earlier")
    found = weights.recognize(file)
    assert found.config.name == "WRN-10-2"
    assert not found.certain
    assert "Theano is assumed" in " ".join(found.notes)
    possible = {wiring.name: wiring for wiring in (found.wiring, *found.alternatives)}
    assert found.wiring.name == ("asmith26" if name == "asmith26" else "authors")
    told = weights.recognize(file, wiring=possible[name])
    assert (told.wiring.conv_bias, told.wiring.epsilon) == (True, keras_1.EPSILON)
    assert_gives(told, images[:1], expected[None])


@pytest.mark.parametrize("name", programs.PROGRAMS)
def test_keras_3(tmp_path, source, images, name):
    """The same networks in Keras 3, which writes what it writes."""
    import keras

    trained, expected = source(name)
    model = programs.PROGRAMS[name](keras, BLOCKS, K)
    for layer, like in zip(model.layers, trained.layers, strict=True):
        layer.set_weights(like.get_weights())
    family = name.split(",")[0]
    for ending in (".h5", ".keras"):
        model.save(tmp_path / f"model{ending}")
        found = weights.recognize(weights.read(tmp_path / f"model{ending}"))
        assert found.wiring.name == family
        assert_gives(found, images, expected)
    model.save_weights(tmp_path / "model.weights.h5")
    file = weights.read(tmp_path / "model.weights.h5")
    if family == "keras-contrib":  # whose biases want an order of layers
        with pytest.raises(WeightsError, match="biases in its convolutions"):
            weights.recognize(file)
        return
    found = weights.recognize(file)
    possible = {w.name: w for w in (found.wiring, *found.alternatives)}
    told = weights.recognize(file, wiring=possible[family])
    assert_gives(told, images, expected)


def test_older_weights_h5(tmp_path, source, images):
    """tf.keras of 2022 called the group of layers otherwise."""
    model, expected = source("asmith26")
    path = tmp_path / "model.weights.h5"
    model.save_weights(path)
    with h5py.File(path, "a") as file:
        file.move("layers", "_layer_checkpoint_dependencies")
    assert_gives(weights.recognize(weights.read(path)), images, expected)


@pytest.mark.parametrize("name", ["edward2-v1", "edward2-v2", "asmith26", "chris4540"])
def test_format_without_the_order_of_layers(tmp_path, source, images, name):
    """Only layers of one class are numbered: the likely wirings are all named."""
    model, expected = source(name)
    path = tmp_path / "model.weights.h5"
    model.save_weights(path)
    file = weights.read(path)
    found = weights.recognize(file)
    possible = {w.name: w for w in (found.wiring, *found.alternatives)}
    assert not found.certain
    assert name in possible
    assert_gives(weights.recognize(file, wiring=possible[name]), images, expected)


def test_biases_without_the_order_of_layers_are_refused(tmp_path, source):
    path = tmp_path / "model.weights.h5"
    source("keras-contrib")[0].save_weights(path)
    with pytest.raises(WeightsError, match="biases in its convolutions"):
        weights.recognize(weights.read(path))


def test_evaluation_runs_other_wirings(tmp_path, source, images):
    model, expected = source("edward2-v1")
    path = tmp_path / "weights.h5"
    model.save_weights(path)
    loaded = load_weights(path, "float32")
    found = loaded.classifier.model(images, training=False).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    report = weights.inspect(path)
    assert report["wiring"]["name"] == "edward2-v1"
    assert any("post-activation network of edward2" in n for n in loaded.notes)


def test_command_and_page_run_other_wirings(
    tmp_path, tf_keras, source, dataset, monkeypatch, capsys
):
    """Both tell the accuracy that the network has in the program that wrote it."""
    model, _ = source("edward2-v1")
    path = tmp_path / "weights.h5"
    model.save_weights(path)
    statistics = AUTHORS_STATISTICS.mean, AUTHORS_STATISTICS.std
    mean, std = (np.array(each, np.float32) for each in statistics)
    test = dataset.test
    theirs = programs.logits(tf_keras, model, (test.images - mean) / std)
    expected = (theirs.argmax(axis=1) == test.labels).mean()
    monkeypatch.setitem(sources._kept, ("synthetic", "synthetic"), dataset)

    arguments = ("evaluate", path, "--data", "synthetic", "--no-diagnose", "--json")
    options = ("--precision", "float32", "--quiet")
    assert main(list(map(str, (*arguments, *options)))) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] == expected

    st.cache_data.clear()
    st.cache_resource.clear()
    monkeypatch.setenv("WRN_DATA", "synthetic")
    monkeypatch.setattr(
        "ui.evaluation.measuring.load_diagnosis", lambda *arguments: None
    )
    app = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=240)
    app.query_params["weights"] = "Upload a file"
    app.run().switch_page("pages/evaluate.py").run()
    app.file_uploader(key="upload").upload("old.h5", path.read_bytes()).run()
    next(button for button in app.button if button.label == "Evaluate").click().run()
    assert not app.exception
    notes = " ".join(caption.value for caption in app.caption).replace("\\", "")
    assert "post-activation network of edward2" in notes
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Accuracy (synthetic)"] == f"{expected:.2%}"


def test_converted_files_give_the_same_logits(tmp_path, source, images):
    model, expected = source("asmith26")
    path, target = tmp_path / "weights.h5", tmp_path / "new.weights.h5"
    model.save_weights(path)
    report = convert(path, target)
    assert report["written"] == str(target)
    found = weights.recognize(weights.read(target))
    assert found.wiring.name == "asmith26"
    assert (found.wiring.to_dict(), found.certain) == (report["wiring"], False)
    assert any("inferred" in note for note in found.notes)
    assert_gives(found, images, expected)
    for wrong in (target, tmp_path / "new.h5"):
        with pytest.raises(WeightsError, match=r"new file that ends.*Received"):
            convert(path, wrong)


def test_recorded_wiring_is_checked(tmp_path, source):
    path, target = tmp_path / "weights.h5", tmp_path / "new.weights.h5"
    source("edward2-v2")[0].save_weights(path)
    convert(path, target)
    file = weights.read(target)
    for wrong, message in (
        ({"order": "random"}, "own description of its wiring"),
        ({"conv_bias": True}, "with a bias"),
    ):
        changed = replace(file, metadata={**file.metadata, "wiring": wrong})
        with pytest.raises(WeightsError, match=message):
            weights.recognize(changed)


def test_a_preprocessing_without_sense_is_not_converted(tmp_path):
    """Every evaluation of the new file would refuse it."""
    wrong = {"kind": "mean-std", "mean": [1, 2, 3], "std": [1, 1, 1e-60]}
    path, target = tmp_path / "weights.h5", tmp_path / "new.weights.h5"
    layers = weight_files.wide_resnet(10, 1)
    metadata = {"preprocessing": wrong}
    weight_files.write_weights_h5(path, layers, own_names=True, metadata=metadata)
    with pytest.raises(WeightsError, match="three positive deviations"):
        convert(path, target)
    assert not target.exists()


def test_a_converted_file_still_tells_where_its_weights_come_from(tmp_path):
    told = {
        "preprocessing": {"kind": "mean-std", "mean": [125] * 3, "std": [64] * 3},
        "data": {"source": "CIFAR-10", "class_names": list("abcdefghij")},
        "train": {"epochs": 5, "initial_weights": "a.h5"},
        "result": {"epochs": 3},
        "commit": "abc",
        "initial": {"file": "a.h5", "data": {"validation": 0}},
        "teachers": [{"file": "b.h5"}],
    }
    path, target = tmp_path / "weights.h5", tmp_path / "new.weights.h5"
    layers = weight_files.wide_resnet(10, 1)
    weight_files.write_weights_h5(path, layers, own_names=True, metadata=told)
    convert(path, target)
    found = weights.read(target).metadata
    assert {name: found.get(name) for name in told} == told
