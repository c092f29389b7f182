"""The files of the teachers of a training: kept by its run, read and checked."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wrn import weights
from wrn.config import FULL_SIZE, RunConfig
from wrn.errors import ConfigError, RunError, WeightsError
from wrn.files import UNFINISHED, sha256
from wrn.preprocessing import KINDS, Preprocessing, read_preprocessing
from wrn.weights.origins import contents, origin


@dataclass(frozen=True)
class TeacherFile:
    """A teacher, as read from its file.

    Attributes:
        recognized: Network and weights.
        preprocessing: What is done to its images first.
        origin: Where it comes from, as `wrn.weights.origins.origin` tells it.
    """

    recognized: weights.Recognized
    preprocessing: Preprocessing
    origin: dict[str, Any]


def kept_files(config: RunConfig, folder: Path) -> list[Path]:
    """Return where the files of a training's teachers are kept.

    Args:
        config: All settings of the training.
        folder: That of the teachers, in the run's.

    Returns:
        One for each teacher, in their order, whether it exists or not.
    """
    numbers = range(1, len(config.train.teachers) + 1)
    return [folder / f"{number}.weights.h5" for number in numbers]


def read_teachers(
    config: RunConfig, folder: Path, began_with: Sequence[object] | None = None
) -> list[TeacherFile]:
    """Read the teachers of a training, and keep their files for when it resumes.

    Args:
        config: All settings of the training.
        folder: Where the run keeps the files. What is there stays and is read; what is
            not is copied, once all are found to suit.
        began_with: What stands for their content (`wrn.weights.origins.contents`), if
            the training goes on: a kept file of other content is copied anew.

    Returns:
        The teachers, in their order; none if the training has none.

    Raises:
        ConfigError: If a teacher knows another number of classes, or its images were
            preprocessed in another way than the student's or the first teacher's, or
            cannot be shrunk.
        RunError: If the training began with others.
        WeightsError: If a file cannot be read, or lacks its preprocessing.
    """
    paths = config.train.teachers
    kept = kept_files(config, folder)
    if not paths:
        if began_with:
            raise RunError(
                "A training must go on with the teachers that it began with, which "
                f"{folder} keeps. Received: settings without any"
            )
        return []
    with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=folder.parent) as new:
        copies = {
            target: _copy(config, path, Path(new) / target.name)
            for path, target in zip(paths, kept, strict=True)
            if not _is_kept(target, began_with)
        }
        teachers = [
            _read(config, path, copies.get(target, target))
            for path, target in zip(paths, kept, strict=True)
        ]
        for path, teacher in zip(paths, teachers, strict=True):
            if not _alike(teacher.preprocessing, teachers[0].preprocessing):
                raise ConfigError(
                    "teacher must name networks whose preprocessing has the same "
                    "statistics, for they see the same images. "
                    f"Received: {path}, whose statistics are not those of the first"
                )
        if began_with not in (None, contents([each.origin for each in teachers])):
            raise RunError(
                "A training must go on with the teachers that it began with, whose "
                f"files {folder} keeps. Received: others at {', '.join(paths)}"
            )
        for target, copy in copies.items():
            folder.mkdir(exist_ok=True)
            copy.replace(target)
    return teachers


def forget_teachers(folder: Path) -> None:
    """Remove the files of teachers that a training cannot begin with.

    Args:
        folder: Where its run keeps them.
    """
    shutil.rmtree(folder, ignore_errors=True)


def _is_kept(file: Path, began_with: Sequence[object] | None) -> bool:
    return file.exists() and (began_with is None or sha256(file) in began_with)


def _copy(config: RunConfig, path: str, copy: Path) -> Path:
    """Copy the file of a teacher, if it is one: any other may have any size."""
    weights.read_named("teacher", path, of=len(config.train.teachers))
    shutil.copyfile(path, copy)
    return copy


def _read(config: RunConfig, path: str, kept: Path) -> TeacherFile:
    """Read one teacher, from a copy of the file at `path`."""
    file, found = weights.read_named("teacher", str(kept))
    if found.config.classes != config.model.classes:
        raise ConfigError(
            f"teacher must know {config.model.classes} classes. Received: {path}, "
            f"which knows {found.config.classes}"
        )
    if found.wiring.head != "global" and config.train.first_size != FULL_SIZE:
        raise ConfigError(
            f"first_size must be {FULL_SIZE} with the teacher {path}, whose dense "
            f"layer takes every pixel. Received: {config.train.first_size}"
        )
    preprocessing = _preprocessing(file, path, config)
    return TeacherFile(found, preprocessing, origin(path, kept, file.metadata))


def _alike(one: Preprocessing, other: Preprocessing) -> bool:
    """Tell whether two make the same of every image.

    Whitening that was fitted on another machine may differ in its last bits.
    """
    ones, others = one.arrays(), other.arrays()
    return one.to_dict() == other.to_dict() and all(
        np.allclose(ones[name], others[name], rtol=1e-3, atol=1e-4) for name in ones
    )


def _preprocessing(
    file: weights.WeightFile, path: str, config: RunConfig
) -> Preprocessing:
    """Return the teacher's preprocessing, which the student's images have, too."""
    stored = file.metadata.get("preprocessing")
    if stored is None:
        raise WeightsError(
            "teacher must be a file that tells how its images were preprocessed, as "
            f"those do that this project has trained. Received: {path}, which does not"
        )
    try:
        preprocessing = read_preprocessing(stored, file.preprocessing)
    except WeightsError as error:
        raise WeightsError(f"teacher {path}: {error}") from error
    if preprocessing.kind not in KINDS:
        raise ConfigError(
            f"teacher must have been trained with preprocessing {', '.join(KINDS)}. "
            f"Received: {path}, trained with {preprocessing.kind}"
        )
    if preprocessing.kind != config.data.preprocessing:
        raise ConfigError(
            "preprocessing must be the teacher's, which sees the same images: "
            f"{preprocessing.kind} for {path}. Received: {config.data.preprocessing}"
        )
    return preprocessing
