"""What a picture of a network consists of: nodes, edges and frames, with places."""

import dataclasses
from dataclasses import dataclass
from typing import Any

#: Levels of detail, from coarse to fine.
LEVELS = ("network", "blocks", "layers")


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
class Frame(Box):
    """A titled background around some nodes.

    Attributes:
        id: Such as `group1` or `group1_block2`.
        kind: `part` (stem, group or head) or `block`.
        title: Its name for people.
        note: What stands at the right end of the title line, or "".
        parent: The frame that it lies in, or `None`.
    """

    id: str
    kind: str
    title: str
    note: str = ""
    parent: str | None = None


@dataclass(frozen=True, kw_only=True)
class Node(Box):
    """A layer, a block or a group.

    Attributes:
        id: The layer's name, or such as `group1_block2` or `group1`.
        kind: The layer's kind, `block` or `group`.
        lines: What is written in it, line by line.
        layers: The names of the layers that it stands for.
        frame: The innermost frame that it lies in, or `None`.
    """

    id: str
    kind: str
    lines: tuple[str, ...]
    layers: tuple[str, ...]
    frame: str | None = None


@dataclass(frozen=True, kw_only=True)
class Edge:
    """The way of a tensor from one node to another.

    Attributes:
        source: Id of the node that computes it.
        target: Id of the node that takes it.
        shortcut: Whether it bypasses the convolutions of a block.
        points: The corners of the line, as (x, y) in pixels.
    """

    source: str
    target: str
    shortcut: bool
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
