"""Numbers as people read them, and words as a terminal may be given them."""


def printable(text: str, longest: int) -> str:
    """Keep what can be shown of a text that came from outside."""
    return "".join(c for c in text if c.isprintable())[:longest]


def encodable(text: str) -> str:
    """Replace what no output can encode: halves of characters, which JSON can hold."""
    return text.encode("utf-8", "replace").decode()


def short_count(number: float) -> str:
    """Write a large number with three digits, such as `36.5 M`."""
    units = ["", " K", " M", " G", " T"]
    while number >= 999.5 and len(units) > 1:
        number /= 1000
        units.pop(0)
    return f"{number:.3g}{units[0]}"


def counted(count: int, noun: str) -> str:
    """Write a number of things, such as `1 epoch` or `2,000 images`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def file_size(size: int) -> str:
    """Write a number of bytes in decimal units, such as `2.8 MB`."""
    return f"{short_count(size)}B" if size >= 1000 else f"{size} B"


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


def estimated_duration(seconds: float) -> str:
    """Write an estimated time span: never as `0 s`, which would be a promise."""
    return duration(max(seconds, 1))


def gigabytes(size: int) -> str:
    """Write a number of bytes as two digits know it, such as `1.9 GB` or `23 GB`."""
    number = size / 1e9
    return f"{number:.1f} GB" if number < 9.95 else f"{number:,.0f} GB"


def sides(shape: tuple[int, ...]) -> str:
    """Write a shape as `3x3x16x32`."""
    return "x".join(map(str, shape))


def ratio(number: float) -> str:
    """Write how many times one number is another, such as `52.7` or `7,840`."""
    return f"{number:.3g}" if number < 999.5 else f"{number:,.0f}"


def rounded(number: float, digits: int) -> str:
    """Write a number with digits after its point, or a huge one in a few characters."""
    return f"{number:.{digits}f}" if number < 10_000 else f"{number:.3g}"
