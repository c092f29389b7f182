"""The command `classify`: what a network says of pictures."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wrn.cli.arguments import command
from wrn.cli.output import print_json, print_table
from wrn.cli.process import start_tensorflow
from wrn.cli.weights_argument import add_weights, weights_path
from wrn.data.pictures import FORMATS, MAX_PICTURE_BYTES, read_picture
from wrn.errors import DataError
from wrn.text import file_size


def add(commands: Any) -> None:
    """Add the command."""
    parser = command(
        commands, "classify", _classify, "tell what is on pictures, of any size"
    )
    add_weights(parser)
    parser.add_argument(
        "pictures",
        metavar="PICTURE",
        nargs="+",
        type=Path,
        help=f"a file of at most {file_size(MAX_PICTURE_BYTES)} in one of the formats "
        f"{', '.join(FORMATS)}",
    )


def _classify(arguments: argparse.Namespace) -> int:
    path, _ = weights_path(arguments)
    images = np.stack([_read(each) for each in arguments.pictures])
    start_tensorflow()
    from wrn.evaluation.explain import classify, top_classes
    from wrn.restoring import load_weights

    loaded = load_weights(path)
    probabilities = classify(loaded.classifier, images)
    told = [top_classes(row, loaded.class_names) for row in probabilities]
    if arguments.json:
        print_json(
            {
                "name": loaded.config.name,
                "weights": path.name,
                "notes": list(loaded.notes),
                "pictures": [
                    {
                        "picture": str(picture),
                        "top": [
                            {"class": name, "probability": probability}
                            for name, probability in top
                        ],
                    }
                    for picture, top in zip(arguments.pictures, told, strict=True)
                ],
            }
        )
    else:
        header = ("picture", *(f"{place}" for place in range(1, len(told[0]) + 1)))
        print_table(
            header,
            [
                (str(picture), *(f"{name} {share:.1%}" for name, share in top))
                for picture, top in zip(arguments.pictures, told, strict=True)
            ],
        )
        for note in loaded.notes:
            print(f"- {note}")
    return 0


def _read(path: Path) -> NDArray[np.uint8]:
    try:
        return read_picture(_content(path))
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_PICTURE_BYTES + 1)
    except OSError as error:
        raise DataError(
            f"A picture must be a readable file. Received: {error.strerror}"
        ) from None
