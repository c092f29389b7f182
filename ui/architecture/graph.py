"""The graph of a network: zoom, pan, and a click that selects a node.

A Streamlit component with an SVG of its own. It needs no Graphviz and no file
from elsewhere, keeps the view while the page reruns, and takes its colours from
the theme.
"""

from functools import partial
from pathlib import Path

import streamlit as st

from ui import state
from ui.address import bring_back, keep
from wrn.architecture import Architecture
from wrn.graph import (
    FORMATS,
    INSTALL_GRAPHVIZ,
    LEVELS,
    Graph,
    can_render,
    facts,
    render,
    to_dot,
)

ASSETS = Path(__file__).parents[1] / "assets"

MEDIA_TYPES = {"svg": "image/svg+xml", "png": "image/png", "pdf": "application/pdf"}

#: The level of detail that is shown first.
_LEVEL = "layers"

_component = st.components.v2.component(
    "wrn_graph",
    html=(ASSETS / "graph_view.html").read_text("utf-8"),
    css=(ASSETS / "graph_view.css").read_text("utf-8"),
    js=(ASSETS / "graph_view.js").read_text("utf-8"),
)


def level_switch() -> str:
    """Ask for the level of detail of the graph. The answer lives in the URL."""
    bring_back(state.LEVEL, options=LEVELS)
    chosen = st.segmented_control(
        "Level of detail",
        LEVELS,
        default=_LEVEL,
        required=True,
        format_func=str.capitalize,
        label_visibility="collapsed",
        key=state.LEVEL,
        bind="query-params",
    )
    keep(state.LEVEL)
    # An empty parameter in the address leaves none chosen.
    return chosen if chosen in LEVELS else _LEVEL


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


def node_facts(architecture: Architecture, graph: Graph, selected: str | None) -> None:
    """Tell about the selected node of a graph."""
    node = next((node for node in graph.nodes if node.id == selected), None)
    if node is None:
        st.caption(
            "Click or tap a node to see its figures. Zoom with the wheel, two fingers "
            "or + and −, move by dragging or with the arrow keys."
        )
        return
    told = facts([architecture.by_name[name] for name in node.layers])
    with st.container(border=True, horizontal=True, gap="medium", key="facts"):
        st.markdown(f":gray[Node]  \n**{node.id}**", width="content")
        for label, value in told.items():
            st.markdown(f":gray[{label}]  \n{value}", width="content")


def downloads(architecture: Architecture, level: str) -> None:
    """Offer the graph as files; where Graphviz is missing, say how to get it."""
    name = f"{architecture.name}-{level}"
    with st.container(horizontal=True, vertical_alignment="center", key="downloads"):
        st.download_button(
            "DOT",
            partial(to_dot, architecture, level),
            f"{name}.dot",
            "text/vnd.graphviz",
            on_click="ignore",
            help="The graph as text for Graphviz.",
        )
        if not can_render():
            st.caption(INSTALL_GRAPHVIZ, width="stretch")
            return
        for format in FORMATS:
            st.download_button(
                format.upper(),
                partial(_image, architecture, level, format),
                f"{name}.{format}",
                MEDIA_TYPES[format],
                on_click="ignore",
            )


def _image(architecture: Architecture, level: str, format: str) -> bytes:
    return render(to_dot(architecture, level), format)
