import dataclasses
import json

import numpy as np
import pytest

from wrn.config import (
    DEPTHS,
    SECTIONS,
    DataConfig,
    ModelConfig,
    OutputConfig,
    RunConfig,
    TrainConfig,
    differences,
    options,
)
from wrn.errors import ConfigError


def test_defaults_are_the_papers_best_network_and_training():
    config = RunConfig()
    assert config.model.name == "WRN-28-10"
    assert config.model.dropout == 0
    train = config.train
    assert (train.epochs, train.batch_size) == (200, 128)
    assert (train.learning_rate, train.momentum) == (0.1, 0.9)
    assert (train.weight_decay, train.drop_factor) == (5e-4, 0.2)
    assert [f * train.epochs for f in train.milestones] == [60, 120, 160]
    assert (config.data.flip, config.data.crop_padding) == (True, 4)


def test_depth_is_refused_in_the_promised_words():
    with pytest.raises(ConfigError) as refused:
        ModelConfig(depth=17)
    assert str(refused.value) == (
        "depth must be 6n + 4 (10, 16, 22, 28, 34, 40, …). Received: 17"
    )


@pytest.mark.parametrize(
    ("section", "field", "value", "expected"),
    [
        (ModelConfig, "depth", 4, "10 to 100"),
        (ModelConfig, "depth", "16", "a whole number"),
        (ModelConfig, "depth", 16.0, "a whole number"),
        (ModelConfig, "widen_factor", 0, "1 to 20"),
        (ModelConfig, "widen_factor", True, "a whole number"),
        (ModelConfig, "dropout", 1.0, "below 1"),
        (ModelConfig, "dropout", -0.1, "at least 0"),
        (ModelConfig, "dropout", float("nan"), "a number"),
        (ModelConfig, "dropout", 10**400, "a number"),
        (ModelConfig, "classes", 10**400, "2 to 1000"),
        (ModelConfig, "classes", 1, "2 to 1000"),
        (DataConfig, "source", 3, "text"),
        (DataConfig, "source", "caf\udce9", "text that UTF-8 can encode"),
        (DataConfig, "preprocessing", "zap", "one of mean-std"),
        (DataConfig, "preprocessing", "z" * 10_000, "one of mean-std"),
        (DataConfig, "flip", 1, "true or false"),
        (DataConfig, "limit", 0, "at least 10"),
        (TrainConfig, "learning_rate", float("inf"), "a number"),
        (TrainConfig, "milestones", "0.3", "a list of numbers"),
        (TrainConfig, "milestones", [0.3, 1.5], "a list of numbers, 0 to 1"),
        (TrainConfig, "precision", "float64", "one of auto"),
        (TrainConfig, "first_size", 16.0, "one of 12, 16"),
        (TrainConfig, "devices", "nonsense", "devices must be auto, cpu, or a list"),
        (OutputConfig, "checkpoints", None, 'one of "last and best", last. Rec'),
    ],
)
def test_bad_values_are_refused_with_field_expectation_and_value(
    section, field, value, expected
):
    with pytest.raises(ConfigError) as refused:
        section(**{field: value})
    message = str(refused.value)
    assert message.startswith(f"{field} must be")
    assert expected in message
    assert message.endswith(f"Received: {value!r:.200}")


def test_run_config_round_trips_through_json():
    config = RunConfig(
        model=ModelConfig(depth=40, widen_factor=4, dropout=0.3),
        data=DataConfig(source="synthetic", limit=100, flip=False),
        train=TrainConfig(epochs=3, milestones=(0.5,), seed=7),
        output=OutputConfig(save_plot=False),
    )
    assert RunConfig.from_json(config.to_json()) == config
    assert json.loads(config.to_json())["train"]["milestones"] == [0.5]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "must be JSON"),
        ("[" * 100_000, "must be JSON"),
        ("[]", "sections"),
        ('{"network": {}}', "network"),
        ('{"model": {"depht": 16}}', "depht"),
        ('{"model": 3}', "mapping"),
        ('{"model": {"depth": 17}}', "6n + 4"),
    ],
)
def test_damaged_json_is_refused_in_words(text, expected):
    with pytest.raises(ConfigError, match=expected.replace("+", r"\+")):
        RunConfig.from_json(text)


def test_configs_are_frozen_and_keyword_only():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ModelConfig().depth = 16
    with pytest.raises(TypeError):
        ModelConfig(16)


def test_every_option_has_what_a_form_needs():
    for section in SECTIONS.values():
        for option in options(section):
            assert option.label
            assert option.help.endswith(".")
            if option.type in (int, float) and not option.choices:
                assert option.minimum is not None


def test_environment_names_the_sources(monkeypatch):
    monkeypatch.setenv("WRN_DATA", "/some/where")
    monkeypatch.setenv("WRN_HOME", "/else/where")
    assert DataConfig().source == "/some/where"
    assert OutputConfig().runs_folder == "/else/where"


def test_depths_are_those_that_are_accepted():
    assert DEPTHS[:6] == (10, 16, 22, 28, 34, 40)
    for depth in DEPTHS:
        assert ModelConfig(depth=depth).blocks_per_group == (depth - 4) / 6


def test_numbers_of_numpy_and_paths_are_taken(tmp_path):
    """As a sweep in a notebook has them."""
    train = TrainConfig(
        learning_rate=np.logspace(-3, 0, 4)[0],
        seed=np.arange(3)[1],
        milestones=np.array([0.25, 0.5]),
    )
    found = (train.learning_rate, train.seed, train.milestones)
    assert found == (0.001, 1, (0.25, 0.5))
    assert [type(value) for value in found] == [float, int, tuple]
    assert ModelConfig(depth=np.int64(16)).depth == 16
    assert DataConfig(source=tmp_path).source == str(tmp_path)
    with pytest.raises(ConfigError, match="whole number"):
        ModelConfig(depth=np.float64(16.0))


def test_differences_of_runs():
    plain = RunConfig(model=ModelConfig(depth=10, widen_factor=1))
    other = RunConfig(
        model=ModelConfig(depth=16, widen_factor=1),
        data=DataConfig(limit=500, flip=False),
        train=TrainConfig(milestones=[], initial_weights="first.h5"),
        output=OutputConfig(checkpoints="last"),
    )
    assert differences({"a": plain, "b": other, "c": plain}) == {
        "model.depth": {"a": 10, "b": 16, "c": 10},
        "data.flip": {"a": True, "b": False, "c": True},
        "data.limit": {"a": None, "b": 500, "c": None},
        "train.milestones": {"a": (0.3, 0.6, 0.8), "b": (), "c": (0.3, 0.6, 0.8)},
        "train.initial_weights": {"a": "", "b": "first.h5", "c": ""},
    }
    assert differences({"a": plain, "c": plain}) == {}
