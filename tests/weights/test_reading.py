"""Weight files: what is read, what is recognized, and what is refused."""

import json
import subprocess
import sys
import textwrap

import h5py
import numpy as np
import pytest

from tests import weight_files as samples
from wrn import weights
from wrn.errors import WeightsError

SEED = 20160523

pytestmark = pytest.mark.usefixtures("quick_reading")


def recognized(path):
    return weights.recognize(weights.read(path))


def assert_holds(found, layers):
    """Every array stands under the name of the place where it was made."""
    expected = {layer.name: layer for layer in layers if layer.weights}
    assert found.arrays.keys() == expected.keys()
    for name, layer in expected.items():
        roles = samples.ROLES[layer.kind]
        assert list(found.arrays[name]) == roles[: len(layer.weights)]
        for role, array in zip(roles, layer.weights, strict=False):
            assert found.arrays[name][role].dtype == np.float32
            np.testing.assert_array_equal(found.arrays[name][role], array)


# --- recognition ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("depth", "k", "classes"),
    [(10, 1, 10), (16, 1, 10), (16, 2, 10), (22, 3, 2), (28, 2, 100), (40, 1, 10)],
)
@pytest.mark.parametrize("write", [samples.write_weights_h5, samples.write_legacy])
def test_depth_width_and_classes_follow_from_the_shapes(path, depth, k, classes, write):
    layers = samples.wide_resnet(depth, k, classes)
    found = recognized(write(path, layers))
    assert found.config.to_dict() == {
        "depth": depth,
        "widen_factor": k,
        "classes": classes,
        "dropout": 0.0,
    }
    assert_holds(found, layers)
    assert ("ResNet-" in " ".join(found.notes)) == (k == 1)


@pytest.mark.parametrize("write", [samples.write_weights_h5, samples.write_legacy])
def test_projection_may_stand_before_the_second_convolution(path, write):
    layers = samples.wide_resnet(16, 2, shortcut="before")
    assert_holds(recognized(write(path, layers)), layers)


def test_own_names_need_no_order_and_no_caveat(path):
    layers = samples.wide_resnet(16, 2)
    shuffled = np.random.default_rng(SEED).permutation(len(layers))
    samples.write_weights_h5(path, [layers[i] for i in shuffled], own_names=True)
    found = recognized(path)
    assert_holds(found, layers)
    assert found.notes == ()


def test_shuffled_layers_without_names_are_refused(path):
    layers = [layer for layer in samples.wide_resnet(16, 2) if layer.weights]
    samples.write_weights_h5(path, layers[::-1])
    with pytest.raises(WeightsError, match=r"another order.*Expected.*Received"):
        recognized(path)


def test_classes_of_layers_are_free(path):
    layers = samples.wide_resnet(10, 2)
    samples.write_weights_h5(path, layers, classes={"bn": "fused_batch_normalization"})
    assert_holds(recognized(path), layers)


def test_order_spread_over_two_classes_is_refused(path):
    layers = samples.wide_resnet(10, 2)
    for layer in layers:
        if layer.kind == "bn" and layer.name.endswith("bn1"):
            layer.kind = "my_norm"
    samples.write_weights_h5(path, layers)
    with pytest.raises(WeightsError, match="their order is not recorded"):
        recognized(path)


def test_a_network_inside_another_model(path):
    """Keras 2 lists the weights of a nested model together, statistics last."""
    layers = samples.wide_resnet(10, 2)
    pairs = [
        (f"{layer.name}/{role}:0", array)
        for layer in layers
        for role, array in zip(
            samples.ROLES.get(layer.kind, ()), layer.weights, strict=False
        )
    ]
    pairs.sort(key=lambda pair: "/moving_" in pair[0])
    with h5py.File(path, "w") as file:
        group = file.create_group("wide_resnet")
        for name, array in pairs:
            group[name] = array
        group.attrs["weight_names"] = [name for name, _ in pairs]
        file.create_group("rescaling").attrs["weight_names"] = []
        file.attrs["layer_names"] = ["rescaling", "wide_resnet"]
        file.attrs["keras_version"] = "2.15.0"
    assert_holds(recognized(path), layers)


