"""Valid files of several eras, and what damage makes of them."""

import json
from pathlib import Path

import h5py
import numpy as np

from tests import weight_files as samples

SIGNATURE = b"\x89HDF\r\n\x1a\n"
#: Lengths, counts and addresses that parsers stumble on.
ODD = (0, 1, 2**7, 2**8 - 1, 2**15, 2**16 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)

LAYERS = samples.wide_resnet(10, 1)


def _description():
    """How a model of Keras 2 describes itself."""
    classes = {"conv": "Conv2D", "bn": "BatchNormalization", "dense": "Dense"}
    described, previous = [], []
    for number, layer in enumerate(LAYERS):
        name = f"{layer.kind}_{number}"
        settings = {"name": name, "padding": "same", "epsilon": 1e-3, "strides": [1, 1]}
        if layer.kind == "conv":
            settings["kernel_size"] = list(layer.weights[0].shape[:2])
        described.append(
            {
                "class_name": classes.get(layer.kind, layer.kind.title()),
                "name": name,
                "config": settings,
                "inbound_nodes": [[[before, 0, 0, {}] for before in previous]],
            }
        )
        previous = [name]
    return {"class_name": "Functional", "config": {"layers": described}}


def _archive(path):
    h5 = samples.write_weights_h5(path.with_name("packed"), LAYERS)
    return samples.pack(path, samples.archived(h5, json.dumps(_description())))


def _own(path):
    model = {"depth": 10, "widen_factor": 1, "dropout": 0.3, "classes": 10}
    metadata = {"model": model, "preprocessing": {"kind": "divide"}}
    return samples.write_weights_h5(
        path, LAYERS, own_names=True, metadata=metadata, optimizer=True
    )


#: Writers of valid files by what wrote them. All hold a WRN-10-1.
ERAS = {
    "keras 1, theano": lambda path: samples.write_keras_1(path, LAYERS),
    "keras 1, model": lambda path: samples.write_keras_1(
        path, LAYERS, version="1.2.2", theano=False
    ),
    "keras 2": lambda path: samples.write_legacy(path, LAYERS),
    "keras 2, model": lambda path: samples.write_legacy(
        path, LAYERS, model_config=_description()
    ),
    "keras 3": lambda path: samples.write_weights_h5(path, LAYERS),
    "own": _own,
    "keras archive": _archive,
}


def mutants(source: Path, target: Path, count: int, seed):
    """Write mutants of a file to `target`, one after the other; yield their numbers.

    Each follows from the seed, some integers, and its number alone. Of an archive every
    other one has its damage within the weights, packed with the right checksum.
    """
    whole = source.read_bytes()
    start = whole.index(SIGNATURE)
    weights = source.with_name("weights")
    packed = start > 0
    if packed:
        members = samples.archived(source.with_name("packed"))
        outside = _outside(whole, [(start, len(members["model.weights.h5"]))])
        weights.write_bytes(members["model.weights.h5"])
    else:
        weights.write_bytes(whole)
    inside = _structure(weights)
    for number in range(count):
        random = np.random.default_rng([*seed, number])
        if packed and number % 2:
            target.write_bytes(mutate(whole, outside, random))
        else:
            target.write_bytes(mutate(weights.read_bytes(), inside, random))
            if packed:
                samples.pack(target, samples.archived(target))
        yield number


def _structure(path):
    """Return the places of an HDF5 file's bytes that are no weights."""
    spans = []

    def add(_, item):
        if isinstance(item, h5py.Dataset) and item.id.get_offset() is not None:
            spans.append((item.id.get_offset(), item.id.get_storage_size()))

    with h5py.File(path) as file:
        file.visititems(add)
    return _outside(path.read_bytes(), spans)


def _outside(data, spans):
    free = np.ones(len(data), bool)
    for start, length in spans:
        free[start : start + length] = False
    return np.flatnonzero(free)


def mutate(data: bytes, places, random: np.random.Generator) -> bytes:
    """Change a few bytes, most of them at the given places."""
    if random.random() < 0.1:
        places = np.arange(len(data))
    changed = bytearray(data)
    for _ in range(random.integers(1, 8)):
        place = int(random.choice(places))
        kind = random.integers(5)
        if kind == 0:
            changed[place] = random.integers(256)
        elif kind == 1:
            changed[place] ^= 1 << int(random.integers(8))
        elif kind == 2:
            odd = int(random.choice(np.array(ODD, np.uint64)))
            size = int(random.choice([1, 2, 4, 8]))
            changed[place : place + size] = odd.to_bytes(8, "little")[:size]
        elif kind == 3:
            other = int(random.choice(places))
            length = int(random.integers(1, 64))
            changed[place : place + length] = changed[other : other + length]
        elif random.random() < 0.2:
            del changed[place:]
            break
    return bytes(changed)
