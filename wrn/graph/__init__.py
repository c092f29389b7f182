"""The picture of a network: places for a browser, DOT text, image files.

    outline   what a picture shows
    layout    where it lies
    picture   both together
    words     what is written in and about it
    dot       Graphviz: text, and image files

Three levels of detail: the groups (`network`), the blocks, every layer. The
places come from plain arithmetic, so that a browser can draw the picture without
Graphviz; `render` makes image files where Graphviz is installed.
"""

from wrn.graph.dot import FORMATS, INSTALL_GRAPHVIZ, can_render, render, to_dot
from wrn.graph.layout import draw
from wrn.graph.outline import LEVELS
from wrn.graph.picture import Box, Edge, Frame, Graph, Node
from wrn.graph.words import KINDS, facts, sentence, shape_text

__all__ = [
    "FORMATS",
    "INSTALL_GRAPHVIZ",
    "KINDS",
    "LEVELS",
    "Box",
    "Edge",
    "Frame",
    "Graph",
    "Node",
    "can_render",
    "draw",
    "facts",
    "render",
    "sentence",
    "shape_text",
    "to_dot",
]