def test_a_partly_frozen_network_inside_another_model(path):
    """Weights that are not trained come last; the description tells their places."""
    layers = samples.wide_resnet(10, 2)
    names = [f"layer_{number}" for number in range(len(layers))]
    frozen = names[:5]
    pairs = [
        (f"{name}/{role}", array, name in frozen or "moving" in role)
        for name, layer in zip(names, layers, strict=True)
        if layer.weights
        for role, array in zip(samples.ROLES[layer.kind], layer.weights, strict=False)
    ]
    pairs.sort(key=lambda pair: pair[2])
    described = [{"class_name": "X", "config": {"name": name}} for name in names]
    inner = {"class_name": "Functional", "config": {"layers": described}}
    config = {"class_name": "Functional", "config": {"layers": [inner]}}
    with h5py.File(path, "w") as file:
        group = file.create_group("model_weights/wide_resnet")
        for name, array, _ in pairs:
            group[name] = array
        group.attrs["weight_names"] = [name for name, *_ in pairs]
        file["model_weights"].attrs["layer_names"] = ["wide_resnet"]
        file["model_weights"].attrs["keras_version"] = "3.15.1"
        file.attrs["model_config"] = json.dumps(config)
    assert_holds(recognized(path), layers)


def test_a_network_inside_another_model_of_keras_1(path):
    """Its names have the role behind an underscore, in place of a slash."""
    layers = samples.wide_resnet(10, 2)
    samples.write_keras_1(path, layers, theano=False)
    with h5py.File(path, "a") as file:
        names = list(file.attrs["layer_names"])
        weight_names = []
        group = file.create_group("model_1")
        for name in names:
            for weight in file[name].attrs["weight_names"]:
                group[weight] = file[name][weight][()]
                weight_names.append(weight)
            del file[name]
        group.attrs["weight_names"] = weight_names
        file.attrs["layer_names"] = ["model_1"]
    assert_holds(recognized(path), layers)


@pytest.mark.parametrize("members", ["layers", "own_name"])
def test_optimizers_of_models_inside_are_left_out(path, members):
    """A model that was compiled keeps its optimizer, wherever it stands.

    A class of one's own calls what it holds as it likes.
    """
    layers = samples.wide_resnet(10, 2)
    samples.write_weights_h5(path, layers, optimizer=True)
    with h5py.File(path, "a") as file:
        inner = file.create_group("within/functional")
        file.move("layers", f"within/functional/{members}")
        file.move("optimizer", "within/functional/optimizer")
        if members == "layers":
            inner["metrics/vars/0"] = np.int64(1)
        file.move("within", "layers")
    assert_holds(recognized(path), layers)


@pytest.mark.parametrize("said", [True, False])
def test_bfloat16_as_keras_3_writes_it(path, said):
    """Two bytes, the upper half of a float32; in `.h5` nothing is said of them."""
    layers = samples.wide_resnet(10, 2)
    for layer in layers:
        layer.weights = [
            (array.view(np.uint32) & 0xFFFF0000).view(np.float32)
            for array in layer.weights
        ]
    samples.write_weights_h5(path, layers)
    with h5py.File(path, "a") as file:
        for group in file["layers"].values():
            for name, dataset in list(group["vars"].items()):
                halves = (dataset[()].view(np.uint32) >> 16).astype(np.uint16)
                del group["vars"][name]
                group["vars"][name] = halves.view("V2")
                if said:
                    group["vars"][name].attrs["dtype"] = "bfloat16"
    assert_holds(recognized(path), layers)


def test_two_bytes_of_another_kind_are_refused(path):
    samples.write_weights_h5(path, samples.wide_resnet(10, 2))
    with h5py.File(path, "a") as file:
        file["layers/x"] = np.zeros(3, "V2")
        file["layers/x"].attrs["dtype"] = "float8_e4m3"
    with pytest.raises(WeightsError, match="opaque bytes"):
        recognized(path)


