"""Shares as people read them, and texts that are shown as they are."""

import re

from wrn.text import encodable


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
