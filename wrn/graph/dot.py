"""Graphviz: a picture of a network as DOT text and as image files."""

import shutil
from typing import Any

import graphviz

from wrn.architecture import Architecture
from wrn.errors import MissingToolError
from wrn.graph.outline import outline
from wrn.graph.words import sentence

#: Formats of image files that Graphviz makes.
FORMATS = ("svg", "png", "pdf")

INSTALL_GRAPHVIZ = (
    "SVG, PNG and PDF files are made by Graphviz, whose program dot was not found. "
    "Install it with `apt install graphviz` (Debian, Ubuntu), `brew install graphviz` "
    "(macOS) or `winget install graphviz` (Windows)."
)

#: Fill and line colour of an item in image files, by its kind.
_COLORS = {
    "input": ("#f1f5f9", "#64748b"),
    "conv": ("#dbeafe", "#2563eb"),
    "bn": ("#ede9fe", "#7c3aed"),
    "relu": ("#ffedd5", "#ea580c"),
    "dropout": ("#fef9c3", "#ca8a04"),
    "add": ("#dcfce7", "#16a34a"),
    "max pool": ("#f1f5f9", "#64748b"),
    "window pool": ("#f1f5f9", "#64748b"),
    "pool": ("#f1f5f9", "#64748b"),
    "flatten": ("#f1f5f9", "#64748b"),
    "dense": ("#fee2e2", "#dc2626"),
    "block": ("#dbeafe", "#2563eb"),
    "group": ("#dbeafe", "#2563eb"),
}
_FONT = "Helvetica,Arial,sans-serif"


def to_dot(architecture: Architecture, level: str) -> str:
    """Write a network in Graphviz's DOT language.

    Args:
        architecture: The network, however it is wired.
        level: One of `LEVELS`.

    Returns:
        DOT text with the items of `outline` as nodes, its connections as edges and its
        parts as clusters.

    Raises:
        ValueError: If there is no such level.
    """
    import pydot  # A tenth of a second that the first page need not wait for.

    shown = outline(architecture, level)
    dot = pydot.Dot(
        _quoted(architecture.name),
        graph_type="digraph",
        rankdir="TB" if level == "layers" else "LR",
        label=_quoted(architecture.name),
        labelloc="t",
        fontname=_quoted(_FONT),
        tooltip=_quoted(sentence(architecture)),
    )
    dot.set_node_defaults(
        shape="box", style=_quoted("rounded,filled"), fontname=_quoted(_FONT)
    )
    holders: dict[str | None, Any] = {None: dot}
    for part in shown.parts.values():
        # On two lines at the left: arrows run through the middle.
        title = "".join(f"{line}\n" for line in (part.title, part.note) if line)
        holders[part.id] = pydot.Cluster(
            part.id,
            label=_quoted(title).replace("\\n", "\\l"),
            fontname=_quoted(_FONT),
            labeljust="l",
            style=_quoted("rounded"),
            color=_quoted("#94a3b8"),
        )
    for item in shown.items.values():
        fill, line = _COLORS[item.kind]
        holders[item.frame].add_node(
            pydot.Node(
                _quoted(item.id),
                label=_quoted("\n".join(item.lines)),
                tooltip=_quoted(item.id),
                fillcolor=_quoted(fill),
                color=_quoted(line),
            )
        )
    for part in shown.parts.values():
        holders[part.parent].add_subgraph(holders[part.id])
    for way in shown.connections:
        style = "dashed" if way.shortcut else "solid"
        dot.add_edge(pydot.Edge(_quoted(way.source), _quoted(way.target), style=style))
    return str(dot.to_string())


def _quoted(text: str) -> str:
    """Write text as a quoted DOT string, line breaks as its escape for them."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'


def render(dot: str, format: str) -> bytes:
    """Make an image file with Graphviz.

    Args:
        dot: DOT text, such as `to_dot` writes.
        format: One of `FORMATS`.

    Returns:
        The content of the file.

    Raises:
        MissingToolError: If Graphviz is not installed.
        ValueError: If there is no such format, or the text is no DOT.
    """
    if format not in FORMATS:
        raise ValueError(
            f"format must be one of {', '.join(FORMATS)}. Received: {format}"
        )
    try:
        content: bytes = graphviz.pipe("dot", format, dot.encode(), quiet=True)
    except graphviz.ExecutableNotFound:
        raise MissingToolError(INSTALL_GRAPHVIZ) from None
    except graphviz.CalledProcessError as error:
        raise ValueError(
            f"dot must be text in Graphviz's DOT language. Received: {error.stderr!r}"
        ) from None
    return content


def can_render() -> bool:
    """Say whether Graphviz is installed."""
    return shutil.which("dot") is not None
