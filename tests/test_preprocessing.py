import numpy as np
import pytest

from wrn.errors import WeightsError
from wrn.preprocessing import Preprocessing


def test_fit_equals_numpys_mean_and_deviation(random):
    images = random.integers(0, 256, (5000, 32, 32, 3)).astype(np.uint8)
    images[..., 1] //= 3
    fitted = Preprocessing.fit("mean-std", images)
    np.testing.assert_allclose(fitted.mean, images.mean((0, 1, 2)), rtol=1e-9)
    np.testing.assert_allclose(fitted.std, images.std((0, 1, 2)), rtol=1e-9)


def test_applied_to_its_own_images_gives_zero_mean_and_unit_deviation(random):
    images = random.integers(0, 200, (100, 32, 32, 3)).astype(np.uint8)
    applied = Preprocessing.fit("mean-std", images).apply(images.astype(np.float64))
    np.testing.assert_allclose(applied.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(applied.std((0, 1, 2)), 1, atol=1e-5)


def test_constant_channel_does_not_divide_by_zero():
    images = np.full((4, 32, 32, 3), 7, np.uint8)
    fitted = Preprocessing.fit("mean-std", images)
    assert np.isfinite(fitted.apply(images.astype(np.float32))).all()


def test_round_trips_through_json_types():
    fitted = Preprocessing(kind="mean-std", mean=(1.5, 2, 3), std=(4, 5, 6.25))
    assert Preprocessing.from_dict(fitted.to_dict()) == fitted


@pytest.mark.parametrize(
    "stored",
    [
        None,
        {},
        {"kind": "zca", "mean": [1, 2, 3], "std": [1, 1, 1]},
        {"kind": "mean-std", "mean": [1, 2], "std": [1, 1, 1]},
        {"kind": "mean-std", "mean": [1, 2, 3], "std": [1, 0, 1]},
        {"kind": "mean-std", "mean": [1, float("nan"), 3], "std": [1, 1, 1]},
        {"kind": "mean-std", "mean": "abc", "std": [1, 1, 1]},
    ],
)
def test_tampered_statistics_are_refused(stored):
    with pytest.raises(WeightsError, match="preprocessing"):
        Preprocessing.from_dict(stored)
