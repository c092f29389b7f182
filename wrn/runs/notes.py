"""What a person wrote about a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

#: Longest title and text that are kept.
MAX_TITLE, MAX_TEXT = 100, 5_000


@dataclass(frozen=True, kw_only=True)
class Notes:
    """What a person wrote about a run.

    Attributes:
        title: A name beside the folder's.
        text: Anything.
        archived: Whether to leave the run out of lists.
    """

    title: str = ""
    text: str = ""
    archived: bool = False

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """Take what a file holds; a field of a wrong type counts as missing."""
        title, text = stored.get("title"), stored.get("text")
        return cls(
            title=" ".join(title.split())[:MAX_TITLE] if isinstance(title, str) else "",
            text=text[:MAX_TEXT] if isinstance(text, str) else "",
            archived=stored.get("archived") is True,
        )