def test_what_is_no_number_to_json_is_none(path):
    samples.write_weights_h5(path, samples.wide_resnet(10, 2))
    with h5py.File(path, "a") as file:
        file.attrs["wrn"] = '{"a": NaN, "b": -Infinity, "c": 1e999, "d": 2.5}'
    assert weights.read(path).metadata == {"a": None, "b": None, "c": None, "d": 2.5}


def test_a_circle_of_links_is_refused(path):
    path.symlink_to(path)
    with pytest.raises(WeightsError, match="A weight file is expected"):
        weights.read(path)


def test_one_class_is_refused_in_words(path):
    samples.write_weights_h5(path, samples.wide_resnet(10, 2, classes=1))
    with pytest.raises(WeightsError, match="cannot be run here: classes must be"):
        recognized(path)


def test_long_lists_of_names_come_in_chunks(path):
    layers = samples.wide_resnet(10, 2)
    samples.write_legacy(path, layers)
    with h5py.File(path, "a") as file:
        names = file.attrs["layer_names"]
        del file.attrs["layer_names"]
        file.attrs["layer_names0"] = names[:9]
        file.attrs["layer_names1"] = names[9:]
    assert_holds(recognized(path), layers)


def test_metadata_and_optimizer_of_own_files(path):
    layers = samples.wide_resnet(10, 2)
    model = {"depth": 10, "widen_factor": 2, "dropout": 0.3, "classes": 10}
    metadata = {"model": model, "preprocessing": {"name": "mean-std"}}
    samples.write_weights_h5(
        path, layers, own_names=True, metadata=metadata, optimizer=True
    )
    file = weights.read(path)
    assert file.metadata == metadata
    assert file.writer == "this program"
    found = weights.recognize(file)
    assert found.config.dropout == 0.3
    assert_holds(found, layers)


def test_arrays_of_the_preprocessing_are_no_layers(path):
    layers = samples.wide_resnet(10, 2)
    samples.write_weights_h5(path, layers, own_names=True)
    with h5py.File(path, "a") as file:
        file["preprocessing/matrix"] = np.eye(3)
        file["preprocessing/deeper/matrix"] = np.eye(4)
        file["preprocessings"] = np.eye(5)
    file = weights.read(path)
    assert list(file.preprocessing) == ["matrix"]
    assert file.preprocessing["matrix"].dtype == np.float32
    np.testing.assert_array_equal(file.preprocessing["matrix"], np.eye(3))
    assert_holds(weights.recognize(file), layers)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"model": {"depth": 16, "widen_factor": 2}}, "WRN-16-2.*Received.*WRN-10-2"),
        ({"model": {"depth": 17}}, "own description.*6n"),
        ({"model": {"depht": 17}}, "own description.*depht"),
        ({"model": 3}, "own description"),
        ("[1]", "must be a JSON object"),
        ("{", "must be a JSON object"),
        ("[" * 100_000, "must be a JSON object"),
        ('{"a": "' + "b" * 2**20 + '"}', "characters"),
    ],
)
def test_metadata_that_is_wrong_is_refused(path, metadata, message):
    samples.write_weights_h5(path, samples.wide_resnet(10, 2))
    with h5py.File(path, "a") as file:
        text = metadata if isinstance(metadata, str) else json.dumps(metadata)
        file.attrs["wrn"] = text
    with pytest.raises(WeightsError, match=message):
        recognized(path)


