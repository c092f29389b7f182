"""Attention maps, against the same in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from wrn.architecture.wiring import FAMILIES
from wrn.config import ModelConfig
from wrn.model import build_model
from wrn.training.attention import attention, attention_distances, with_groups


def test_attention_is_where_the_channels_are_strong_whatever_their_scale():
    features = np.random.default_rng(2).normal(size=(2, 4, 3, 5)).astype(np.float32)
    found = attention(features)
    expected = (features.astype(np.float64) ** 2).mean(axis=3).reshape(2, 12)
    expected /= np.sqrt((expected**2).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(attention(7 * features), expected, rtol=1e-5)
    # Nothing to see is no place, and no number that is none.
    assert not np.any(attention(np.zeros((1, 4, 4, 2), np.float32)))


def test_distances_of_attention_are_means_of_each_group_summed():
    generator = np.random.default_rng(4)
    found, wanted = (
        [generator.normal(size=(2, places)).astype(np.float32) for places in (9, 4)]
        for _ in range(2)
    )
    expected = [
        sum(
            ((a[image] - b[image]) ** 2).mean()
            for a, b in zip(found, wanted, strict=True)
        )
        for image in range(2)
    ]
    np.testing.assert_allclose(attention_distances(found, wanted), expected, rtol=1e-5)


@pytest.mark.parametrize("wiring", FAMILIES.values(), ids=FAMILIES)
def test_groups_tell_what_they_put_out_before_the_next_one(wiring):
    model = build_model(ModelConfig(depth=16, widen_factor=1, dropout=0.3), wiring)
    logits, *groups = with_groups(model).output
    assert logits is model.output
    assert [each.shape[-1] for each in groups] == [16, 32, 64]
    assert [each._keras_history.operation.name for each in groups] == [
        f"group{number}_block2_add" for number in (1, 2, 3)
    ]


def test_maps_of_16_bits_do_not_overflow():
    features = tf.fill((1, 2, 2, 3), tf.constant(300.0, tf.float16))
    np.testing.assert_allclose(attention(features), np.full((1, 4), 0.5), rtol=1e-3)
