"""From the arrays of a file to the layers that Keras wrote.

    format           layout
    weights.h5       layers/<class>_<n>/vars/<i>: Keras 3, tf_keras from 2.12. Layers
                     of one class are numbered in order; classes are not interleaved.
    keras 0          layer_<n>/param_<i> of `Sequential`, graph/param_<i> of `Graph`:
                     Keras 0.1 to 0.3, which names nothing
    legacy weights   root attribute `layer_names`, and `weight_names` in each layer's
                     group: Keras 1 and 2
    legacy model     the same below `model_weights`: Keras 1.0.7 to 3
    keras archive    a ZIP of config.json, metadata.json and a weights.h5

A model's own description of itself (`model_config`, config.json) is only read as
JSON, for hints; no model is built from it.
"""

import json
import math
import operator
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal

from wrn.errors import WeightsError
from wrn.text import printable
from wrn.weights.child import quote
from wrn.weights.description import described_layers
from wrn.weights.reader import Array, Dump, dump

Format = Literal[
    "keras 0", "legacy weights", "legacy model", "weights.h5", "keras archive"
]

MAX_METADATA = 2**20
#: Of lists and objects in JSON; a model's description has some twenty.
MAX_NESTING = 64

#: Root group of the arrays that this project's preprocessing is made of.
PREPROCESSING_GROUP = "preprocessing"


@dataclass(frozen=True, eq=False)
class FileLayer:
    """A layer as a file has it.

    Attributes:
        name: The layer's own name where the file records it, else its group's.
        kind: What its class is numbered under, such as `layers/conv2d`, in a
            format that keeps the order only within a class; else "".
        weights: (name, float32 array) pairs in the file's order. Empty for a
            layer without weights.
    """

    name: str
    kind: str
    weights: tuple[tuple[str, Array], ...]


@dataclass(frozen=True, eq=False)
class WeightFile:
    """The content of a weight file.

    Attributes:
        format: The layout, see the table at the top of this module.
        keras_version: Version of the Keras that wrote it, or `None`.
        backend: Keras's backend, such as `tensorflow`, or `None`.
        writer: Who wrote it, for people; `unknown` where nothing tells.
        layers: The layers in the file's order.
        metadata: The JSON object in the root attribute `wrn` of this project's
            files, else empty.
        config: The JSON object in which a full model describes itself, else
            empty. A hint, never more.
        preprocessing: float32 arrays by their names, of which the metadata tells
            the use; mostly empty.
        suffixed: Whether weights are called `…:0`, as TensorFlow calls variables.
    """

    format: Format
    keras_version: str | None
    backend: str | None
    writer: str
    layers: tuple[FileLayer, ...]
    metadata: dict[str, Any]
    config: dict[str, Any]
    preprocessing: dict[str, Array] = field(default_factory=dict)
    suffixed: bool = False

    @property
    def is_keras_0(self) -> bool:
        """Whether Keras 0.3 or one before it wrote it."""
        return self.format == "keras 0"

    @property
    def is_keras_1(self) -> bool:
        """Whether Keras 1 wrote it, which records its version in full models only."""
        legacy = self.format.startswith("legacy")
        return legacy and (self.keras_version or "1").split(".")[0] == "1"


def read(path: str | Path) -> WeightFile:
    """Read a weight file of Keras, whatever it is called.

    Args:
        path: An HDF5 file or a `.keras` archive.

    Returns:
        Its layers, as arrays only: nothing in the file is executed or built.
        Optimizer and training state is left out.

    Raises:
        WeightsError: If it is no weight file of Keras, is damaged, or holds
            anything but finite floating-point numbers.
    """
    found = dump(path)
    attributes = found.attributes.get("", {})
    config = _json_object(
        found.archive.get("config.json") or _first(attributes, "model_config"),
        "The model's description",
    )
    metadata = _metadata(_first(attributes, "wrn"))
    for name in ("", "model_weights"):
        if "layer_names" in found.attributes.get(name, {}):
            return _read_legacy(found, name, metadata, config)
    if any("vars" in path.split("/") for path in found.arrays):
        file = _read_weights_h5(found, metadata, config)
        return replace(file, preprocessing=_preprocessing(found))
    if any(_PARAMETER.fullmatch(path) for path in found.arrays):
        return _read_keras_0(found, metadata)
    names = sorted({p.split("/")[0] for p in (*found.groups, *found.arrays)} - {""})
    raise WeightsError(
        "This HDF5 file is no weight file of Keras. Expected the group 'layers' or "
        "the attribute 'layer_names'. Received: "
        + (", ".join(map(quote, names[:5])) or "an empty file")
    )


