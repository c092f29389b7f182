"""Teachers of random weights, and trainings by them."""

import dataclasses

from tests.trainings import small
from wrn import weights
from wrn.architecture.wiring import AUTHORS
from wrn.config import DataConfig, ModelConfig
from wrn.model import build_model
from wrn.preprocessing import MeanStd

#: Not the statistics of any images at hand.
STATISTICS = MeanStd(mean=(90.0, 100.0, 110.0), std=(50.0, 60.0, 70.0))
TEACHER = ModelConfig(depth=10, widen_factor=2)
SHARE, TEMPERATURE = 0.7, 3.0


def write_teacher(
    path, config=TEACHER, wiring=AUTHORS, preprocessing=STATISTICS, seed=7
):
    """Write a network of random weights with what it did to its images."""
    model = build_model(config, wiring, seed=seed)
    # So that its answers are not all alike.
    dense = model.get_layer("dense")
    dense.kernel.assign(10 * dense.kernel)
    metadata = {
        "model": config.to_dict(),
        "wiring": wiring.to_dict(),
        "train": {"seed": seed},
        "commit": "abc",
    }
    if preprocessing:
        metadata["preprocessing"] = preprocessing.to_dict()
    arrays = preprocessing.arrays() if preprocessing else None
    weights.save(path, model, metadata, preprocessing=arrays)
    return model


def distilling(*paths, preprocessing="mean-std", **settings):
    """Return the settings of a training by teachers, on images as they are."""
    config = small(
        dropout=0.0,
        teacher=", ".join(map(str, paths)),
        teacher_share=SHARE,
        temperature=TEMPERATURE,
        **settings,
    )
    data = DataConfig(
        source="synthetic", preprocessing=preprocessing, flip=False, crop_padding=0
    )
    return dataclasses.replace(config, data=data)
