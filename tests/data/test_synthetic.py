"""Images that the program draws."""

import numpy as np
import pytest

from wrn.data import Dataset, Images, load, synthetic


@pytest.fixture(scope="module")
def drawn() -> Dataset:
    return load("synthetic")


def test_synthetic(drawn):
    assert drawn.synthetic
    assert (drawn.name, drawn.source) == ("Synthetic", "synthetic")
    assert "say nothing about CIFAR-10" in drawn.note
    assert len(drawn.class_names) == len(set(drawn.class_names)) == 10
    assert np.bincount(drawn.train.labels).tolist() == [1000] * 10
    assert np.bincount(drawn.test.labels).tolist() == [200] * 10
    # No order that a limited run would trip over.
    assert len(set(drawn.train.labels[:100].tolist())) == 10


def test_synthetic_follows_the_seed():
    first, again, other = (synthetic.draw(50, 20, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.train.images, again.train.images)
    assert np.array_equal(first.test.labels, again.test.labels)
    assert not np.array_equal(first.train.images, other.train.images)
    assert not np.array_equal(first.train.images[:20], first.test.images)


def linear_accuracy(dataset: Dataset) -> float:
    """Test accuracy of ridge regression on pixels."""

    def rows(images: Images) -> np.ndarray:
        flat = images.images.reshape(len(images), -1).astype(np.float64) / 255 - 0.5
        return np.hstack([flat, np.ones((len(images), 1))])

    x, y = rows(dataset.train), np.eye(10)[dataset.train.labels]
    weights = np.linalg.solve(x.T @ x + 1000 * np.eye(x.shape[1]), x.T @ y)
    guesses = (rows(dataset.test) @ weights).argmax(1)
    return float((guesses == dataset.test.labels).mean())


@pytest.mark.slow
def test_synthetic_is_learnable_but_not_by_a_linear_classifier(drawn):
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Input((32, 32, 3))])
    model.add(keras.layers.Rescaling(1 / 64, -2))
    for filters in (16, 32, 64):
        model.add(keras.layers.Conv2D(filters, 3, strides=2, padding="same"))
        model.add(keras.layers.BatchNormalization(momentum=0.9))
        model.add(keras.layers.ReLU())
    model.add(keras.layers.GlobalAveragePooling2D())
    model.add(keras.layers.Dense(10, activation="softmax"))
    optimizer = keras.optimizers.Adam(3e-3)
    loss = "sparse_categorical_crossentropy"
    model.compile(optimizer, loss, metrics=["accuracy"])
    train = drawn.train
    model.fit(train.images, train.labels, batch_size=64, epochs=2, verbose=0)
    # A linear classifier reaches 20%, this network about 60%.
    accuracy = model.evaluate(drawn.test.images, drawn.test.labels, verbose=0)[1]
    assert linear_accuracy(drawn) < 0.3
    assert accuracy > 0.4