@pytest.mark.parametrize("bare", [False, True], ids=["under a key", "bare"])
def test_recorded_settings_are_those_of_the_network(path, bare):
    """Early versions write the layers of a `Sequential` without more around."""
    layers = samples.wide_resnet(10, 2)
    strided = {"strides": [2, 2], "kernel_size": [3, 3], "padding": "same"}
    described = [
        {"class_name": "BatchNormalization", "config": {"epsilon": 0.001}},
        {"class_name": "Dropout", "config": {"rate": 0.25}},
        {"class_name": "Conv2D", "config": strided},
    ]
    config = {
        "class_name": "Sequential",
        "config": described if bare else {"layers": described},
    }
    found = recognized(samples.write_legacy(path, layers, model_config=config))
    assert found.config.dropout == 0.25
    assert (found.wiring.epsilon, found.wiring.padding) == (1e-3, "tensorflow")
    assert_holds(found, layers)
    assert "pad at the bottom and right only" in " ".join(found.notes)
    assert "does not record the epsilon" not in " ".join(found.notes)


def test_kernels_of_theano_are_rotated(path):
    layers = samples.wide_resnet(10, 2)
    samples.write_legacy(path, layers, version="2.0.8", backend="theano")
    found = recognized(path)
    assert found.wiring.padding == "symmetric"
    assert any("rotated by 180" in note for note in found.conversions)
    for layer in layers:
        if layer.kind == "conv":
            kernel = found.arrays[layer.name]["kernel"]
            np.testing.assert_array_equal(np.rot90(kernel, 2), layer.weights[0])


def test_gaps_in_files_of_keras_0_are_refused(path):
    with h5py.File(path, "w") as file:
        file.attrs["nb_layers"] = 1
        file["layer_0/param_0"] = np.ones((16, 3, 3, 3))
        file["layer_0/param_2"] = np.ones(16)
    with pytest.raises(WeightsError, match=r"without gaps.*Received.*param_2"):
        weights.read(path)


def test_archive_is_read_like_its_weights(path, tmp_path):
    layers = samples.wide_resnet(10, 2)
    samples.write_weights_h5(path, layers)
    samples.pack(tmp_path / "archive", samples.archived(path))
    file = weights.read(tmp_path / "archive")
    assert (file.format, file.writer) == ("keras archive", "Keras 3.15.1")
    assert_holds(weights.recognize(file), layers)


def test_inspect_is_plain_json_and_imports_no_tensorflow(path):
    samples.write_legacy(path, samples.wide_resnet(16, 2), version="2.15.0")
    program = """
        import json, sys
        from wrn import weights
        print(json.dumps(weights.inspect(sys.argv[1])))
        heavy = {"tensorflow", "keras"} & set(sys.modules)
        sys.exit(f"imported {heavy}" if heavy else 0)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["name"] == "WRN-16-2"
    assert (report["depth"], report["widen_factor"], report["classes"]) == (16, 2, 10)
    assert report["parameters"] == 691_674  # issue's table
    assert report["format"] == "legacy weights"
    assert report["writer"] == "Keras 2.15.0 (tensorflow)"
    assert report["layers"][0] == {
        "name": "conv1",
        "source": "conv2d_1",
        "weights": {"kernel": [3, 3, 3, 16]},
    }


# --- files that Keras itself writes -----------------------------------------------


def assert_holds_model(found, places):
    assert found.arrays.keys() == places.keys()
    for name, layer in places.items():
        for ours, theirs in zip(
            found.arrays[name].values(), layer.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("shortcut_first", [True, False])
@pytest.mark.parametrize(
    ("package", "endings"),
    [
        ("keras", (".weights.h5", ".h5", ".keras")),
        ("tf_keras", (".weights.h5", ".hdf5", ".h5", ".keras")),
    ],
)
def test_files_of_keras(tmp_path, package, endings, shortcut_first):
    keras = pytest.importorskip(package)
    depth, k = (16, 1) if shortcut_first else (10, 2)
    model, places = samples.keras_wide_resnet(
        keras, depth, k, shortcut_first=shortcut_first, dropout=0.3
    )
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    for ending in endings:
        path = tmp_path / f"model{ending}"
        whole = ending in (".h5", ".keras")
        if whole:
            model.save(path)
        else:
            model.save_weights(path)
        found = recognized(path)
        assert found.config.name == f"WRN-{depth}-{k}", ending
        assert found.config.dropout == (0.3 if whole else 0)
        assert_holds_model(found, places)
