"""The parts of the Architecture page."""

from functools import partial

import streamlit as st

from ui import charts, state
from ui.address import open_page
from ui.live_chart import live_chart
from ui.text import literal, refusal
from wrn import speed
from wrn.architecture import Architecture
from wrn.architecture.published import published
from wrn.config import DataConfig, ModelConfig, RunConfig, TrainConfig, options
from wrn.errors import ConfigError
from wrn.graph import (
    FORMATS,
    INSTALL_GRAPHVIZ,
    KINDS,
    Graph,
    can_render,
    facts,
    render,
    shape_text,
    to_dot,
)
from wrn.jobs import manager
from wrn.speed.estimate import activation_bytes, estimate
from wrn.text import estimated_duration, file_size, gigabytes, short_count

MEDIA_TYPES = {"svg": "image/svg+xml", "png": "image/png", "pdf": "application/pdf"}


def metrics(architecture: Architecture) -> None:
    """Show the sizes of a network in a row."""
    field = architecture.receptive_field
    shown = {
        "Network": (architecture.name, "WRN-depth-widen factor, as in the paper."),
        "Parameters": (
            f"{architecture.parameters:,}",
            "Trainable weights.",
        ),
        "Multiply-adds": (
            short_count(architecture.multiply_adds),
            f"{architecture.multiply_adds:,} for one image, in convolutions and the "
            "dense layer.",
        ),
        "Receptive field": (
            f"{field}×{field}",
            "Pixels that one value after the last 3×3 convolution depends on. It may "
            "exceed the image of 32×32.",
        ),
        "Weight file": (
            file_size(architecture.weight_bytes),
            "All weights as 32-bit floats, moving means and variances included. What "
            "the file has around them takes a little more: 0.15 MB for WRN-16-2.",
        ),
        "Published error": _published(architecture.config),
    }
    with st.grid(len(shown), min_column_width=140, key="metrics"):
        for label, (value, help) in shown.items():
            st.metric(label, value, help=help, border=True)


def _published(network: ModelConfig) -> tuple[str, str]:
    """Return the published test error, and where it stands."""
    rows = published(network)
    if not rows:
        return "–", "No test error on CIFAR-10 was found for this network."
    return (
        f"{rows[0].test_error:.2%}",
        "Test error on CIFAR-10. "
        + " ".join(f"{row.test_error:.2%}: {literal(str(row))}." for row in rows),
    )


def cost_of_training(network: ModelConfig) -> None:
    """Tell what a training of the paper's recipe would take, at a batch size."""
    (option,) = (o for o in options(TrainConfig) if o.name == "batch_size")
    refused = ""
    with st.grid(4, min_column_width=150, key="training"):
        # Beyond a bound of its own the box would keep the number to itself.
        batch_size = st.number_input(
            option.label,
            step=1,
            value=option.default,
            help=option.help,
            key=state.BATCH_SIZE,
            persist_state="session",
        )
        try:
            train = TrainConfig(batch_size=batch_size)
        except ConfigError as error:
            refused = refusal(error)
        else:
            for label, (value, help) in _costs(network, train).items():
                st.metric(label, value, help=help, border=True)
    if refused:
        st.error(refused)
    if st.button("Train this network", key="train_this"):
        st.session_state[state.FORM_ASKED] = True
        open_page("pages/train.py")


def _costs(network: ModelConfig, train: TrainConfig) -> dict[str, tuple[str, str]]:
    """Return what a training takes by its label, each with where it comes from."""
    data = DataConfig(source="cifar10")
    config = RunConfig(model=network, data=data, train=train)
    told = estimate(config, speed.known(config, manager().store))
    return {
        "Activations": (
            file_size(activation_bytes(config, told.precision)),
            "What one batch leaves in memory for the backward pass: inputs of "
            f"batch normalizations and outputs of ReLUs, in {told.precision}.",
        ),
        "Peak memory": (
            gigabytes(told.memory_bytes),
            "Of a training on CIFAR-10, with weights, optimizer, images"
            + (", on each GPU. " if told.gpus else " and the program itself. ")
            + told.warning,
        ),
        "Time per epoch": (
            "–"
            if told.seconds_per_epoch is None
            else estimated_duration(told.seconds_per_epoch),
            str(told.speed)
            if told.speed
            else "Not known yet on this device; the Train page can measure it.",
        ),
    }


def group_shares(architecture: Architecture, key: str = "shares") -> None:
    """Draw the groups' shares of parameters and of multiply-adds."""
    groups = architecture.by_group()
    live_chart(
        charts.group_shares(groups),
        key=key,
        height=190,
        alt="; ".join(
            f"{name}: {parameters:.1%} of the parameters, {adds:.1%} of the "
            "multiply-adds"
            for name, (parameters, adds) in groups.items()
        ),
    )


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
    with st.container(border=True, horizontal=True, gap="large", key="facts"):
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


def layer_table(architecture: Architecture) -> None:
    """Show every layer as a row."""
    layers = architecture.layers
    st.dataframe(
        {
            "Layer": [layer.name for layer in layers],
            "Kind": [KINDS[layer.kind] for layer in layers],
            "Kernel": [shape_text(layer.kernel or ()) for layer in layers],
            "Stride": [
                "" if layer.stride is None else str(layer.stride) for layer in layers
            ],
            "Output": [shape_text(layer.output_shape) for layer in layers],
            "Parameters": [layer.parameters for layer in layers],
            "Multiply-adds": [layer.multiply_adds for layer in layers],
            "Receptive field": [layer.receptive_field for layer in layers],
        },
        column_config={
            name: st.column_config.NumberColumn(format="localized")
            for name in ("Parameters", "Multiply-adds")
        },
        hide_index=True,
        key="layers",
    )
