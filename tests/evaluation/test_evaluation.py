"""Evaluation and inference against SciPy, NumPy and stock Keras."""

import csv
import io

import keras
import numpy as np
import pytest
from scipy.special import log_softmax
from scipy.stats import binomtest

from tests import weight_files
from tests.conftest import striped_images
from wrn import weights
from wrn.config import ModelConfig
from wrn.config.schedule import BATCH_IMAGES
from wrn.data import CLASS_NAMES
from wrn.errors import ConfigError, DataError, WeightsError
from wrn.evaluation import (
    Evaluation,
    evaluate,
    evaluate_growing,
    wilson_interval,
)
from wrn.evaluation.explain import classify
from wrn.inference import Classifier, cross_entropy, softmax
from wrn.model import build_model
from wrn.preprocessing import MeanStd
from wrn.restoring import (
    AUTHORS_STATISTICS,
    _class_names,
    load_weights,
)

PREPROCESSING = MeanStd(mean=(90.0, 100.0, 110.0), std=(50.0, 60.0, 70.0))


def normalized(images, statistics=PREPROCESSING):
    """Normalize in NumPy and float64, apart from the library."""
    return (images - np.array(statistics.mean)) / np.array(statistics.std)


@pytest.fixture(scope="module")
def images():
    # More than a batch, and not a multiple of one.
    return striped_images(BATCH_IMAGES + 7, seed=3)


@pytest.fixture(scope="module")
def model():
    """A network with weights that are not as they were initialized."""
    network = build_model(ModelConfig(depth=10, widen_factor=1), seed=4)
    random = np.random.default_rng(5)
    for variable in network.variables:
        if variable.path.endswith(("gamma", "beta", "bias", "moving_mean")):
            variable.assign(random.normal(0.5, 0.2, variable.shape))
        if variable.path.endswith("moving_variance"):
            variable.assign(random.uniform(0.5, 2.0, variable.shape))
    return network


@pytest.fixture(scope="module")
def expected_logits(model, images):
    """What Keras itself computes, in one batch."""
    return model(normalized(images.images).astype(np.float32)).numpy()


@pytest.fixture(scope="module")
def stock(tmp_path_factory):
    """A network of stock Keras layers, and the file that Keras writes of it."""
    network, _ = weight_files.keras_wide_resnet(keras, 10, 1, shortcut_first=False)
    path = tmp_path_factory.mktemp("stock") / "stock.weights.h5"
    network.save_weights(path)
    return network, path


# Figures


@pytest.mark.parametrize(
    ("hits", "trials"), [(0, 1), (1, 1), (0, 50), (50, 50), (7, 9), (9_600, 10_000)]
)
def test_interval_is_wilsons(hits, trials):
    low, high = binomtest(hits, trials).proportion_ci(0.95, method="wilson")
    assert wilson_interval(hits, trials) == pytest.approx((low, high), abs=1e-12)


def test_interval_of_a_published_example():
    # Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263, 15 of 148.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)


def test_cross_entropy_is_minus_the_log_of_the_softmax(random):
    logits = random.normal(0, 30, (50, 7)).astype(np.float32)
    labels = random.integers(0, 7, 50)
    expected = -log_softmax(logits.astype(np.float64), axis=1)[range(50), labels]
    np.testing.assert_allclose(cross_entropy(logits, labels), expected, rtol=1e-12)


def test_cross_entropy_of_a_network_that_diverged_is_no_number_and_no_warning():
    logits = np.array([[np.inf, 0.0], [np.nan, 1.0], [0.0, 0.0]], np.float32)
    loss = cross_entropy(logits, np.array([0, 1, 1]))
    assert np.isnan(loss[:2]).all()
    assert loss[2] == pytest.approx(np.log(2))


def test_cross_entropy_of_huge_logits_is_finite():
    logits = np.array([[1e30, -1e30], [0.0, 0.0]], np.float32)
    losses = cross_entropy(logits, np.array([0, 1]))
    assert losses == pytest.approx([0.0, np.log(2)])


def test_softmax_sums_to_one_and_keeps_the_order(random):
    logits = random.normal(0, 100, (20, 10)).astype(np.float32)
    probabilities = softmax(logits)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    assert (probabilities.argmax(axis=1) == logits.argmax(axis=1)).all()


def test_figures_of_a_small_example(evaluation):
    assert evaluation.accuracy == pytest.approx(3 / 5)
    assert evaluation.images == 5
    assert evaluation.predictions.tolist() == [0, 1, 1, 2, 0]
    assert evaluation.confusion.tolist() == [[2, 1, 0], [0, 1, 1], [0, 0, 0]]
    assert evaluation.per_class_accuracy == [pytest.approx(2 / 3), 0.5, None]


