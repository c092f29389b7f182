"""Calibration against loops."""

import json

import numpy as np
import pytest

from wrn.evaluation.calibration import calibration


def test_bins_and_error_equal_a_loop(random):
    probabilities = random.dirichlet(np.ones(10) * 0.3, 500).astype(np.float32)
    correct = random.random(500) < 0.6
    found = calibration(probabilities, correct)
    confidence = probabilities.max(axis=1)
    expected = 0.0
    for place in range(15):
        low, high = place / 15, (place + 1) / 15
        inside = (confidence > low) & (confidence <= high)
        assert found.counts[place] == inside.sum()
        if inside.any():
            right, sure = correct[inside].mean(), confidence[inside].mean()
            assert found.accuracy[place] == pytest.approx(right)
            assert found.confidence[place] == pytest.approx(sure, rel=1e-6)
            expected += inside.sum() / 500 * abs(right - sure)
    assert found.error == pytest.approx(expected, rel=1e-6)
    assert found.counts.sum() == 500


def test_a_border_belongs_to_the_bin_below():
    found = calibration(np.float32([[0.5, 0.5]]), np.array([True]), bins=2)
    assert found.counts.tolist() == [1, 0]


def test_one_that_is_always_sure_and_half_right_is_off_by_a_half():
    probabilities = np.tile(np.float32([1, 0]), (10, 1))
    found = calibration(probabilities, np.arange(10) % 2 == 0)
    assert found.error == 0.5
    assert found.counts.tolist() == [0] * 14 + [10]


def test_bins_without_images_are_null_in_json():
    found = calibration(np.float32([[0.9, 0.1]]), np.array([True]), bins=2)
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert told["accuracy"] == [None, 1.0]
    assert told["counts"] == [0, 1]
    assert told["error"] == pytest.approx(0.1, rel=1e-5)
