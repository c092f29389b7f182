"""The table of all runs; the chosen one lives in the URL."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import streamlit as st

from ui import state
from ui.runs import view
from ui.runs.panel import status_of
from ui.text import literal
from wrn import naming
from wrn.config import RunConfig
from wrn.errors import RunError
from wrn.files import identity
from wrn.jobs import JobManager
from wrn.runs import Notes, Run, RunStore, Status, matches
from wrn.text import counted

HEIGHT = 320

#: How many damaged runs are told of above the chosen one.
MOST_DAMAGED = 3

#: The table cannot hold more than 292 years.
_LONGEST_SECONDS = 1e9


@dataclass(frozen=True)
class Row:
    """One run, readable or not.

    Attributes:
        run: The run.
        notes: What a person wrote about it.
        config: Its settings, `None` if the folder is damaged.
        status: Where it stands.
        damage: What is wrong with the folder; empty if nothing is.
    """

    run: Run
    notes: Notes
    config: RunConfig | None = None
    status: Status | None = None
    damage: str = ""


def read_rows(jobs: JobManager) -> list[Row]:
    """Read all runs, newest first."""
    return [_read_row(jobs, run) for run in jobs.store.list()]


def _read_row(jobs: JobManager, run: Run) -> Row:
    notes = run.notes()
    try:
        return Row(run, notes, run.config(), status_of(jobs, run))
    except RunError as error:
        return Row(run, notes, damage=str(error))


def recall(rows: list[Row]) -> None:
    """Choose again, on a new visit of the page, the run that was chosen on the last."""
    visit = st.session_state[state.VISIT]
    name, then = st.session_state.get(state.CHOSEN_RUN, ("", visit))
    exists = any(row.run.name == name for row in rows)
    if exists and then != visit and state.RUN not in st.query_params:
        st.query_params[state.RUN] = name


def filtered(rows: list[Row]) -> list[Row]:
    """Ask which runs to list, and return those; the one in the URL always stays."""
    with st.container(
        horizontal=True, vertical_alignment="bottom", gap="medium", key="runs_filter"
    ):
        search = st.text_input(
            "Search",
            placeholder="Name, title, network, recipe",
            width=300,
            key=state.RUNS_SEARCH,
            persist_state="session",
        )
        states = st.multiselect(
            "States",
            sorted({_state(row) for row in rows}),
            placeholder="All",
            width=300,
            key=state.RUNS_STATES,
            persist_state="session",
        )
        archived = False
        if any(row.notes.archived for row in rows):
            archived = st.checkbox(
                "Archived too", key=state.RUNS_ARCHIVED, persist_state="session"
            )
    chosen = st.query_params.get(state.RUN)
    return [
        row
        for row in rows
        if row.run.name == chosen
        or (
            (archived or not row.notes.archived)
            and (not states or _state(row) in states)
            and matches(search, row.run.name, row.notes, row.config)
        )
    ]


def _state(row: Row) -> str:
    return row.status.state if row.status and row.config else "damaged"


def choose(name: str | None) -> None:
    """Put a run into the address, or none. Others are compared with other runs."""
    st.query_params.pop(state.COMPARED, None)
    if name is None:
        st.query_params.pop(state.RUN, None)
    else:
        st.query_params[state.RUN] = name


def choose_row(rows: list[Row]) -> Row | None:
    """Show the runs and return the chosen one.

    The URL says which it is (`?run=NAME`); a click on a row changes the URL.
    """
    if not rows:
        st.caption("No run matches.")
        return None
    names = [row.run.name for row in rows]
    chosen = st.query_params.get(state.RUN)
    # Rows are chosen by number: another list is another table.
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
    key = f"runs_{digest}"
    start = [names.index(chosen)] if chosen in names else []

    def follow() -> None:
        picked = st.session_state[key]["selection"]["rows"]
        choose(names[picked[0]] if picked else None)

    st.dataframe(
        _columns(rows),
        column_config={
            "Run": st.column_config.TextColumn(width=_width(names)),
            "Title": st.column_config.TextColumn(width=160),
            "Recipe": st.column_config.TextColumn(
                help="With a star: some of its settings were changed.",
            ),
            "Accuracy": st.column_config.LineChartColumn(
                help="Accuracy on the images held out, by epoch.",
                width=100,
                y_min=0,
                y_max=1,
            ),
            "of": st.column_config.NumberColumn(
                help="Epochs that the settings ask for."
            ),
            "Duration": st.column_config.NumberColumn(format="localized"),
            **{
                name: st.column_config.NumberColumn(format="%.2f%%")
                for name in ("Last", "Best")
            },
        },
        height="auto" if len(rows) < 8 else HEIGHT,
        hide_index=True,
        placeholder="–",
        key=key,
        on_select=follow,
        selection_mode="single-row",
        selection_default={"selection": {"rows": start}},
    )
    _tell_damaged([row for row in rows if row.damage and row.run.name != chosen])
    st.session_state[state.CHOSEN_RUN] = (chosen, st.session_state[state.VISIT])
    if chosen and not start:
        st.warning(f"There is no run called {literal(chosen[:120])} here.")
    if not start:
        st.caption(
            "Choose a run by the box at the left of its row, or with Shift and Space."
        )
    return rows[start[0]] if start else None


def _tell_damaged(rows: Sequence[Row]) -> None:
    """Tell what is wrong with the first few."""
    told = [literal(row.damage) for row in rows[:MOST_DAMAGED]]
    if more := len(rows) - len(told):
        told.append(f"{counted(more, 'more run')} of this list cannot be read.")
    if told:
        st.warning("  \n".join(told))


def tell_misnamed(store: RunStore) -> None:
    """Tell of runs that somebody gave a name that none may have."""
    if names := store.misnamed():
        st.caption(
            f"Left out: {literal(', '.join(name[:60] for name in names[:5]))}"
            + ("… " if len(names) > 5 else ". ")
            + f"A run's name must be {naming.RULE}."
        )


def damaged(row: Row) -> None:
    """Show a run that cannot be read."""
    st.header(literal(row.run.name), anchor=False)
    st.warning(literal(row.damage))


def _width(names: Sequence[str]) -> int:
    """Return the width in pixels that shows names, up to a limit, whole.

    The table alone would leave out the few that are longer than the others.
    """
    return min(360, 24 + 7 * max(map(len, names)))


def _percentage(fraction: float | None) -> float | None:
    """Return a number of percent: the column's own format would drop a last zero."""
    # Rounded as everywhere else: the browser rounds halves up.
    return None if fraction is None else round(100 * fraction, 2)


