"""What weight files tell of their training, and of those that it builds on."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from wrn.config import RunConfig
from wrn.data import Dataset
from wrn.errors import ConfigError
from wrn.files import sha256
from wrn.naming import known_as
from wrn.text import printable

#: Where a weight file tells of those that its training builds on.
_PAST = ("initial", "teachers")

#: What a weight file tells of its training, and one that builds on it keeps.
_TOLD = ("model", "train", "data", "result", "commit", "initial", "teachers")

#: How many generations are told, each of which nests two levels, and in how many
#: characters: a weight file with more than 64 levels or a million is not read again.
_MOST_GENERATIONS = 25
_MOST_CHARACTERS = 400_000


def origin(name: str, content: Path, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of a weight file.

    Args:
        name: Its path, of which is kept what `wrn.naming.known_as` returns.
        content: Where it can be read.
        metadata: What it says about itself.

    Returns:
        The `file`'s name and `sha256`, and what it tells of its own training:
        `model`, `train`, `data`, `result`, `commit`, and in turn `initial`, a list or
        a single one in files from before it was, and `teachers`.
    """
    told = {key: metadata[key] for key in _TOLD if key in metadata}
    return {"file": known_as(PurePath(name)), "sha256": sha256(content)} | told


def told_under(key: str, metadata: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the origins that a weight file tells under a key.

    Args:
        key: `initial` or `teachers`.
        metadata: What it says about itself. Files from before there were several tell
            one as it is; whatever is none, because a file was edited, is left out.
    """
    told = metadata.get(key)
    listed = told if isinstance(told, list) else [told]
    return [each for each in listed if isinstance(each, dict)]


def contents(origins: Sequence[Mapping[str, Any]]) -> list[object]:
    """Return what stands for the content of each weight file."""
    return [each.get("sha256") for each in origins]


def building_on(
    initial: Sequence[Mapping[str, Any]], teachers: Sequence[Mapping[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    """Return what a weight file tells of those that its training builds on.

    Each is told in full once, and where it comes again by name and content alone: what
    they have in common would else double with each generation. So are those that are
    too many generations away, and more of them where it would be too long to be read.

    Args:
        initial: Origins of the weights that it began with; none if those were random.
        teachers: Origins of the teachers.
    """
    groups = {"initial": initial, "teachers": teachers}
    for generations in range(_MOST_GENERATIONS, -1, -1):
        past = _told_once(groups, generations)
        if len(json.dumps(past)) <= _MOST_CHARACTERS:
            break
    return past


def _told_once(
    groups: Mapping[str, Sequence[Mapping[str, Any]]], generations: int
) -> dict[str, list[dict[str, Any]]]:
    told: set[str] = set()

    def once(each: Mapping[str, Any], generations: int) -> dict[str, Any]:
        mention = {key: each[key] for key in ("file", "sha256") if key in each}
        if mention == each or str(each.get("sha256")) in told or not generations:
            return mention
        if "sha256" in each:
            told.add(str(each["sha256"]))
        past = {
            key: [once(earlier, generations - 1) for earlier in told_under(key, each)]
            for key in _PAST
            if key in each
        }
        return {**each, **past}

    return {
        key: [once(each, generations) for each in group]
        for key, group in groups.items()
        if group
    }


def epochs_before(metadata: Mapping[str, Any]) -> int:
    """Return how many epochs the weights had been trained that a training began with.

    Args:
        metadata: What a weight file says about itself, or its card; anything, if
            somebody edited it.

    Returns:
        The epochs of all trainings that led to them. One counts once, if several
        began with its weights, or if both its last and its best were averaged.
    """
    epochs: dict[str, int] = {}
    for number, each in enumerate(_lineage([metadata], "initial")):
        if each is not metadata:
            training = _training(each) or str(number)
            known = epochs.get(training, 0)
            epochs[training] = max(known, epochs_trained(each) or 0)
    return sum(epochs.values())


def _training(told: Mapping[str, Any]) -> str:
    """Return what stands for the training of a weight file; empty if none is told."""
    if "train" not in told:
        return str(told.get("sha256", ""))
    parts = [told.get(key) for key in ("model", "train", "data")]
    began = contents(told_under("initial", told))
    return json.dumps([parts, began], sort_keys=True)


def epochs_trained(metadata: Mapping[str, Any]) -> int | None:
    """Return after how many epochs of their training weights were written.

    Args:
        metadata: As for `epochs_before`.

    Returns:
        The number; `None` if it is not told.
    """
    result = metadata.get("result")
    epochs = result.get("epochs") if isinstance(result, dict) else None
    return epochs if type(epochs) is int and 0 <= epochs < 2**31 else None


def known_classes(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the classes that weights were taught; none if unknown."""
    data = metadata.get("data")
    names = data.get("class_names") if isinstance(data, dict) else None
    return _printable(names) if isinstance(names, list) else ()


def trained_on(metadata: Mapping[str, Any]) -> str:
    """Name the images that weights were trained on; empty if their file does not."""
    data = metadata.get("data")
    name = data.get("name") if isinstance(data, dict) else None
    return printable(name, 100) if isinstance(name, str) else ""


def other_classes(metadata: Mapping[str, Any], dataset: Dataset) -> str:
    """Say which classes weights know, if not those of the images in their order.

    Args:
        metadata: As for `epochs_before`.
        dataset: The images.

    Returns:
        Words that name both; empty if they are the same, or the file does not tell.
    """
    known, own = known_classes(metadata), _printable(dataset.class_names)
    if known in ((), own):
        return ""
    return f"{_listed(known)}, where the images are of {_listed(own)}"


def check_teachers(dataset: Dataset, origins: Sequence[Mapping[str, Any]]) -> None:
    """Refuse teachers that would teach the names of other classes.

    Args:
        dataset: The images of the training.
        origins: Of its teachers.

    Raises:
        ConfigError: If one of them was taught other classes, or in another order.
    """
    for each in origins:
        if words := other_classes(each, dataset):
            raise ConfigError(
                "teacher must know the classes of the images, in their order. "
                f"Received: {printable(str(each.get('file')), 80)}, which knows {words}"
            )


def _printable(names: Sequence[object]) -> tuple[str, ...]:
    return tuple(printable(str(name), 40) for name in names)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + ", …" * (len(names) > 10)


def check_held_out(
    config: RunConfig, dataset: Dataset, origins: Sequence[Mapping[str, Any]]
) -> None:
    """Refuse to measure on images that an earlier network was trained on.

    Which images are held out depends on all of them, on their order and on the number
    alone, and more of them include those of fewer.

    Args:
        config: All settings of the training.
        dataset: Its images.
        origins: Of the networks that it builds on.

    Raises:
        ConfigError: If one of them, or one that it was made from, does not tell that
            it has held out the same images.
    """
    asked = config.data.validation
    if not asked:
        return
    for each in _lineage(origins, *_PAST):
        data = each.get("data")
        data = data if isinstance(data, dict) else {}
        if data.get("synthetic") == (not dataset.synthetic):
            continue
        same = data.get("fingerprint") == dataset.fingerprint
        held_out = data.get("validation")
        if type(held_out) is not int:
            told = "tells of none"
        elif not same:
            told = f"held out {held_out:,} of other images"
        elif held_out < asked:
            told = f"held out {held_out:,}"
        else:
            continue
        raise ConfigError(
            "validation must be 0, or at most as many images as were held out from "
            "each network that the training builds on: it would know the others. "
            f"Received: {asked:,}, and {printable(str(each.get('file')), 80)}, "
            f"which {told}"
        )


def _lineage(
    origins: Sequence[Mapping[str, Any]], *keys: str
) -> Iterator[Mapping[str, Any]]:
    """Yield origins and all that they tell under these keys that they come from.

    What only mentions a file is passed over, if that is told about elsewhere.
    """
    left = list(origins)
    told, mentioned = set(), []
    while left:
        each = left.pop()
        if each.keys() == {"file", "sha256"}:
            mentioned.append(each)
            continue
        told.add(str(each.get("sha256")))
        yield each
        for key in keys:
            left += told_under(key, each)
    yield from (each for each in mentioned if str(each.get("sha256")) not in told)
