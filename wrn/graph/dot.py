"""Graphviz: a picture of a network as DOT text and as image files."""

import shutil
from typing import Any

import graphviz

from wrn.architecture import Architecture
from wrn.errors import MissingToolError
from wrn.graph.layout import draw

#: Formats of image files that Graphviz makes.
FORMATS = ("svg", "png", "pdf")

INSTALL_GRAPHVIZ = (
    "SVG, PNG and PDF files are made by Graphviz, whose program dot was not found. "
    "Install it with `apt install graphviz` (Debian, Ubuntu), `brew install graphviz` "
    "(macOS) or `winget install graphviz` (Windows)."
)

#: Fill and line colour of a node in image files, by its kind.
_COLORS = {
    "input": ("#f1f5f9", "#64748b"),
    "conv": ("#dbeafe", "#2563eb"),
    "bn": ("#ede9fe", "#7c3aed"),
    "relu": ("#ffedd5", "#ea580c"),
    "dropout": ("#fef9c3", "#ca8a04"),
    "add": ("#dcfce7", "#16a34a"),
    "pool": ("#f1f5f9", "#64748b"),
    "dense": ("#fee2e2", "#dc2626"),
    "block": ("#dbeafe", "#2563eb"),
    "group": ("#dbeafe", "#2563eb"),
}
_FONT = "Helvetica,Arial,sans-serif"


def to_dot(architecture: Architecture, level: str) -> str:
    """Write a network in Graphviz's DOT language.

    Args:
        architecture: The network.
        level: One of `LEVELS`.

    Returns:
        DOT text with the nodes, edges and frames of `draw`, frames as clusters.

    Raises:
        ValueError: If there is no such level.
    """
    import pydot  # A tenth of a second that the first page need not wait for.

    graph = draw(architecture, level)
    dot = pydot.Dot(
        _quoted(graph.name),
        graph_type="digraph",
        rankdir="TB" if level == "layers" else "LR",
        label=_quoted(graph.name),
        labelloc="t",
        fontname=_quoted(_FONT),
        tooltip=_quoted(graph.description),
    )
    dot.set_node_defaults(
        shape="box", style=_quoted("rounded,filled"), fontname=_quoted(_FONT)
    )
    holders: dict[str | None, Any] = {None: dot}
    for frame in graph.frames:
        title = f"{frame.title}  {frame.note}".strip()
        holders[frame.id] = pydot.Cluster(
            frame.id,
            label=_quoted(title),
            fontname=_quoted(_FONT),
            labeljust="l",
            style=_quoted("rounded"),
            color=_quoted("#94a3b8"),
        )
    for node in graph.nodes:
        fill, line = _COLORS[node.kind]
        holders[node.frame].add_node(
            pydot.Node(
                _quoted(node.id),
                label=_quoted("\n".join(node.lines)),
                tooltip=_quoted(node.id),
                fillcolor=_quoted(fill),
                color=_quoted(line),
            )
        )
    for frame in graph.frames:
        holders[frame.parent].add_subgraph(holders[frame.id])
    for edge in graph.edges:
        style = "dashed" if edge.shortcut else "solid"
        dot.add_edge(
            pydot.Edge(_quoted(edge.source), _quoted(edge.target), style=style)
        )
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
