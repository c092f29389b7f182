"""Shares as people read them, settings as forms call them, texts as they are."""

import re

from wrn.config import SECTIONS, options
from wrn.text import encodable

_LABELS = {o.name: o.label for section in SECTIONS.values() for o in options(section)}

#: A setting by its name in the library: with its section, at the start of a text, or
#: one that no other word could be, such as `batch_size`. None in quotes or paths.
_SETTING = re.compile(
    rf"""(?:\b(?:{"|".join(SECTIONS)})\.|^|(?<![\w/.'"])(?=[a-z]+_))"""
    rf"""({"|".join(sorted(_LABELS, key=len, reverse=True))})\b(?![/.'"]\w|['"])"""
)


def percent(fraction: float | None) -> str:
    """Write a share such as `94.28%`; a dash where there is none."""
    return "–" if fraction is None else f"{fraction:.2%}"


def rounded(number: float, digits: int) -> str:
    """Write a number with digits after its point, or a huge one in a few characters."""
    return f"{number:.{digits}f}" if number < 10_000 else f"{number:.3g}"


def literal(text: str) -> str:
    """Escape a text for Markdown, so that nothing in it is read as markup.

    For what comes from files and messages: it could name a picture on another host.
    """
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(encodable(text).split()))


def with_labels(text: str) -> str:
    """Call settings as the forms do: "Batch size" for `batch_size`."""
    return _SETTING.sub(lambda found: _LABELS[found[1]], text)


def refusal(error: Exception) -> str:
    """Write what an error says, in Markdown and in the words of the forms."""
    return literal(with_labels(str(error)))