def test_ranking_by_confidence(evaluation):
    assert evaluation.most_confident(correct=True).tolist() == [0, 2, 4]
    assert evaluation.most_confident(correct=False).tolist() == [1, 3]


def test_confusion_counts_like_a_loop(random):
    probabilities = random.random((300, 10)).astype(np.float32)
    labels = random.integers(0, 10, 300)
    expected = np.zeros((10, 10), int)
    for row, label in zip(probabilities, labels, strict=True):
        expected[label, np.argmax(row)] += 1
    counted = Evaluation(probabilities, labels, loss=0.0).confusion
    np.testing.assert_array_equal(counted, expected)


# Classifying


def test_classifier_preprocesses_and_keeps_the_order(model, images, expected_logits):
    logits = Classifier(model, PREPROCESSING).logits(images.images)
    np.testing.assert_allclose(logits, expected_logits, rtol=1e-4, atol=1e-4)


def test_flip_adds_the_logits_of_the_mirror_image(model, images, expected_logits):
    classifier = Classifier(model, PREPROCESSING)
    mirrored = classifier.logits(images.images[:, :, ::-1])
    assert np.abs(mirrored - expected_logits).max() > 0.1
    expected = np.exp(log_softmax((expected_logits + mirrored) / 2, axis=1))
    flipped = evaluate(classifier, images.images, images.labels, flip=True)
    np.testing.assert_allclose(flipped.probabilities, expected, atol=1e-4)
    *_, grown = evaluate_growing(classifier, images.images, images.labels, flip=True)
    np.testing.assert_array_equal(grown.probabilities, flipped.probabilities)


def test_evaluate_agrees_with_keras_losses_and_counts(model, images, expected_logits):
    found = evaluate(Classifier(model, PREPROCESSING), images.images, images.labels)
    log_probabilities = log_softmax(expected_logits.astype(np.float64), axis=1)
    chosen = log_probabilities[range(len(images)), images.labels]
    assert found.loss == pytest.approx(-chosen.mean(), rel=1e-4)
    hits = (expected_logits.argmax(axis=1) == images.labels).sum()
    assert found.accuracy == pytest.approx(hits / len(images))
    np.testing.assert_allclose(
        found.probabilities, np.exp(log_probabilities), atol=1e-5
    )


