"""What a picture of a network consists of: all of its outline, with places."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from wrn.graph.outline import Connection, Item, Part


@dataclass(frozen=True, kw_only=True)
class Box:
    """A rectangle in pixels, y downwards; (x, y) is its upper left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The x of the right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The y of the lower edge."""
        return self.y + self.height

    @property
    def center(self) -> tuple[float, float]:
        """The x and y of the middle."""
        return self.x + self.width / 2, self.y + self.height / 2


@dataclass(frozen=True, kw_only=True)
class Frame(Part, Box):
    """A titled background around some nodes, its note at the title's right end."""


@dataclass(frozen=True, kw_only=True)
class Node(Item, Box):
    """A layer, a block or a group, in its place."""


@dataclass(frozen=True, kw_only=True)
class Edge(Connection):
    """The way of a tensor from one node to another.

    Attributes:
        points: The corners of the line, as (x, y) in pixels.
    """

    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A picture of a network.

    Attributes:
        name: Such as `WRN-28-10`.
        level: One of `LEVELS`.
        description: The picture in words.
        width: In pixels.
        height: In pixels.
        nodes: In the order of computation.
        edges: In the order of computation of their targets.
        frames: Outer frames before those that lie in them.
    """

    name: str
    level: str
    description: str
    width: float
    height: float
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    frames: tuple[Frame, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the picture as plain JSON types."""
        return dataclasses.asdict(self)
