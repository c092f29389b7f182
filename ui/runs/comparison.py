"""Several runs beside each other: their curves in one chart, what sets them apart."""

from collections.abc import Collection, Sequence

import streamlit as st

from ui import state
from ui.charts import RUN_COLORS, compare_curves
from ui.charts.records import curves
from ui.live_chart import live_chart
from ui.runs import view
from ui.runs.table import Row
from ui.text import literal, with_labels
from wrn.config import RunConfig, as_text, differences
from wrn.runs import figure

#: Each run has a colour of its own.
MOST_OTHERS = len(RUN_COLORS) - 1


def compare(row: Row, rows: Sequence[Row]) -> None:
    """Offer to compare a run with others.

    Args:
        row: The run.
        rows: All runs; damaged ones cannot be chosen.
    """
    others = {
        other.run.name: other
        for other in rows
        if other.config and other.run.name != row.run.name
    }
    if not others:
        return
    names = _choose(row.run.name, others)
    chosen = [row, *(others[name] for name in names)]
    configs = {each.run.name: each.config for each in chosen if each.config}
    if len(configs) < 2:
        return
    _curves(chosen, {config.data.held_out_name for config in configs.values()})
    _settings(configs)


def _choose(run: str, others: Collection[str]) -> list[str]:
    """Ask which runs to compare a run with. The answer is in the address."""
    # Another run has other runs to be compared with.
    key = f"{state.COMPARED}_{run}"
    place = run, st.session_state[state.VISIT]
    came = st.session_state.get(state.COMPARISON) != place
    st.session_state[state.COMPARISON] = place
    asked = dict.fromkeys(st.query_params.get_all(state.COMPARED))
    # Whoever comes back without a link finds what was chosen before.
    if asked or not came:
        known = [name for name in asked if name in others]
        st.session_state[key] = known[:MOST_OTHERS]

    def follow() -> None:
        st.query_params[state.COMPARED] = st.session_state[key]

    names = st.multiselect(
        "Compare with",
        others,
        placeholder="Other runs",
        help="Draws their curves over each other and lists the settings that differ. "
        f"At most {MOST_OTHERS}: each run has a colour of its own.",
        max_selections=MOST_OTHERS,
        key=key,
        persist_state="session",
        on_change=follow,
    )
    missing = [name for name in asked if name not in others and name != run]
    if missing:
        names_of_missing = ", ".join(literal(name[:120]) for name in missing[:5])
        st.warning(
            f"Not compared: no run that can be read is called {names_of_missing}."
        )
    if names != st.query_params.get_all(state.COMPARED):
        st.query_params[state.COMPARED] = names
    return names


def _curves(rows: Sequence[Row], held_out: set[str]) -> None:
    drawn = {}
    for row in rows:
        steps = figure(row.status.progress if row.status else None, "steps")
        drawn[row.run.name] = curves(row.run.metrics(), steps)
    live_chart(
        compare_curves(drawn, held_out.pop() if len(held_out) == 1 else "held-out"),
        key="comparison",
        height=view.CURVES_HEIGHT,
        alt="Loss, accuracy and learning rate by epoch of " + ", ".join(drawn),
    )
    empty = [
        name
        for name, lines in drawn.items()
        if not any(len(x) for x, _ in lines.values())
    ]
    if empty:
        st.caption(f"Nothing to draw yet of {literal(', '.join(empty))}.")


def _settings(configs: dict[str, RunConfig]) -> None:
    rows = differences(configs)
    if not rows:
        st.caption("All their settings are the same.")
        return
    st.dataframe(
        [
            {"Setting": with_labels(name)}
            | {run: as_text(value) for run, value in values.items()}
            for name, values in rows.items()
        ],
        hide_index=True,
    )
