"""Shares as people read them, settings as forms call them, texts as they are."""

import re

from wrn.config import SECTIONS, options
from wrn.text import encodable

_LABELS = {o.name: o.label for section in SECTIONS.values() for o in options(section)}

#: A setting by its name in the library: at the start of a text, or one that no other
#: word could be, such as `batch_size`. None in quotes, in paths or in names of runs.
_SETTING = re.compile(
    rf"""^(?:(?:{"|".join(SECTIONS)})\.)?({"|".join(_LABELS)})(?=$|\ (?:must|and)\ )
    | (?<![\w/.,'"=-])({"|".join(n for n in _LABELS if "_" in n)})(?!\w|[/'"=-]|[.,]\w)
    """,
    re.VERBOSE,
)

#: A setting that was changed against a recipe, such as `epochs: 200 → 3`.
_CHANGE = re.compile(rf"(?:^|(?<=; )|(?<=, with ))({'|'.join(_LABELS)})(?=: )")


def percent(fraction: float | None) -> str:
    """Write a share such as `94.28%`; a dash where there is none."""
    return "–" if fraction is None else f"{fraction:.2%}"


def literal(text: str) -> str:
    """Escape a text for Markdown, so that nothing in it is read as markup.

    For what comes from files and messages: it could name a picture on another host.
    """
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(encodable(text).split()))


def with_labels(text: str) -> str:
    """Call settings as the forms do: "Batch size" for `batch_size`.

    What was received, such as a path, stays as it is.
    """
    said, received, value = text.partition("Received:")
    named = _SETTING.sub(lambda found: _LABELS[found[1] or found[2]], said)
    return named + received + value


def changes_with_labels(text: str) -> str:
    """Call changed settings as the forms do: "Epochs: 200 → 3; Seed: 0 → 1"."""
    return _CHANGE.sub(lambda found: _LABELS[found[1]], text)


def refusal(error: Exception) -> str:
    """Write what an error says, in Markdown and in the words of the forms."""
    return literal(with_labels(str(error)))
