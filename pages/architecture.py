"""See a Wide ResNet: its size, its graph at three levels, its layers."""

import streamlit as st

from ui.architecture.comparison import comparison
from ui.architecture.graph import downloads, graph_view, level_switch, node_facts
from ui.architecture.network import group_shares, layer_table, metrics
from ui.architecture.training import cost_of_training
from ui.forms import model_form
from ui.navigation import require_frame
from wrn.architecture import describe
from wrn.graph import draw

require_frame()

st.title("Architecture")
st.caption("Choose a Wide ResNet and see how it is built and how large it is.")
architecture = describe(model_form())
metrics(architecture)

graph = draw(architecture, level_switch())
selected = graph_view(architecture, graph)
node_facts(architecture, graph, selected)
downloads(architecture, graph.level)

st.header("Training")
cost_of_training(architecture.config)

st.header("Comparison")
comparison(architecture)

st.header("Layers")
group_shares(architecture)
layer_table(architecture)
