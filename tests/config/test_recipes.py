"""Recipes: what they set, and that a run records what was changed in one."""

import json

import pytest

from tests.conftest import ROOT
from wrn import cli
from wrn.architecture.wiring import ASMITH26, FAMILIES
from wrn.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from wrn.config.recipes import RECIPES, note, recipe
from wrn.config.schedule import learning_rate
from wrn.errors import ConfigError
from wrn.runs import RunStore


def run_config(name):
    made = recipe(name)
    return RunConfig(
        model=made.config(ModelConfig),
        data=made.config(DataConfig),
        train=made.config(TrainConfig),
    )


def test_paper_is_the_authors_script():
    # train_cifar.sh and train.lua of the authors.
    train, data = (
        recipe("paper").config(TrainConfig),
        recipe("paper").config(DataConfig),
    )
    assert (train.epochs, train.batch_size, train.optimizer) == (200, 128, "nesterov")
    assert (train.momentum, train.weight_decay) == (0.9, 5e-4)
    assert (train.label_smoothing, train.averaging) == (0, 0)
    assert (data.flip, data.crop_padding, data.validation) == (True, 4, 0)
    rates = [learning_rate(train, epoch * 390, 390) for epoch in range(200)]
    expected = 59 * [0.1] + 60 * [0.02] + 40 * [0.004] + 41 * [0.0008]
    assert rates == pytest.approx(expected)


def test_paper_zca_is_paper_on_whitened_images():
    paper, zca = run_config("paper"), run_config("paper-zca")
    assert zca.train == paper.train
    assert zca.data == paper.data.replace(preprocessing="gcn-zca")


def test_keras_2016_is_the_superseded_script():
    # main.py of asmith26/wide_resnets_keras, as its README's figures were made.
    config = run_config("keras-2016")
    train, data = config.train, config.data
    assert (train.epochs, train.batch_size) == (200, 128)
    # SGD(lr=0.1, momentum=0.9, nesterov=True)
    assert (train.optimizer, train.momentum) == ("keras-nesterov", 0.9)
    # W_regularizer=l2(0.0005) adds 0.0005 * sum(w^2), whose gradient is 0.001 * w.
    assert (train.weight_decay, train.decayed) == (2 * 0.0005, "kernels")
    assert (data.preprocessing, data.flip, data.crop_padding) == ("keras-zca", True, 0)
    assert FAMILIES[train.wiring] == ASMITH26
    # schedule(epoch_idx): 0.1 while epoch_idx + 1 < 60, then 0.02, 0.004, 0.0008.
    rates = [learning_rate(train, epoch * 390, 390) for epoch in range(200)]
    expected = 59 * [0.1] + 60 * [0.02] + 40 * [0.004] + 41 * [0.0008]
    assert rates == pytest.approx(expected)


def test_there_are_the_four_recipes():
    assert list(RECIPES) == ["paper", "paper-zca", "keras-2016", "fast"]


@pytest.mark.parametrize("name", RECIPES)
def test_an_unchanged_recipe_has_no_changes(name):
    assert recipe(name).changes(run_config(name)) == ()


def test_changes_are_listed_and_survive_json():
    config = RunConfig(
        model=ModelConfig(depth=16, widen_factor=2),
        data=DataConfig(source="synthetic", flip=False, limit=100),
        train=TrainConfig(epochs=3, seed=5, milestones=(0.5,)),
    )
    noted = note(config, "paper")
    # The network, the source of the images and the seed are no part of a recipe.
    assert noted.changed == (
        "flip: true → false",
        "limit: none → 100",
        "epochs: 200 → 3",
        "milestones: 0.3, 0.6, 0.8 → 0.5",
    )
    assert RunConfig.from_json(noted.to_json()) == noted
    # Runs made before there were recipes.
    assert RunConfig.from_json(config.to_json()).recipe is None


@pytest.mark.parametrize("origin", ["paper", {"name": 3, "changed": []}, {"name": "x"}])
def test_an_edited_origin_is_refused(origin):
    with pytest.raises(ConfigError, match="recipe must have a name"):
        RunConfig.from_dict({"recipe": origin})


def test_unknown_recipe_is_refused():
    with pytest.raises(ConfigError, match=r"recipe must be one of paper, .* 'papper'"):
        recipe("papper")


def test_list_recipes(capsys):
    assert cli.main(["train", "--list-recipes"]) == 0
    text = capsys.readouterr().out
    for made in RECIPES.values():
        assert made.name in text
        assert made.expected in text
    assert cli.main(["train", "--list-recipes", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in listed] == list(RECIPES)


def test_command_line_starts_at_the_recipe_and_records_changes(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(cli.train, "_execute", lambda *given: 0)
    words = "train --recipe fast --epochs 7 --depth 16 --widen-factor 2 --run mine"
    folder = ["--runs-folder", str(tmp_path)]
    assert cli.main([*words.split(), *folder]) == 0
    config = RunStore(tmp_path).open("mine").config()
    assert (config.model.depth, config.train.epochs) == (16, 7)
    assert config.train.schedule == "one-cycle"
    assert config.recipe == "fast"
    assert config.changed == ("epochs: 80 → 7",)
    assert cli.main(["train", "--recipe", "slow", *folder]) == 2
    assert "slow" in capsys.readouterr().err


@pytest.mark.slow
def test_keras_2016_trains_and_keeps_its_graph(tmp_path):
    # Its network has another head than the authors'. Whitening is tested elsewhere.
    words = (
        "train --recipe keras-2016 --depth 10 --widen-factor 1 --data synthetic "
        "--limit 256 --epochs 1 --preprocessing mean-std --run old --quiet"
    )
    assert cli.main([*words.split(), "--runs-folder", str(tmp_path)]) == 0
    run = RunStore(tmp_path).open("old")
    assert run.status().state == "finished"
    assert "flatten" in (run.path / "architecture.dot").read_text()


def test_where_it_computes_and_where_files_lie_are_no_changes():
    config = RunConfig(
        train=TrainConfig(
            devices="cpu",
            precision="bfloat16",
            teacher="/home/somebody/large.weights.h5",
        ),
    )
    (change,) = note(config, "paper").changed
    assert change.startswith("teacher: ")
    assert change.endswith(" → large.weights.h5")


def test_fast_is_how_the_network_of_its_figure_was_trained():
    card = json.loads((ROOT / "models" / "WRN-16-2-fast.json").read_text())
    for section, settings in recipe("fast").settings.items():
        for name, value in settings.items():
            assert card["settings"][section][name] == value
