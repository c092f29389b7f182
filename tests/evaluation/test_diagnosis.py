"""Files that do not record everything: what they leave open is found out."""

import dataclasses
import json
import math

import numpy as np
import pytest

from tests import weight_files
from tests.conftest import ROOT, real_images, stripes
from tests.trainings import small
from ui.chosen_weights import ChosenWeights
from ui.evaluation.converted_download import converted
from wrn import weights
from wrn.config import DataConfig
from wrn.data import Images, load_cached
from wrn.evaluation import diagnosis, evaluate
from wrn.evaluation.diagnosis import FIRST_IMAGES, binomial_tail, diagnose
from wrn.evaluation.trials import Trial, ranked
from wrn.preprocessing import MeanStd, PerImage, PerPixel
from wrn.restoring import load_weights
from wrn.runs import RunStore
from wrn.stored.converting import convert
from wrn.training.loop import train

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A WRN-10-1 that knows the stripes, and their data set."""
    dataset = stripes()
    config = dataclasses.replace(
        small(epochs=20, dropout=0.0, learning_rate=0.2),
        data=DataConfig(source="synthetic", flip=False, crop_padding=0),
    )
    run = RunStore(tmp_path_factory.mktemp("diagnosis")).create(config, "trained")
    assert train(config, dataset, run).test_accuracy > 0.8
    return run.last_weights, dataset


def first_kernel(layers):
    return next(layer for layer in layers if layer.kind == "conv").weights


def test_a_file_that_records_all_leaves_nothing_to_find_out(trained):
    path, dataset = trained
    assert diagnose(path, dataset) is None


@pytest.mark.parametrize("deviations", [False, True])
def test_rotation_and_deviations_are_found(trained, tmp_path, deviations):
    """Keras 1 on Theano, without its version: nothing says what the numbers mean."""
    source, dataset = trained
    layers = weight_files.layers_of(source, 10, 1)
    for layer in layers:
        if layer.kind == "bn" and deviations:
            # Keras 1.0.6 divides by the deviation plus epsilon.
            layer.weights[3] = np.sqrt(layer.weights[3] + 1e-5) - 1e-5
    path = weight_files.write_keras_1(tmp_path / "old.h5", layers)
    asked = []
    found = diagnose(path, dataset, "float32", lambda *counts: asked.append(counts))
    inferred = found.to_dict()["inferred"]
    assert inferred["kernels"] == "rotated"
    assert inferred["statistics"] == ("deviations" if deviations else "variances")
    assert inferred["preprocessing"] == "mean and deviation of channels"
    assert not found.random
    assert found.sentence in found.loaded.notes
    assert asked[-1] == (3, 3)
    test = dataset.test
    again = evaluate(found.loaded.classifier, test.images, test.labels)
    assert again.accuracy > 0.8


def test_images_sorted_by_class_are_mixed(trained, tmp_path, monkeypatch):
    """As sources made of folders of classes are."""
    source, dataset = trained
    order = np.argsort(dataset.train.labels, kind="stable")
    by_class = dataclasses.replace(dataset, train=dataset.train.take(order))
    layers = weight_files.layers_of(source, 10, 1)
    path = weight_files.write_keras_1(tmp_path / "old.h5", layers)
    tried = []

    def bench(sample, *others):
        tried.append(sample.labels[:FIRST_IMAGES])
        raise StopIteration

    monkeypatch.setattr("wrn.evaluation.diagnosis.Bench", bench)
    with pytest.raises(StopIteration):
        diagnose(path, by_class)
    assert len(np.unique(by_class.train.labels[:FIRST_IMAGES])) < 10
    assert len(np.unique(tried)) == 10


def test_what_was_found_out_is_written_with_the_converted_file(trained, tmp_path):
    source, dataset = trained
    layers = weight_files.layers_of(source, 10, 1)
    std = MeanStd.fit(dataset.train.images).std
    # A network for blue, green, red of 0 to 1 less the mean, on Theano.
    first = first_kernel(layers)
    first[0] = (first[0] * (255 / np.asarray(std, np.float32)[:, None]))[:, :, ::-1]
    path = weight_files.write_keras_1(tmp_path / "old.h5", layers)
    found = diagnose(path, dataset, "float32")
    assert found.inferred["colours"] == "BGR"
    new = tmp_path / "new.weights.h5"
    report = convert(path, new, found)
    assert report["inferred"] == found.found_out
    assert report["assumed"] == []
    assert report["notes"] == list(found.loaded.notes)
    # It leaves nothing open and needs no diagnosis to be as good.
    assert diagnose(new, dataset) is None
    written = load_weights(new, "float32")
    assert written.metadata["inferred"] == found.found_out
    assert found.found_out.items() <= found.inferred.items()
    images = dataset.test.images
    np.testing.assert_allclose(
        written.classifier.logits(images),
        found.loaded.classifier.logits(images),
        atol=1e-4,
    )
    (note,) = weights.inspect(new)["notes"]
    assert "found out on training images: kernels: rotated" in note
    assert note in written.notes
    assert not report["certain"]
    # The page does the same, where these very weights were evaluated.
    content = path.read_bytes()
    chosen = ChosenWeights("old.h5", "any", content=content)
    downloaded = tmp_path / "downloaded.weights.h5"
    downloaded.write_bytes(converted(chosen, found))
    assert weights.read(downloaded).metadata == weights.read(new).metadata


@pytest.mark.cifar10
def test_a_converted_file_tells_what_was_assumed(trained, tmp_path):
    """It leaves nothing open any more, so that nobody could find it out."""
    source, dataset = trained
    layers = weight_files.layers_of(source, 10, 1)
    path = weight_files.write_keras_1(tmp_path / "old.h5", layers)
    new, newer = tmp_path / "new.weights.h5", tmp_path / "newer.weights.h5"
    assert convert(path, new)["assumed"] == ["statistics"]
    convert(new, newer)
    for written in (new, newer):
        found = diagnose(written, dataset, "float32")
        for notes in (weights.inspect(written)["notes"], found.loaded.notes):
            (note,) = (note for note in notes if "assumed that" in note)
            assert "its statistics were variances; `convert --diagnose`" in note
    # What the second of them could not try it has not found out.
    again = diagnose(new, dataset, "float32")
    third = tmp_path / "third.weights.h5"
    found_out = convert(new, third, again)["inferred"]
    assert "preprocessing" in found_out
    assert not {"kernels", "statistics"} & found_out.keys()


@pytest.mark.parametrize("channels_first", [False, True])
def test_the_order_of_flattened_pixels_is_found(trained, tmp_path, channels_first):
    """Keras 2 writes kernels in one order, whatever that of the images was."""
    source, dataset = trained
    layers = weight_files.layers_of(source, 10, 1)
    dense = layers[-1]
    # Of Theano's 8x8 windows around the pixels the last holds all of them: the average
    # that the network was trained with.
    rows = np.zeros((8, 8, 64, 10), np.float32)
    rows[7, 7] = dense.weights[0]
    if channels_first:
        rows = rows.transpose(2, 0, 1, 3)
    dense.weights = [rows.reshape(-1, 10)]
    for layer in layers:
        if layer.kind == "conv":
            layer.weights[0] = layer.weights[0][::-1, ::-1]
    path = tmp_path / "old.h5"
    weight_files.write_legacy(path, layers, version="2.0.8", backend="theano")
    assert weights.inspect(path)["assumed"] == ["dense rows"]
    found = diagnose(path, dataset, "float32")
    order = "channels first" if channels_first else "channels last"
    assert found.inferred["dense rows"] == order
    test = dataset.test
    again = evaluate(found.loaded.classifier, test.images, test.labels)
    assert again.accuracy > 0.8


def test_the_other_padding_is_found(tmp_path):
    """The shipped network pads on all sides; a file of Keras 2 does not tell."""
    dataset = load_cached(str(real_images()))
    layers = weight_files.layers_of(ROOT / "models" / "WRN-10-1.weights.h5", 10, 1)
    path = weight_files.write_legacy(tmp_path / "carried.h5", layers)
    assert weights.recognize(weights.read(path)).wiring.padding == "tensorflow"
    found = diagnose(path, dataset)
    assert found.inferred["padding"] == "all sides"
    # So it is the authors' network after all.
    assert found.inferred["wiring"] == "authors"
    best, *others = found.to_dict()["trials"]
    wrong = next(row for row in others if row["padding"] == "bottom, right")
    assert best["accuracy"] > wrong["accuracy"] + 0.1


def test_nothing_is_inferred_of_random_weights(dataset, tmp_path):
    path = weight_files.write_legacy(
        tmp_path / "random.h5", weight_files.wide_resnet(10, 1)
    )
    found = diagnose(path, dataset, "float32")
    report = convert(path, tmp_path / "new.weights.h5", found)
    assert report["inferred"] == {}
    assert found.sentence in report["notes"]
    assert "preprocessing" not in weights.read(tmp_path / "new.weights.h5").metadata


def test_preprocessing_is_found(trained, tmp_path):
    """A network for images of 0 to 1 less the mean: its first kernel is larger."""
    source, dataset = trained
    layers = weight_files.layers_of(source, 10, 1)
    std = MeanStd.fit(dataset.train.images).std
    first_kernel(layers)[0] *= 255 / np.asarray(std, np.float32)[:, None]
    # With this project's names it is connected as the authors' network is.
    path = tmp_path / "scaled.weights.h5"
    weight_files.write_weights_h5(path, layers, own_names=True)
    found = diagnose(path, dataset, "float32")
    assert found.to_dict()["inferred"]["preprocessing"] == "0 to 1, less the mean"
    trials = found.to_dict()["trials"]
    assert trials[0]["accuracy"] > 0.9
    assert trials[0]["images"] == 200
    assert trials[0]["misfit"] < 0.5
    assert len({json.dumps(trial) for trial in trials}) == len(trials)


def test_a_random_network_is_said_to_be_random(dataset, tmp_path):
    path = weight_files.write_legacy(
        tmp_path / "random.h5", weight_files.wide_resnet(10, 1)
    )
    found = diagnose(path, dataset, "float32")
    assert found.random
    assert "none is much better than guessing" in found.sentence
    # It is read as without all this.
    assert any("means and deviations are assumed" in n for n in found.loaded.notes)


@pytest.mark.long
@pytest.mark.cifar10
def test_a_random_network_is_whitened_in_vain(tmp_path):
    """Where nothing else fits, whitening is tried: on real images, which suffice."""
    dataset = load_cached(str(real_images()))
    path = weight_files.write_legacy(
        tmp_path / "random.h5", weight_files.wide_resnet(10, 1)
    )
    found = diagnose(path, dataset)
    assert found.random
    tried = {trial["preprocessing"] for trial in found.to_dict()["trials"]}
    assert len(tried) == 9


@pytest.mark.slow
@pytest.mark.cifar10
@pytest.mark.parametrize("bgr", [False, True])
def test_the_order_of_colours_is_found(tmp_path, bgr):
    dataset = load_cached(str(real_images()))
    source = ROOT / "models" / "WRN-10-1.weights.h5"
    layers = weight_files.layers_of(source, 10, 1)
    kernel = first_kernel(layers)
    kernel[0] = kernel[0][:, :, ::-1] if bgr else kernel[0]
    path = weight_files.write_legacy(tmp_path / "colours.h5", layers)
    found = diagnose(path, dataset)
    inferred = found.to_dict()["inferred"]
    assert inferred["colours"] == ("BGR" if bgr else "RGB")
    assert inferred["preprocessing"] == "mean and deviation of channels"
    # The network that comes of it is the shipped one.
    shipped = weights.recognize(weights.read(source)).arrays["conv1"]["kernel"]
    got = found.loaded.classifier.model.get_layer("conv1").kernel
    np.testing.assert_array_equal(got, shipped)


class ScriptedBench:
    """Gives every combination the accuracy that a test says."""

    def __init__(self, accuracy):
        self.accuracy = accuracy
        self.rounds = []

    def __call__(self, images, precision, report):
        self.images = images
        return self

    def add(self, kinds):
        pass

    def round(self, combinations, count):
        self.rounds.append((count, combinations))
        images = min(count, len(self.images))
        right = [np.arange(images) < self.accuracy(c) * images for c in combinations]
        return ranked(map(Trial, combinations, right))

    def fitted(self, trial):
        return dataclasses.replace(trial, misfit=0.0)


@pytest.fixture
def untrained(tmp_path):
    """A file of Keras 2, which tells little."""
    layers = weight_files.wide_resnet(10, 1)
    return weight_files.write_legacy(tmp_path / "untrained.h5", layers)


def test_the_best_go_on_to_more_images_and_to_the_other_padding(
    untrained, dataset, monkeypatch
):
    kinds = list(diagnosis._quick(dataset.train.images))

    def accuracy(one):
        return 0.9 - 0.1 * kinds.index(one.preprocessing) - 0.05 * one.bgr

    bench = ScriptedBench(accuracy)
    monkeypatch.setattr(diagnosis, "Bench", bench)
    found = diagnose(untrained, dataset, "float32")
    (few, every), (more, good), (most, best) = bench.rounds
    assert (few, more, most) == (100, 400, 1000)
    likeliest = sorted(every, key=accuracy, reverse=True)
    assert good[:8] == likeliest[:8]
    same = ("kernels", "statistics", "preprocessing", "colours")
    for one, other in zip(good[:4], good[8:], strict=True):
        paddings = {each.words["padding"] for each in (one, other)}
        assert paddings == {"all sides", "bottom, right"}
        wirings = [each.found.wiring for each in (one, other)]
        first, second = (each.replace(padding="symmetric") for each in wirings)
        assert first == second
        assert [one.words[key] for key in same] == [other.words[key] for key in same]
    assert len(best) == 3
    # Each is told once, the winner first; the images are all that there are.
    assert len(found.trials) == len(every) + 4
    assert found.trials[0].accuracy == 0.9
    assert found.equals == sum(accuracy(one) == 0.9 for one in best) - 1
    assert sorted(bench.images.labels) == sorted(dataset.train.labels)


@pytest.mark.parametrize(("others", "whitens"), [(0.5, True), (0.51, False)])
def test_whitening_is_tried_on_some_and_fitted_on_all(
    untrained, dataset, monkeypatch, others, whitens
):
    """Where half of the images are not got right otherwise."""
    # More than an image has values, sorted by class.
    images = np.zeros((3100, 32, 32, 3), np.uint8)
    labels = np.repeat(np.arange(10), 310)
    images[..., 0] = labels[:, None, None]
    fitted = []

    class Whitening(PerImage):
        @classmethod
        def fit(cls, images):
            fitted.append(images[:, 0, 0, 0])
            return cls()

    monkeypatch.setattr(diagnosis, "_WHITENINGS", {"whitened": Whitening})
    monkeypatch.setattr(diagnosis, "WHITENING_IMAGES", 200)
    bench = ScriptedBench(lambda c: 0.9 if c.preprocessing == "whitened" else others)
    monkeypatch.setattr(diagnosis, "Bench", bench)
    sorted_by_class = dataclasses.replace(dataset, train=Images(images, labels))
    found = diagnose(untrained, sorted_by_class, "float32")
    assert (found.inferred["preprocessing"] == "whitened") == whitens
    if whitens:
        some, all_of_them = fitted
        assert len(some) == 200
        assert len(np.unique(some)) == 10
        np.testing.assert_array_equal(all_of_them, labels)
    else:
        assert fitted == []


def test_images_are_preprocessed_as_the_table_says(random):
    images = random.integers(0, 256, (9, 32, 32, 3)).astype(np.uint8)
    mean, std = images.mean((0, 1, 2)), images.std((0, 1, 2))
    kinds = diagnosis._quick(images)
    for name, expected in (
        ("mean and deviation of channels", (images - mean) / std),
        ("0 to 1", images / 255),
        ("0 to 1, less the mean", (images - mean) / 255),
        ("-1 to 1", images / 127.5 - 1),
        ("0 to 255", images),
    ):
        found = kinds[name].apply_to_all(images)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4, err_msg=name)


@pytest.mark.parametrize(
    ("only_one", "only_other", "alike"),
    [(0, 0, True), (3, 0, True), (4, 0, False), (9, 3, True), (10, 2, False)],
)
def test_the_best_fit_wins_where_accuracy_may_be_chance(only_one, only_other, alike):
    """By McNemar's test: a difference of two deviations, of the images that differ."""
    both = [True] * 50
    one = [True] * only_one + [False] * only_other + both
    other = [False] * only_one + [True] * only_other + both
    more_accurate, fits_better = (
        Trial(None, np.array(right), misfit)
        for right, misfit in ((one, 0.5), (other, 0.1))
    )
    first, _ = diagnosis._settled([more_accurate, fits_better])
    assert (first is fits_better) == alike


