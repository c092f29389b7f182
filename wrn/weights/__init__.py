"""Weight files: read as plain arrays, recognized as a Wide ResNet.

    reader        runs `child`, which dumps an untrusted file, and checks the dump
    child         the program of that process
    description   a model's description of itself, in the file of a whole model
    formats       the dump -> `WeightFile`: the layers, as each Keras lays them out
    recognition   `WeightFile` -> `Recognized`: network, wiring, converted arrays, by
    layers        what each layer computes, from the ranks of its weights
    shapes        depth, widen factor, classes, biases, head, from the shapes
    refusals      what looks like another network
    hints         order of layers, names, the model's description of itself
    families      how the layers are connected, by all of these
    meaning       how the numbers are meant, and their conversion
    writer        a model -> this project's own file; arrays -> a model
    origins       what files tell of their training, and of those that it builds on

No TensorFlow or Keras is imported, and nothing in a file is ever executed.
"""

from pathlib import Path
from typing import Any

from wrn.architecture import describe
from wrn.errors import WeightsError
from wrn.weights.families import differences
from wrn.weights.formats import FileLayer, WeightFile, read
from wrn.weights.meaning import readings
from wrn.weights.recognition import Recognized, recognize
from wrn.weights.writer import fill, save

__all__ = [
    "FileLayer",
    "Recognized",
    "WeightFile",
    "differences",
    "fill",
    "inspect",
    "read",
    "read_named",
    "readings",
    "recognize",
    "report",
    "save",
]


def inspect(path: str | Path) -> dict[str, Any]:
    """Report what a weight file holds.

    Args:
        path: An HDF5 file or a `.keras` archive.

    Returns:
        Plain JSON types: the network's name, depth, widen_factor, dropout, classes
        and parameters; its wiring, whether the file itself says so, and the names of
        the wirings that are possible besides; the file's format and writer; notes,
        and which of them tell of conversions; what is assumed of how its numbers are
        meant; metadata; and for each layer its name, its name in the file and the
        shapes of its weights.

    Raises:
        WeightsError: If the file cannot be read or holds no Wide ResNet.
    """
    file = read(path)
    return report(file, recognize(file))


def read_named(
    setting: str, path: str, *, of: int = 1
) -> tuple[WeightFile, Recognized]:
    """Read a file that a setting of a training names, and recognize its network.

    Args:
        setting: Name of the setting, for messages.
        path: The file.
        of: How many files the setting names.

    Raises:
        WeightsError: If it cannot be read or holds no Wide ResNet; the setting and
            the file are named.
    """
    try:
        file = read(path)
        return file, recognize(file)
    except WeightsError as error:
        hint = ". Commas stand between files, except in quotes" if of > 1 else ""
        raise WeightsError(f"{setting} {path}: {error}{hint}") from error


def report(file: WeightFile, found: Recognized) -> dict[str, Any]:
    """Put what was recognized in a file into plain JSON types. See `inspect`."""
    return {
        "name": found.config.name,
        **found.config.to_dict(),
        "parameters": describe(found.config, found.wiring).parameters,
        "wiring": found.wiring.to_dict(),
        "certain": found.certain,
        "alternatives": [wiring.name for wiring in found.alternatives],
        "format": file.format,
        "writer": file.writer,
        "notes": list(found.notes),
        "conversions": list(found.conversions),
        "assumed": list(found.assumed),
        "metadata": file.metadata,
        "layers": [
            {
                "name": name,
                "source": found.sources[name],
                "weights": {role: list(a.shape) for role, a in arrays.items()},
            }
            for name, arrays in found.arrays.items()
        ],
    }