#: Where Keras 0.3 keeps a weight (`save_weights` in its models.py).
_PARAMETER = re.compile(r"(layer_\d{1,9}|graph)/param_(\d{1,9})", re.ASCII)


def _read_keras_0(found: Dump, metadata: dict[str, Any]) -> WeightFile:
    """Read the layout in which weights are numbered, and nothing is named."""
    groups: dict[str, list[Array]] = {}
    for path in sorted(found.arrays, key=_natural):
        match = _PARAMETER.fullmatch(path)
        if match is None:
            continue
        arrays = groups.setdefault(match[1], [])
        if int(match[2]) != len(arrays):
            raise WeightsError(
                f"Expected the weights of {quote(match[1])} to be numbered from 0 "
                f"without gaps. Received: {quote(path)} as number {len(arrays)}"
            )
        arrays.append(found.arrays[path])
    layers = [
        layer for name, of in groups.items() for layer in _split_numbered(name, of)
    ]
    return WeightFile(
        format="keras 0",
        keras_version=None,
        backend=None,
        writer="Keras 0.3 or earlier",
        layers=tuple(layers),
        metadata=metadata,
        config={},
    )


def _split_numbered(group: str, arrays: list[Array]) -> list[FileLayer]:
    """Tell layers apart in a list of weights, by their ranks.

    Vectors come as the bias after a kernel and as the four of batch normalization:
    a bias is what is left over by four.
    """
    layers = []
    start = 0
    while start < len(arrays):
        end = start + 4
        if arrays[start].ndim > 1:
            rest = (array.ndim > 1 for array in arrays[start + 1 :])
            vectors = len(list(takewhile(operator.not_, rest)))
            end = start + 1 + vectors % 4
        weights = enumerate(arrays[start:end], start)
        layers.append(
            FileLayer(
                name=f"{group}/param_{start}",
                kind="",
                weights=tuple((f"param_{i}", array) for i, array in weights),
            )
        )
        start = end
    return layers


def _read_legacy(
    found: Dump, root: str, metadata: dict[str, Any], config: dict[str, Any]
) -> WeightFile:
    """Read the layout with lists of names."""
    prefix = f"{root}/" if root else ""
    attributes = found.attributes[root]
    layers: list[FileLayer] = []
    places: dict[str, int] = {}
    for described in described_layers(config):
        places.setdefault(described.name, len(places))
    _check_listed_once("layer", attributes["layer_names"])
    for layer in attributes["layer_names"]:
        group = prefix + layer
        if group not in found.groups:
            raise WeightsError(
                "Expected a group for each listed layer. Received: "
                f"{quote(layer)}, which the file does not hold"
            )
        names = found.attributes.get(group, {}).get("weight_names", [])
        _check_listed_once("weight", names)
        for name in names:
            if f"{group}/{name}" not in found.arrays:
                raise WeightsError(
                    "Expected an array for each listed weight. Received: "
                    f"{quote(name)} of {quote(layer)}, which the file does not hold"
                )
        nested = list(_split_nested(found, layer, group, names))
        # Within a model weights that are not trained come last, and with them the
        # layers that have no others. Its description tells their places.
        if all(each.name in places for each in nested):
            nested.sort(key=lambda each: places[each.name])
        layers.extend(nested)
    # Keras 1 records its version beside the model's description.
    version = _first(attributes, "keras_version") or _first(
        found.attributes.get("", {}), "keras_version"
    )
    backend = _first(attributes, "backend")
    writer = f"Keras {version or 1}" + (f" ({backend})" if backend else "")
    return WeightFile(
        format="legacy model" if root else "legacy weights",
        keras_version=version,
        backend=backend,
        writer=_printable(writer),
        layers=tuple(layers),
        metadata=metadata,
        config=config,
        suffixed=any(path.endswith(":0") for path in found.arrays),
    )


