"""Keeps a run's weights in `models/`, with a card that says what they are.

The last weights are kept, never the best: the best were chosen by their accuracy on
the very images that the card reports.
"""

import json
from pathlib import Path
from typing import Any, cast

from wrn import weights
from wrn.config import RunConfig
from wrn.data import load_cached
from wrn.errors import RunError
from wrn.evaluation import Evaluation, evaluate, load_weights
from wrn.runs import Run
from wrn.stored import ENDING, models_folder


def store(run: Run, source: str, *, folder: Path | None = None) -> dict[str, Any]:
    """Measure a finished run's last weights and keep them with a card.

    Args:
        run: The run.
        source: Data to measure on: all its test images, with and without test-time
            flip.
        folder: Where to keep them. Defaults to `wrn.stored.models_folder()`.

    Returns:
        The card, plain JSON types.

    Raises:
        RunError: If the run is not finished.
        DataError: If the data cannot be had.
    """
    config, status = run.config(), run.status()
    if status.state != "finished":
        raise RunError(
            f"A run whose weights are kept must be finished. Received: {run.name}, "
            f"which is {status.state}"
        )
    loaded = load_weights(run.last_weights)
    dataset = load_cached(source)
    images, labels = dataset.test.images, dataset.test.labels
    plain, flipped = (
        # `None` only where somebody can stop it.
        cast(Evaluation, evaluate(loaded.classifier, images, labels, flip=flip))
        for flip in (False, True)
    )
    card = {
        "name": config.model.name,
        "recipe": _recipe(config),
        "epochs": config.train.epochs,
        "seed": config.train.seed,
        "data": dataset.name,
        "note": dataset.note,
        "images": plain.images,
        "test_accuracy": plain.accuracy,
        "test_accuracy_flip": flipped.accuracy,
        "interval": list(plain.interval),
        "loss": plain.loss,
        "precision": loaded.precision,
        "device": status.device,
        "seconds": status.seconds,
        "commit": loaded.metadata.get("commit", ""),
        "settings": {
            "data": config.data.replace(source=dataset.name).to_dict(),
            "train": config.train.to_dict(),
        },
        "curve": [
            [record["train_accuracy"], record["test_accuracy"]]
            for record in run.metrics("epoch")
        ],
    }
    folder = models_folder() if folder is None else folder
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{config.model.name}{ENDING}"
    weights.save(
        target,
        loaded.classifier.model,
        loaded.metadata,
        preprocessing=loaded.classifier.preprocessing.arrays(),
    )
    target.with_name(f"{config.model.name}.json").write_text(
        json.dumps(card, indent=1) + "\n", encoding="utf-8"
    )
    return card


def _recipe(config: RunConfig) -> str:
    """Say by which recipe, and what was changed in it."""
    if not config.changed:
        return config.recipe or ""
    return f"{config.recipe}, with {'; '.join(config.changed)}"