def _duration(seconds: float) -> timedelta:
    """Return a time, to its two largest units, whatever an edited status says."""
    whole = round(min(max(seconds, 0), _LONGEST_SECONDS))
    smallest = 1 if whole < 3_600 else 60 if whole < 86_400 else 3_600
    return timedelta(seconds=whole - whole % smallest)


def _recipe(config: RunConfig) -> str:
    """Name the recipe, with a star if something was changed."""
    return (config.recipe or "") + " *" * bool(config.recipe and config.changed)


def _accuracies(run: Run) -> list[float]:
    """Return the accuracy by epoch, read again when the metrics have changed."""
    return _read_accuracies(identity(run.path / "metrics.jsonl"), run)


@st.cache_data(max_entries=1_000, show_spinner=False)
def _read_accuracies(metrics: str, _run: Run) -> list[float]:
    return view.accuracies(_run)


def _columns(rows: list[Row]) -> dict[str, list[object]]:
    table: dict[str, list[object]] = {}
    titled = any(row.notes.title for row in rows)
    for row in rows:
        for name, value in _cells(row, titled=titled).items():
            table.setdefault(name, []).append(value)
    return table


def _cells(row: Row, *, titled: bool) -> dict[str, object]:
    config, status = row.config, row.status
    accuracies = _accuracies(row.run) if config else []
    return {
        "Run": row.run.name,
        **({"Title": row.notes.title} if titled else {}),
        "State": _state(row),
        "Network": config.model.name if config else None,
        "Recipe": _recipe(config) if config else "",
        "Images": view.data_name(config.data) if config else None,
        "Epochs": view.epochs_done(status) if config and status else None,
        "of": config.train.epochs if config else None,
        "Accuracy": accuracies if config else None,
        "Last": _percentage(accuracies[-1] if accuracies else None),
        "Best": _percentage(max(accuracies, default=None)),
        "Duration": _duration(status.seconds) if status else None,
        "Started": view.moment(status.created) if status else None,
    }