def test_progress_counts_all_images(model, images):
    seen = []
    evaluate(
        Classifier(model, PREPROCESSING),
        images.images,
        images.labels,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    total = len(images)
    assert seen == [(BATCH_IMAGES, total), (total, total)]


def test_a_growing_evaluation_is_each_time_that_of_the_images_so_far(model, images):
    classifier = Classifier(model, PREPROCESSING)
    grown = list(evaluate_growing(classifier, images.images, images.labels))
    assert [each.images for each in grown] == [BATCH_IMAGES, len(images)]
    for each in grown:
        n = each.images
        whole = evaluate(classifier, images.images[:n], images.labels[:n])
        np.testing.assert_array_equal(each.probabilities, whole.probabilities)
        np.testing.assert_array_equal(each.labels, images.labels[:n])
        assert each.loss == whole.loss


def test_stop_after_the_first_batch(model, images):
    seen = []
    stopped = Classifier(model, PREPROCESSING).logits(
        images.images,
        on_progress=lambda done, total: seen.append(done),
        should_stop=lambda: bool(seen),
    )
    assert stopped is None
    assert seen == [BATCH_IMAGES]


@pytest.mark.parametrize(
    "labels",
    # As Keras's `load_data` gives them, too.
    [[], [10, 0], [-1, 0], [0], [0, 1, 2], [[1], [2]], [[0, 1], [1, 0]], [0.5, 1.0]],
)
def test_labels_that_cannot_be_evaluated_are_refused(model, labels):
    pictures = np.zeros((2 if labels else 0, 32, 32, 3), np.uint8)
    classifier = Classifier(model, PREPROCESSING)
    for evaluated in (evaluate, lambda *given: list(evaluate_growing(*given))):
        with pytest.raises(ConfigError, match="one label each, 0 to 9"):
            evaluated(classifier, pictures, np.array(labels))


@pytest.mark.parametrize(
    "pictures",
    [np.ones((1, 32, 32, 3)), np.ones((1, 32, 32, 3), int), np.ones((1, 3), np.uint8)],
)
def test_images_of_another_type_or_shape_are_refused(model, pictures):
    """Images from 0 to 1 would become black, without a word."""
    with pytest.raises(DataError, match="must be uint8, 0 to 255"):
        evaluate(Classifier(model, PREPROCESSING), pictures, np.array([0]))


def test_answers_that_are_no_numbers_are_refused(images):
    model = build_model(ModelConfig(depth=10, widen_factor=1))
    model.layers[-1].bias.assign(np.full(10, np.inf))
    classifier = Classifier(model, PREPROCESSING)
    few = images.images[:3]
    with pytest.raises(WeightsError, match="for 3 of 3 images"):
        evaluate(classifier, few, images.labels[:3])
    with pytest.raises(WeightsError, match="finite numbers"):
        next(evaluate_growing(classifier, few, images.labels[:3]))
    with pytest.raises(WeightsError, match="finite numbers"):
        classify(classifier, few)


# Loading


def test_our_file_gives_the_same_logits(tmp_path, model, images, expected_logits):
    path = tmp_path / "ours.weights.h5"
    metadata = {
        "model": {"depth": 10, "widen_factor": 1, "dropout": 0.0, "classes": 10},
        "preprocessing": PREPROCESSING.to_dict(),
        "data": {"class_names": [f"kind {i}" for i in range(10)]},
    }
    weights.save(path, model, metadata)
    loaded = load_weights(path, "float32")
    assert loaded.config == ModelConfig(depth=10, widen_factor=1)
    assert loaded.classifier.preprocessing == PREPROCESSING
    assert loaded.class_names[3] == "kind 3"
    assert loaded.notes == ()
    logits = loaded.classifier.logits(images.images)
    np.testing.assert_allclose(logits, expected_logits, rtol=1e-4, atol=1e-4)


def test_file_of_stock_keras_gives_its_logits(stock, images):
    network, path = stock
    loaded = load_weights(path, "float32")
    assert loaded.classifier.preprocessing == AUTHORS_STATISTICS
    assert loaded.class_names == CLASS_NAMES
    assert any("does not say" in note for note in loaded.notes)
    few = images.images[:32]
    inputs = normalized(few, AUTHORS_STATISTICS).astype(np.float32)
    expected = network(inputs, training=False).numpy()
    # Stock Keras normalizes in another order of operations.
    np.testing.assert_allclose(
        loaded.classifier.logits(few), expected, rtol=1e-3, atol=1e-3
    )


def test_loading_leaves_other_models_and_the_policy_alone(stock, model, images):
    before = Classifier(model, PREPROCESSING).logits(images.images[:4])
    policy = keras.config.dtype_policy()
    load_weights(stock[1], "bfloat16")
    assert keras.config.dtype_policy() == policy
    after = Classifier(model, PREPROCESSING).logits(images.images[:4])
    np.testing.assert_array_equal(before, after)


def test_refused_files(tmp_path):
    text = tmp_path / "notes.h5"
    text.write_text("not weights")
    with pytest.raises(WeightsError, match="text"):
        load_weights(text)
    other = weight_files.write_weights_h5(
        tmp_path / "cnn.weights.h5", weight_files.plain_cnn()
    )
    with pytest.raises(WeightsError):
        load_weights(other)
    with pytest.raises(WeightsError):
        load_weights(tmp_path / "missing.h5")


def test_foreign_preprocessing_is_refused(tmp_path):
    path = weight_files.write_weights_h5(
        tmp_path / "w.weights.h5",
        weight_files.wide_resnet(10, 1),
        metadata={
            "preprocessing": {"kind": "mean-std", "mean": [0] * 3, "std": [0] * 3}
        },
    )
    with pytest.raises(WeightsError, match="preprocessing"):
        load_weights(path)


def test_predictions_as_a_table(evaluation):
    evaluation.probabilities[0] = [0.912345, 0.087655, 0.0]
    rows = list(csv.reader(io.StringIO(evaluation.to_csv(["a", "b", "c,"]))))
    assert rows[0] == ["image", "true", "predicted", "a", "b", "c,"]
    assert len(rows) == 1 + evaluation.images
    for number, row in enumerate(rows[1:]):
        assert row[0] == str(number)
        assert row[1] == ["a", "b", "c,"][evaluation.labels[number]]
        assert row[2] == ["a", "b", "c,"][evaluation.predictions[number]]
        given = [float(value) for value in row[3:]]
        assert given == pytest.approx(evaluation.probabilities[number], rel=1e-5)


def test_what_is_assumed_where_a_file_tells_nothing():
    """The statistics are those of the authors' train.lua."""
    assert AUTHORS_STATISTICS.mean == (125.3, 123.0, 113.9)
    assert AUTHORS_STATISTICS.std == (63.0, 62.1, 66.7)
    assert _class_names({}, 3) == ("class 0", "class 1", "class 2")


def test_no_interval_leaves_what_an_accuracy_can_be():
    for images in range(1, 200):
        assert wilson_interval(0, images)[0] >= 0
        assert wilson_interval(images, images)[1] <= 1
