"""Keeps a run's weights in `models/`, with a card that says what they are.

The last weights are kept, never the best: the best were chosen by their accuracy on
the very images that the card reports.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

from wrn import naming, weights
from wrn.config import RunConfig
from wrn.config.recipes import RECIPES, note
from wrn.data import load_cached
from wrn.errors import ConfigError, RunError
from wrn.evaluation import check_classes, evaluate, origin_note
from wrn.files import replace_file, sha256
from wrn.restoring import load_weights
from wrn.runs import Run, figure
from wrn.stored import card_path, models_folder, stored_path
from wrn.training.checkpoint import other_setting
from wrn.weights.origins import trained_on


def store(
    run: Run,
    source: str,
    *,
    name: str | None = None,
    replace: bool = False,
    folder: Path | None = None,
) -> dict[str, Any]:
    """Measure a finished run's last weights and keep them with a card.

    Args:
        run: The run.
        source: Data to measure on: all its test images, with and without test-time
            flip.
        name: What to call them. Defaults to the network's name.
        replace: Whether to take the place of stored weights of that name.
        folder: Where to keep them. Defaults to `wrn.stored.models_folder()`.

    Returns:
        The card, plain JSON types.

    Raises:
        ConfigError: If the name cannot be that of a file, or is taken, or the images
            have other classes.
        RunError: If the run is not finished, its settings were changed since, its
            weights are of another network, or nothing can be written there.
        WeightsError: If they cannot be read.
        DataError: If the data cannot be had.
    """
    config, status = run.config(), run.status()
    if status.state != "finished":
        raise RunError(
            f"A run whose weights are kept must be finished. Received: {run.name}, "
            f"which is {status.state}"
        )
    folder = models_folder() if folder is None else folder
    name = _checked_name(config.model.name if name is None else name)
    target = stored_path(name, folder)
    for taken in (target, card_path(target)):
        if taken.exists() and not replace:
            raise ConfigError(
                "Stored weights must have a name of their own; --name gives one, "
                "--replace puts them in the place of others. "
                f"Received: {name}, and {taken.name} exists"
            )
        if taken.is_dir():
            raise RunError(f"{taken} must be a file to be replaced. Received: a folder")
    loaded = load_weights(run.last_weights)
    if loaded.config.name != config.model.name:
        raise RunError(
            f"{run.last_weights.name} of run {run.name} must hold {config.model.name}, "
            f"which its settings name. Received: {loaded.config.name}"
        )
    done = figure(loaded.metadata.get("result"), "epochs")
    if done is not None and done < config.train.epochs:
        raise RunError(
            f"A run whose weights are kept must have all {config.train.epochs} epochs "
            f"that its settings ask for. Received: {run.name}, which has {done:g}"
        )
    if words := other_setting(loaded.metadata, config):
        raise RunError(
            f"The settings of run {run.name} must be those that its weights were "
            f"trained with. Received: others; the weights were with {words}"
        )
    dataset = load_cached(source)
    check_classes(loaded.config.classes, dataset)
    _check_writable(folder)
    images, labels = dataset.test.images, dataset.test.labels
    plain, flipped = (
        evaluate(loaded.classifier, images, labels, flip=flip) for flip in (False, True)
    )
    trained = trained_on(loaded.metadata) or dataset.name
    notes = dataset.note, origin_note(loaded.metadata, dataset)
    weights.save(
        target,
        loaded.classifier.model,
        loaded.metadata,
        preprocessing=loaded.classifier.preprocessing.arrays(),
    )
    card = {
        "name": config.model.name,
        "sha256": sha256(target),
        "recipe": _recipe(config),
        "epochs": config.train.epochs,
        "seed": config.train.seed,
        "data": trained,
        "measured_on": dataset.name,
        "note": " ".join(note for note in notes if note),
        "images": plain.images,
        "test_accuracy": plain.accuracy,
        "test_accuracy_flip": flipped.accuracy,
        "interval": list(plain.interval),
        "loss": plain.loss,
        "precision": loaded.precision,
        "device": status.device,
        "seconds": status.seconds,
        "commit": loaded.metadata.get("commit", ""),
        "initial": loaded.metadata.get("initial"),
        "teachers": loaded.metadata.get("teachers"),
        "settings": {
            "model": config.model.to_dict(),
            "data": config.data.replace(source=trained).to_dict(),
            "train": config.train.without_paths().to_dict(),
        },
        "held_out": config.data.held_out_name,
        "curve": [
            [figure(record, name) for name in ("train_accuracy", "test_accuracy")]
            for record in run.metrics("epoch")
        ],
    }
    _write_card(card_path(target), card)
    return card


def _check_writable(folder: Path) -> None:
    """Make the folder; refuse one that takes no file before all is measured."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise RunError(
            f"The folder of stored weights {folder} must be writable; WRN_MODELS names "
            f"another one. Received: {error.strerror}"
        ) from None


def _checked_name(name: str) -> str:
    if not naming.is_name(name):
        raise ConfigError(
            f"The name of stored weights must be {naming.RULE}. Received: {name!r:.200}"
        )
    return name


def _write_card(path: Path, card: dict[str, Any]) -> None:
    """Write a card for people: a line a field, and the curve in one."""
    fields = ",\n".join(f" {json.dumps(k)}: {json.dumps(v)}" for k, v in card.items())
    replace_file(path, f"{{\n{fields}\n}}\n".encode())


def _recipe(config: RunConfig) -> str:
    """Say by which recipe, and what was changed in it.

    What counts is the recipe as it is now, which is the one that a reader of the card
    can look up; the run's own note may be of an earlier one.
    """
    if config.recipe in RECIPES:
        config = note(config, config.recipe)
    if not config.changed:
        return config.recipe or ""
    return f"{config.recipe}, with {'; '.join(config.changed)}"
