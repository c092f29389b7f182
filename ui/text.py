"""Numbers as people read them, and texts that are shown as they are."""

import re


def short_count(number: float) -> str:
    """Write a large number with three digits, such as `36.5 M`."""
    units = ["", " K", " M", " G", " T"]
    while number >= 999.5 and len(units) > 1:
        number /= 1000
        units.pop(0)
    return f"{number:.3g}{units[0]}"


def file_size(size: int) -> str:
    """Write a number of bytes in decimal units, such as `2.8 MB`."""
    return f"{short_count(size)}B" if size >= 1000 else f"{size} B"


def percent(fraction: float | None) -> str:
    """Write a share such as `94.28%`; a dash where there is none."""
    return "–" if fraction is None else f"{fraction:.2%}"


def duration(seconds: float) -> str:
    """Write a time span with its two largest units, such as `2 h 5 min`."""
    whole = max(0, round(seconds))
    for unit, length, smaller, part in (
        ("d", 86_400, "h", 3_600),
        ("h", 3_600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if whole >= length:
            rest = whole % length // part
            return f"{whole // length} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def literal(text: str) -> str:
    """Escape a text for Markdown, so that nothing in it is read as markup.

    For what comes from files and messages: it could name a picture on another host.
    """
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(text.split()))
