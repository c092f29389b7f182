"""The graph of a network: zoom, pan, and a click that selects a node.

A Streamlit component with an SVG of its own. It needs no Graphviz and no file
from elsewhere, keeps the view while the page reruns, and takes its colours from
the theme.
"""

from pathlib import Path

import streamlit as st

from ui import state
from wrn.architecture import Architecture
from wrn.graph import Graph, facts

ASSETS = Path(__file__).parents[1] / "assets"

_component = st.components.v2.component(
    "wrn_graph",
    html=(ASSETS / "graph_view.html").read_text("utf-8"),
    css=(ASSETS / "graph_view.css").read_text("utf-8"),
    js=(ASSETS / "graph_view.js").read_text("utf-8"),
)


def graph_view(architecture: Architecture, graph: Graph) -> str | None:
    """Show a graph.

    Args:
        architecture: The network.
        graph: Its picture.

    Returns:
        The id of the selected node, or `None`.
    """
    data = graph.to_dict()
    for node in data["nodes"]:
        told = facts([architecture.by_name[name] for name in node["layers"]])
        lines = [node["id"], *(f"{label}: {text}" for label, text in told.items())]
        node["tooltip"] = "\n".join(lines)
    result = _component(
        key=state.GRAPH,
        data=data,
        default={"selected": None},
        on_selected_change=lambda: None,
    )
    # What was selected may have gone with a changed setting.
    known = {node.id for node in graph.nodes}
    return result.selected if result.selected in known else None
