"""What a picture of a network shows, before anything has its place."""

from dataclasses import dataclass

from wrn.architecture import Architecture, Layer
from wrn.graph.words import node_lines, shape_text

#: Levels of detail, from coarse to fine.
LEVELS = ("network", "blocks", "layers")


@dataclass(frozen=True, kw_only=True)
class Item:
    """A layer, a block or a group.

    Attributes:
        id: The layer's name, or such as `group1_block2` or `group1`.
        kind: The layer's kind, `block` or `group`.
        lines: What is written in it, line by line.
        layers: The names of the layers that it stands for.
        frame: The innermost part that it lies in, or `None`.
    """

    id: str
    kind: str
    lines: tuple[str, ...]
    layers: tuple[str, ...]
    frame: str | None = None


@dataclass(frozen=True, kw_only=True)
class Connection:
    """A tensor that goes from one item to another.

    Attributes:
        source: Id of the item that computes it.
        target: Id of the item that takes it.
        shortcut: Whether it bypasses the convolutions of a block.
    """

    source: str
    target: str
    shortcut: bool


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some items that belong together, under a title.

    Attributes:
        id: Such as `group1` or `group1_block2`.
        kind: `part` (stem, group or head) or `block`.
        title: Its name for people.
        note: What is said of it besides, or "".
        parent: The part that it lies in, or `None`.
    """

    id: str
    kind: str
    title: str
    note: str = ""
    parent: str | None = None


@dataclass(frozen=True, kw_only=True)
class Outline:
    """All that a picture shows.

    Attributes:
        items: By id, in the order of computation.
        connections: In the order of computation of their targets, each once.
        parts: By id, outer ones before those that lie in them.
    """

    items: dict[str, Item]
    connections: tuple[Connection, ...]
    parts: dict[str, Part]


def outline(architecture: Architecture, level: str) -> Outline:
    """Say what a picture of a network shows, however it is wired.

    Args:
        architecture: The network.
        level: One of `LEVELS`. At `layers` every layer is an item and the connections
            are the layers' inputs; at the other levels the layers of a block or a
            group are taken together.

    Returns:
        Items, connections and parts.

    Raises:
        ValueError: If there is no such level.
    """
    if level not in LEVELS:
        raise ValueError(f"level must be one of {', '.join(LEVELS)}. Received: {level}")
    return Outline(
        items=_items(architecture, level),
        connections=_connections(architecture, level),
        parts=_parts(architecture, level),
    )


def _item_id(layer: Layer, level: str) -> str:
    """Name the item that stands for a layer."""
    if layer.group is None or level == "layers":
        return layer.name
    return _group_id(layer) if level == "network" else _block_id(layer)


def _group_id(layer: Layer) -> str:
    return f"group{layer.group}"


def _block_id(layer: Layer) -> str:
    return f"{_group_id(layer)}_block{layer.block}"


def _items(architecture: Architecture, level: str) -> dict[str, Item]:
    members: dict[str, list[Layer]] = {}
    for layer in architecture.layers:
        members.setdefault(_item_id(layer, level), []).append(layer)
    together = "group" if level == "network" else "block"
    homes = {} if level == "network" else _homes(architecture, level)
    return {
        id: Item(
            id=id,
            kind=layers[0].kind if len(layers) == 1 else together,
            lines=node_lines(layers, level, architecture.config.dropout),
            layers=tuple(layer.name for layer in layers),
            frame=homes.get(layers[0].name),
        )
        for id, layers in members.items()
    }


def _homes(architecture: Architecture, level: str) -> dict[str, str]:
    """Name the innermost part that each layer lies in."""
    homes = {}
    home = "stem"
    for layer in architecture.layers:
        if layer.group is not None:
            home = _group_id(layer)
            inner = _block_id(layer) if level == "layers" else home
            homes[layer.name] = inner
            continue
        if home != "stem":
            # Pooling between two groups belongs to the second.
            between = layer.name.startswith("group")
            home = layer.name.split("_")[0] if between else "head"
        homes[layer.name] = home
    return homes


def _connections(architecture: Architecture, level: str) -> tuple[Connection, ...]:
    found: dict[Connection, None] = {}
    for layer in architecture.layers:
        for position, name in enumerate(layer.inputs):
            source = _item_id(architecture.by_name[name], level)
            target = _item_id(layer, level)
            # Two lines from group to group would say no more than one.
            shortcut = level != "network" and (
                (layer.kind == "add" and position == 1)
                or layer.name.endswith("_shortcut")
            )
            if source != target:
                way = Connection(source=source, target=target, shortcut=shortcut)
                found[way] = None
    return tuple(found)


def _parts(architecture: Architecture, level: str) -> dict[str, Part]:
    if level == "network":
        return {}
    found = {"stem": Part(id="stem", kind="part", title="Stem")}
    grouped = [layer for layer in architecture.layers if layer.group is not None]
    shapes = {_group_id(layer): layer.output_shape for layer in grouped}
    for layer in grouped:
        group, block = _group_id(layer), _block_id(layer)
        if group not in found:
            found[group] = Part(
                id=group,
                kind="part",
                title=f"Group {layer.group}",
                note=shape_text(shapes[group]),
            )
        if level == "layers" and block not in found:
            title = f"Block {layer.block}"
            found[block] = Part(id=block, kind="block", title=title, parent=group)
    found["head"] = Part(id="head", kind="part", title="Head")
    return found
