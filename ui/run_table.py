"""The table of all runs; the chosen one lives in the URL."""

import hashlib
from dataclasses import dataclass

import streamlit as st

from ui import run_view, state
from ui.job_view import status_of
from ui.text import literal
from wrn.config import RunConfig
from wrn.errors import RunError
from wrn.jobs import JobManager
from wrn.runs import Run, Status
from wrn.text import duration

HEIGHT = 320


@dataclass(frozen=True)
class Row:
    """One run, readable or not.

    Attributes:
        run: The run.
        config: Its settings, `None` if the folder is damaged.
        status: Where it stands.
        damage: What is wrong with the folder; empty if nothing is.
    """

    run: Run
    config: RunConfig | None = None
    status: Status | None = None
    damage: str = ""


def read_rows(jobs: JobManager) -> list[Row]:
    """Read all runs, newest first."""
    return [_read_row(jobs, run) for run in jobs.store.list()]


def _read_row(jobs: JobManager, run: Run) -> Row:
    try:
        return Row(run, run.config(), status_of(jobs, run))
    except RunError as error:
        return Row(run, damage=str(error))


def choose_row(rows: list[Row]) -> Row | None:
    """Show the runs and return the chosen one.

    The URL says which it is (`?run=NAME`); a click on a row changes the URL.
    """
    names = [row.run.name for row in rows]
    chosen = st.query_params.get(state.RUN)
    # Rows are chosen by number: another list is another table.
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
    key = f"runs_{digest}"
    start = [names.index(chosen)] if chosen in names else []

    def follow() -> None:
        picked = st.session_state[key]["selection"]["rows"]
        if picked:
            st.query_params[state.RUN] = names[picked[0]]
        else:
            st.query_params.pop(state.RUN, None)

    st.dataframe(
        _columns(rows),
        column_config={
            name: st.column_config.NumberColumn(format="percent")
            for name in ("Last accuracy", "Best accuracy")
        },
        height="auto" if len(rows) < 8 else HEIGHT,
        hide_index=True,
        key=key,
        on_select=follow,
        selection_mode="single-row",
        selection_default={"selection": {"rows": start}},
    )
    damaged = [row for row in rows if row.damage]
    if damaged:
        st.warning("  \n".join(literal(row.damage) for row in damaged))
    if chosen and not start:
        st.warning(f"There is no run called {literal(chosen[:120])} here.")
    return rows[start[0]] if start else None


def _columns(rows: list[Row]) -> dict[str, list[object]]:
    table: dict[str, list[object]] = {}
    for row in rows:
        for name, value in _cells(row).items():
            table.setdefault(name, []).append(value)
    return table


def _cells(row: Row) -> dict[str, object]:
    config, status = row.config, row.status
    known = config is not None and status is not None
    progress = status.progress if status else None
    return {
        "Run": row.run.name,
        "State": status.state if status and known else "damaged",
        "Network": config.model.name if config else None,
        "Images": run_view.data_name(config.data) if config else None,
        "Epochs": f"{run_view.epochs_done(status)} of {config.train.epochs}"
        if config and status
        else None,
        "Last accuracy": run_view.figure(progress, "test_accuracy"),
        "Best accuracy": run_view.figure(progress, "best_accuracy"),
        "Duration": duration(status.seconds) if status else None,
        "Started": run_view.moment(status.created) if status else None,
    }