@pytest.mark.parametrize(
    ("right", "images", "trials", "chance"),
    [
        # Once in 1,200 guesses.
        (21, 100, 1, False),
        (21, 100, 100, True),
        # More than chance, and of no use.
        (150, 1000, 1, True),
        (250, 1000, 100, False),
    ],
)
def test_the_best_of_many_may_be_a_lucky_guess(right, images, trials, chance):
    best = Trial(None, np.arange(images) < right)
    assert diagnosis._is_chance(best, trials, classes=10) == chance


@pytest.mark.parametrize(
    ("classes", "least"), [(2, 0.75), (3, 2 / 3), (4, 0.5), (10, 0.2), (100, 0.02)]
)
def test_few_classes_leave_room_above_guessing(classes, least):
    for right, chance in ((math.ceil(1000 * least) - 1, True), (976, False)):
        best = Trial(None, np.arange(1000) < right)
        assert diagnosis._is_chance(best, 1, classes) == chance


@pytest.mark.parametrize(
    ("hits", "images", "classes"), [(0, 7, 10), (3, 20, 10), (20, 20, 2), (55, 100, 3)]
)
def test_probability_of_guessing(hits, images, classes):
    exact = sum(
        math.comb(images, n) * (classes - 1) ** (images - n)
        for n in range(hits, images + 1)
    )
    assert binomial_tail(hits, images, classes) == pytest.approx(
        exact / classes**images, rel=1e-9
    )


def test_preprocessing_of_other_programs(random):
    images = random.integers(0, 256, (50, 32, 32, 3)).astype(np.uint8)
    images[:, 3, 4, 1] = 77
    fitted = PerPixel.fit(images)
    found = fitted.apply_to_all(images)
    std = images.std(axis=0)
    std[3, 4, 1] = 1
    expected = (images - images.mean(axis=0)) / std
    np.testing.assert_allclose(found, expected, atol=1e-5)
    read = PerPixel.read(fitted.to_dict(), fitted.arrays())
    np.testing.assert_array_equal(read.apply_to_all(images), found)
    each = images.reshape(50, -1).astype(np.float64)
    each = (each - each.mean(1, keepdims=True)) / each.std(1, keepdims=True)
    np.testing.assert_allclose(
        PerImage().apply_to_all(images).reshape(50, -1), each, atol=1e-5
    )