def _check_listed_once(kind: str, names: list[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise WeightsError(
            f"Expected each {kind} to be listed once. Received: {quote(twice[0])} "
            "more than once"
        )


#: Name of a layer and role of a weight, as Keras 1 puts them together.
_KERAS_1_WEIGHT = re.compile(r"(.+)_(?:W|b|gamma|beta|running_mean|running_std)(?::0)?")


def _split_nested(
    found: Dump, layer: str, group: str, names: list[str]
) -> Iterator[FileLayer]:
    """Yield a layer, or the layers of a model that is used as a layer.

    Keras lists the weights of such a model together. What tells them apart is the
    part of their names before the last slash; in Keras 1, before the last role.
    """
    by_owner: dict[str, list[tuple[str, Array]]] = {}
    for name in names:
        owner, _, weight = name.rpartition("/")
        if not owner and (match := _KERAS_1_WEIGHT.fullmatch(name)):
            owner = match[1]
        pair = (weight.removesuffix(":0"), found.arrays[f"{group}/{name}"])
        by_owner.setdefault(owner, []).append(pair)
    if len(by_owner) < 2:
        by_owner = {layer: [pair for pairs in by_owner.values() for pair in pairs]}
    for owner, pairs in by_owner.items():
        yield FileLayer(name=owner, kind="", weights=tuple(pairs))


def _read_weights_h5(
    found: Dump, metadata: dict[str, Any], config: dict[str, Any]
) -> WeightFile:
    """Read the layout in which each layer's group has a group `vars`."""
    weights: dict[str, list[tuple[str, Array]]] = {
        path: [] for path in found.groups if path.split("/")[-1] == "vars"
    }
    for path in sorted(found.arrays, key=_natural):
        owner, _, name = path.rpartition("/")
        if owner in weights:
            weights[owner].append((name, found.arrays[path]))
    layers = []
    for path in sorted(weights, key=_natural):
        group = path.removesuffix("vars").removesuffix("/")
        layers.append(
            FileLayer(
                name=_printable(_first(found.attributes.get(path, {}), "name") or "")
                or group,
                kind=re.sub(r"_\d+(?=/|$)", "", group),
                weights=tuple(weights[path]),
            )
        )
    named = any("name" in found.attributes.get(path, {}) for path in weights)
    version = _archive_version(found.archive)
    writer = f"Keras {version}" if version else "Keras 3" if named else "unknown"
    return WeightFile(
        format="keras archive" if found.archive else "weights.h5",
        keras_version=version,
        backend=None,
        writer="this program" if "model" in metadata else _printable(writer),
        layers=tuple(layers),
        metadata=metadata,
        config=config,
    )


def _preprocessing(found: Dump) -> dict[str, Array]:
    """Return the arrays that lie in the group of the preprocessing itself."""
    parts = ((path.split("/"), array) for path, array in found.arrays.items())
    return {
        names[1]: array
        for names, array in parts
        if len(names) == 2 and names[0] == PREPROCESSING_GROUP
    }


def _natural(path: str) -> list[tuple[str, int]]:
    """Sort key by which conv2d, conv2d_2 and conv2d_10 come in this order."""
    parts = (re.fullmatch(r"(.*?)_?(\d{1,9})?", part, re.S) for part in path.split("/"))
    return [(m[1], int(m[2] or 0)) if m else ("", 0) for m in parts]


def _archive_version(archive: dict[str, str]) -> str | None:
    metadata = _json_object(archive.get("metadata.json"), "The archive's metadata")
    version = metadata.get("keras_version")
    return version if isinstance(version, str) else None


def _metadata(text: str | None) -> dict[str, Any]:
    if text and len(text) > MAX_METADATA:
        raise WeightsError(
            f"The attribute 'wrn' must have at most {MAX_METADATA:,} characters. "
            f"Received: {len(text):,}"
        )
    return _json_object(text, "The attribute 'wrn'")


def _json_object(text: str | None, what: str) -> dict[str, Any]:
    """Parse a JSON object; an absent one is empty."""
    if text is None:
        return {}
    try:
        value = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or _is_deep(value):
        raise WeightsError(
            f"{what} must be a JSON object, nested at most {MAX_NESTING} deep. "
            f"Received: {quote(text[:40])}"
        )
    return value


def _finite(text: str) -> float | None:
    """Read a number; `None` for NaN and infinity, which are none to JSON."""
    value = float(text)
    return value if math.isfinite(value) else None


def _is_deep(value: Any) -> bool:
    """Whether JSON is nested deeper than what Python can always print."""
    level = [value]
    for _ in range(MAX_NESTING):
        items = [node.values() if isinstance(node, dict) else node for node in level]
        level = [
            child for of in items for child in of if isinstance(child, dict | list)
        ]
    return bool(level)


def _first(attributes: dict[str, list[str]], name: str) -> str | None:
    return next(iter(attributes.get(name, [])), None)


def _printable(text: str) -> str:
    """Keep what can be shown of a text that a file gave."""
    return printable(text, 80)
