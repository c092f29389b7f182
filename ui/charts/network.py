"""The figure of a network's parts."""

from collections.abc import Mapping

import plotly.graph_objects as go

from ui.charts.style import NO_ZOOM, RUN_COLORS, TEST_COLOR, TRAIN_COLOR, empty_figure

#: Stem, the three groups, head.
_PART_COLORS = (RUN_COLORS[7], TRAIN_COLOR, RUN_COLORS[2], RUN_COLORS[4], TEST_COLOR)


def group_shares(groups: Mapping[str, tuple[float, float]]) -> go.Figure:
    """Draw how the parts of a network share its parameters and multiply-adds.

    Args:
        groups: Shares, 0 to 1, of parameters and of multiply-adds by the part's name,
            in the order of computation.

    Returns:
        A figure of two bars, each in one piece a part.
    """
    rows = ["Multiply-adds", "Parameters"]
    figure = empty_figure(
        barmode="stack",
        bargap=0.35,
        margin={"l": 8, "r": 16, "t": 30, "b": 25},
        legend={
            "orientation": "h",
            "y": 1.02,
            "yanchor": "bottom",
            "x": 0,
            # Stacked bars have it the other way round.
            "traceorder": "normal",
        },
        **NO_ZOOM,
    )
    figure.add_traces(
        [
            go.Bar(
                x=[adds, parameters],
                y=rows,
                name=name,
                orientation="h",
                marker={"color": color, "line": {"width": 0}},
                hovertemplate="%{y}: %{x:.1%}<extra>" + name + "</extra>",
                uid=name,
            )
            for (name, (parameters, adds)), color in zip(
                groups.items(), _PART_COLORS, strict=True
            )
        ]
    )
    figure.update_xaxes(range=[0, 1], tickformat=".0%")
    figure.update_yaxes(showgrid=False, automargin=True)
    return figure
