"""Training on two halves of each batch, computed apart from `wrn.training.session`."""

import numpy as np
import tensorflow as tf

from wrn.config import RunConfig
from wrn.config.schedule import learning_rate
from wrn.data import load_cached, select
from wrn.model import build_model
from wrn.training import augmentation
from wrn.training.randomness import AUGMENTATION, image_order, step_seed


def ghost_batches(config: RunConfig):
    """Train on one device as two replicas must: batch norm over each half apart.

    The update is the authors', in NumPy.

    Returns:
        The steps' mean losses, and the weights at the end in the model's order,
        with the mean of the two halves' batch-norm statistics.
    """
    train, batch = config.train, config.train.batch_size
    images = select(load_cached(config.data.source), config.data).train
    pixels = images.images.astype(np.float64)
    mean, deviation = pixels.mean((0, 1, 2)), pixels.std((0, 1, 2))
    model = build_model(config.model, seed=train.seed)
    trained, statistics = model.trainable_variables, model.non_trainable_variables
    weights = [np.asarray(v, np.float64) for v in trained]
    velocity = [np.zeros_like(w) for w in weights]
    halves = [[np.asarray(v) for v in statistics] for _ in range(2)]
    losses = []
    steps = len(images) // batch
    for number in range(train.epochs * steps):
        epoch, step = divmod(number, steps)
        order = image_order(train.seed, epoch, len(images), steps * batch)
        chosen = order[step * batch : (step + 1) * batch]
        drawn = augmentation.draw(
            tf.constant(step_seed(train.seed, AUGMENTATION, number), tf.int32),
            batch,
            flip=config.data.flip,
            crop_padding=config.data.crop_padding,
        )
        inputs = np.asarray(augmentation.gather(images.images, chosen, *drawn))
        inputs = ((inputs - mean) / deviation).astype(np.float32)
        gradients = [0.0] * len(weights)
        loss = 0.0
        for half, mine in enumerate(np.split(np.arange(batch), 2)):
            for variable, value in zip(statistics, halves[half], strict=True):
                variable.assign(value)
            with tf.GradientTape() as tape:
                logits = model(inputs[mine], training=True)
                losses_of_images = tf.nn.sparse_softmax_cross_entropy_with_logits(
                    images.labels[chosen[mine]], logits
                )
                share = tf.reduce_sum(losses_of_images) / batch
            found = tape.gradient(share, [v.value for v in trained])
            gradients = [
                a + np.asarray(b) for a, b in zip(gradients, found, strict=True)
            ]
            loss += float(share)
            halves[half] = [np.asarray(v) for v in statistics]
        losses.append(loss)
        rate = learning_rate(train, number, steps)
        for index, gradient in enumerate(gradients):
            gradient = gradient + train.weight_decay * weights[index]
            velocity[index] = train.momentum * velocity[index] + gradient
            weights[index] = weights[index] - rate * (
                gradient + train.momentum * velocity[index]
            )
            trained[index].assign(weights[index])
        if step == steps - 1:
            means = [np.mean(pair, axis=0) for pair in zip(*halves, strict=True)]
            halves = [means, means]
    for variable, value in zip(statistics, halves[0], strict=True):
        variable.assign(value)
    return losses, model.get_weights()


def assert_is_ghost_batches(run, replicas):
    """Compare a run, and what its replicas held, with the computation above."""
    losses, expected = ghost_batches(run.config())
    found = [record["train_loss"] for record in run.metrics("step")]
    np.testing.assert_allclose(found, losses, rtol=1e-5)
    for path in replicas:
        with np.load(path) as held:
            for index, weight in enumerate(expected):
                np.testing.assert_allclose(
                    held[f"arr_{index}"], weight, rtol=1e-5, atol=1e-6
                )


def assert_identical(replicas):
    """Check that replicas hold the same weights, statistics, momenta, averages."""
    first, second = (np.load(path) for path in replicas)
    with first, second:
        assert first.files == second.files
        for name in first.files:
            np.testing.assert_array_equal(first[name], second[name], err_msg=name)
