"""What people may call runs and stored weights: names that become those of files."""

import re
from pathlib import PurePath

#: Characters of a name, at most.
LONGEST = 100

#: Neither a path nor a hidden file, on any system.
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{LONGEST - 1}}}")

#: The same for people; it ends "A run's name must be ...".
RULE = (
    f"1 to {LONGEST} letters, digits, dots, dashes and underscores, the first a letter "
    "or digit"
)


#: The weights that every run has.
LAST_WEIGHTS = "last.weights.h5"
BEST_WEIGHTS = "best.weights.h5"


def known_as(path: PurePath) -> str:
    """Return what a weight file is known as: its name, or `RUN/NAME` in a run."""
    if path.name in (LAST_WEIGHTS, BEST_WEIGHTS) and path.parent.name:
        return f"{path.parent.name}/{path.name}"
    return path.name


def is_name(text: str) -> bool:
    """Whether a file or folder may be called so."""
    return _NAME.fullmatch(text) is not None
