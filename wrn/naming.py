"""What people may call runs and stored weights: names that become those of files."""

import re

#: Characters of a name, at most.
LONGEST = 100

#: Neither a path nor a hidden file, on any system.
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{LONGEST - 1}}}")

#: The same for people; it ends "A run's name must be ...".
RULE = (
    f"1 to {LONGEST} letters, digits, dots, dashes and underscores, the first a letter "
    "or digit"
)


def is_name(text: str) -> bool:
    """Whether a file or folder may be called so."""
    return _NAME.fullmatch(text) is not None
