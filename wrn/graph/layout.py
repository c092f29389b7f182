"""Where the nodes and edges of a picture lie: plain arithmetic."""

import math
from collections.abc import Sequence

from wrn.architecture import Architecture
from wrn.architecture.wiring import AUTHORS
from wrn.graph.outline import Outline, outline
from wrn.graph.picture import Box, Edge, Frame, Graph, Node
from wrn.graph.words import sentence

#: Width and height, in pixels, of the view that a picture should fill at best.
VIEW = (1200, 560)

# Sizes in pixels.
_SIZES = {
    "input": (64, 40),
    "conv": (64, 40),
    "bn": (34, 40),
    "relu": (42, 40),
    "dropout": (56, 40),
    "add": (24, 24),
    "pool": (58, 40),
    "dense": (66, 40),
    "block": (156, 96),
}
#: Groups shrink from left to right, as their feature maps do.
_GROUP_SIZES = {"group1": (150, 176), "group2": (150, 148), "group3": (150, 120)}
_GAP = 12  # between neighbouring layers
_COLUMN_GAP = 18  # between neighbouring blocks, groups, stem and head
_LANE = 24  # between rows: a line returns to the left there
_TITLE = 26  # height of a frame's title line
_PADDING = 12  # between a frame and what it holds
_BRANCH = 14  # from where a shortcut branches off to the block's first node
_ARROW = 2  # free space before a node, where an arrow ends


def draw(architecture: Architecture, level: str) -> Graph:
    """Lay a network out for a landscape view.

    Args:
        architecture: The network, wired as the authors' are.
        level: One of `LEVELS`.

    Returns:
        The picture of what `outline` says.

    Raises:
        ValueError: If there is no such level, or the network is wired in another way.
    """
    if architecture.wiring != AUTHORS:
        raise ValueError(
            "architecture must be wired as the authors' are; to_dot draws any. "
            f"Received: {architecture.wiring.name}"
        )
    shown = outline(architecture, level)
    layout = _Layout(architecture, level, shown)
    nodes = tuple(layout.nodes.values())
    boxes = [*nodes, *layout.frames]
    return Graph(
        name=architecture.name,
        level=level,
        description=sentence(architecture),
        width=max(box.right for box in boxes),
        height=max(box.bottom for box in boxes),
        nodes=nodes,
        edges=tuple(
            Edge(**vars(way), points=layout.route(way.source, way.target, way.shortcut))
            for way in shown.connections
        ),
        frames=tuple(layout.frames),
    )


