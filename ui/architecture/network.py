"""A network in figures: its sizes, its groups, its layers."""

import streamlit as st

from ui import charts
from ui.live_chart import live_chart
from ui.text import literal
from wrn.architecture import Architecture
from wrn.architecture.published import published
from wrn.config import ModelConfig
from wrn.graph import (
    KINDS,
    shape_text,
)
from wrn.text import file_size, short_count


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