class _Layout:
    """Gives every node its place, and every edge its way.

    At level `network` all nodes stand in one row. At the other levels the stem,
    the groups and the head stand side by side; the groups lie one below the other
    with their blocks in rows, read like lines of text. A block fills a cell: its
    nodes on one axis, its shortcut on a line below.
    """

    def __init__(self, architecture: Architecture, level: str, shown: Outline) -> None:
        self.config = architecture.config
        self.level = level
        self.shown = shown
        self.nodes: dict[str, Node] = {}
        self.frames: list[Frame] = []
        #: The cell of a node, and the height of the line that returns to it.
        self.cells: dict[str, Box] = {}
        self.lanes: dict[str, float] = {}
        if level == "network":
            self._place_row()
        else:
            self._place_rows()

    def _add(self, id: str, x: float, axis: float) -> Node:
        """Place a node with its left edge at x and its middle on the axis."""
        item = self.shown.items[id]
        sizes = _GROUP_SIZES if item.kind == "group" else _SIZES
        width, height = sizes[id if item.kind == "group" else item.kind]
        self.nodes[id] = Node(
            **vars(item), x=x, y=axis - height / 2, width=width, height=height
        )
        return self.nodes[id]

    def _add_line(self, ids: Sequence[str], x: float, axis: float) -> float:
        """Place nodes from left to right; return where the last one ends."""
        for id in ids:
            x = self._add(id, x, axis).right + _GAP
        return x - _GAP

    def _place_row(self) -> None:
        x, axis = 0.0, _GROUP_SIZES["group1"][1] / 2
        for id in self.shown.items:
            x = self._add(id, x, axis).right + 2 * _GAP

    def _place_rows(self) -> None:
        width, height = self._cell_size()
        columns = self._columns(width, height)
        rows = math.ceil(self.config.blocks_per_group / columns)
        axis = _TITLE + self._axis()
        part_height = _TITLE + height + _PADDING

        stem_right = self._add_line(("input", "conv1"), _PADDING, axis)
        self._frame("stem", 0, 0, stem_right + _PADDING, part_height)

        left = stem_right + _PADDING + _COLUMN_GAP
        group_width = columns * width + (columns - 1) * _COLUMN_GAP + 2 * _PADDING
        group_height = part_height + (rows - 1) * (height + _LANE)
        for group in (1, 2, 3):
            top = (group - 1) * (group_height + _LANE)
            self._frame(f"group{group}", left, top, group_width, group_height)
            for block in range(1, self.config.blocks_per_group + 1):
                row, column = divmod(block - 1, columns)
                x = left + _PADDING + column * (width + _COLUMN_GAP)
                y = top + _TITLE + row * (height + _LANE)
                cell = Box(x=x, y=y, width=width, height=height)
                lane = (top if row == 0 else y) - _LANE / 2
                self._place_block(group, block, cell, lane)

        top += (rows - 1) * (height + _LANE)
        self._place_head(left + group_width + _COLUMN_GAP, top, top + axis, part_height)

    def _place_block(self, group: int, block: int, cell: Box, lane: float) -> None:
        id = f"group{group}_block{block}"
        x, axis = cell.x + _PADDING + _BRANCH, cell.y + self._axis()
        if self.level == "blocks":
            self._add(id, cell.x + _BRANCH, axis)
        else:
            self._frame(id, cell.x, cell.y, cell.width, cell.height)
            names = [name for name in self.shown.items if name.startswith(f"{id}_")]
            shortcut = f"{id}_shortcut"
            self._add_line([n for n in names if n != shortcut], x, axis)
            if shortcut in names:
                middle = self.nodes[f"{id}_relu2"].center[0]
                width = _SIZES["conv"][0]
                self._add(shortcut, middle - width / 2, self._shortcut_axis(axis))
        for node in self.nodes.values():
            if node.id == id or node.frame == id:
                self.cells[node.id] = cell
                self.lanes[node.id] = lane

    def _place_head(self, x: float, top: float, axis: float, height: float) -> None:
        self._add_line(("bn", "relu"), x + _PADDING, axis)
        # Pooling stands below the ReLU that feeds it.
        below = axis + _SIZES["pool"][1] + _GAP
        left = self.nodes["relu"].center[0] - _SIZES["pool"][0] / 2
        right = self._add_line(("pool", "dense"), left, below)
        self._frame("head", x, top, right + _PADDING - x, height)

    def _frame(self, id: str, x: float, y: float, width: float, height: float) -> None:
        part = self.shown.parts[id]
        self.frames.append(Frame(**vars(part), x=x, y=y, width=width, height=height))

    def _cell_size(self) -> tuple[float, float]:
        """Return the width and height that a block takes."""
        if self.level == "blocks":
            width, height = _SIZES["block"]
            return width + _BRANCH, height + _LANE
        kinds = ["bn", "relu", "conv", "bn", "relu", "conv", "add"]
        if self.config.dropout > 0:
            kinds.append("dropout")
        widths = sum(_SIZES[kind][0] for kind in kinds) + (len(kinds) - 1) * _GAP
        rows = 2 * _SIZES["conv"][1] + _GAP
        return widths + 2 * _PADDING + _BRANCH, _TITLE + rows + _PADDING

    def _axis(self) -> float:
        """Return how far below a cell's upper edge its nodes have their middle."""
        if self.level == "blocks":
            return _SIZES["block"][1] / 2
        return _TITLE + _SIZES["conv"][1] / 2

    def _shortcut_axis(self, axis: float) -> float:
        """Return the height of the shortcut's line in a block."""
        if self.level == "blocks":
            return axis + _SIZES["block"][1] / 2 + _LANE / 2
        return axis + _SIZES["conv"][1] + _GAP

    def _columns(self, width: float, height: float) -> int:
        """Choose how many blocks stand in a row, so that all fills the view best."""
        blocks = self.config.blocks_per_group

        def scale(columns: int) -> float:
            rows = math.ceil(blocks / columns)
            sides = 2 * (2 * _SIZES["dense"][0] + 4 * _PADDING)  # stem and head
            total_width = sides + columns * (width + _COLUMN_GAP)
            total_height = 3 * (_TITLE + rows * (height + _LANE) + _PADDING)
            return min(VIEW[0] / total_width, VIEW[1] / total_height)

        return max(range(1, blocks + 1), key=scale)

    def route(
        self, source: str, target: str, shortcut: bool
    ) -> tuple[tuple[float, float], ...]:
        """Return the corners of the line of an edge."""
        a, b = self.nodes[source], self.nodes[target]
        if not shortcut:
            return self._main_way(a, b)
        if target.endswith("_shortcut"):
            return (
                (a.center[0], a.bottom),
                (a.center[0], b.center[1]),
                (b.x - _ARROW, b.center[1]),
            )
        if source.endswith("_shortcut"):
            return (
                (a.right, a.center[1]),
                (b.center[0], a.center[1]),
                (b.center[0], b.bottom + _ARROW),
            )
        # An identity branches off the line that enters the block, and joins its end.
        first = self.nodes[b.id.removesuffix("_add") + "_bn1"] if b.kind == "add" else b
        branch = first.x - _BRANCH
        lane = self._shortcut_axis(first.center[1])
        end = b.center[0] if b.kind == "add" else b.right - 2 * _PADDING
        return (
            (branch, first.center[1]),
            (branch, lane),
            (end, lane),
            (end, b.bottom + _ARROW),
        )

    def _main_way(self, a: Node, b: Node) -> tuple[tuple[float, float], ...]:
        """Go straight to the right or down, or around to the row below."""
        if a.center[0] == b.center[0]:
            return (a.center[0], a.bottom), (b.center[0], b.y - _ARROW)
        start, end = (a.right, a.center[1]), (b.x - _ARROW, b.center[1])
        if a.center[1] == b.center[1]:
            return start, end
        lane = self.lanes[b.id]
        right = self.cells[a.id].right + _PADDING / 2
        left = self.cells[b.id].x - _PADDING / 2
        return (
            start,
            (right, start[1]),
            (right, lane),
            (left, lane),
            (left, end[1]),
            end,
        )
