"""One run with its controls, kept up to date for as long as it lives."""

from contextlib import suppress

import streamlit as st

from ui.runs import view
from ui.runs.machine import machine_line
from ui.state import TOASTED
from ui.text import literal, refusal
from wrn.config import RunConfig
from wrn.errors import RunError, WrnError
from wrn.jobs import JobManager, Snapshot
from wrn.runs import LIVE_STATES, RESUMABLE_STATES, Run, Status

#: Seconds between two updates of a live run.
POLL_SECONDS = 1.0

#: And between two looks whether another tab has started one.
IDLE_SECONDS = 5.0


def current_run(jobs: JobManager) -> Run | None:
    """Return the run under way, else the one that changed last, else `None`.

    Every session sees the same one, so a reload or a second tab changes nothing.
    """
    for job in jobs.live()[:1]:
        # Somebody may have removed its folder; the training is about to notice.
        with suppress(RunError):
            return jobs.store.open(job.name)
    dated = []
    for run in jobs.store.list():
        try:
            dated.append((run.status().updated, run))
        except RunError:
            continue  # The Runs page tells about damaged ones.
    return max(dated, key=lambda pair: pair[0])[1] if dated else None


def status_of(jobs: JobManager, run: Run) -> Status:
    """Return where a run stands: from its job here, else from its folder.

    Raises:
        RunError: If the folder is damaged.
    """
    job = jobs.snapshot(run.name)
    if job and job.live:
        return job.status
    status = run.status()
    if job and job.status.state == "failed" and status.state == "interrupted":
        # The folder could not be written, which is why it failed.
        return job.status
    return status


def run_panel(jobs: JobManager, run: Run, *, epochs: bool = False) -> None:
    """Show a run. While it lives the panel updates itself, and only itself.

    Args:
        jobs: All trainings of this program.
        run: The run.
        epochs: Whether the page around it depends on the epochs of trainings, too.
    """
    try:
        config = run.config()
        shown = _outline(jobs, run, epochs=epochs)
    except RunError as error:
        st.error(refusal(error))
        return

    @st.fragment(run_every=POLL_SECONDS if shown[0] else None)
    def panel() -> None:
        try:
            status = status_of(jobs, run)
            changed = _outline(jobs, run, epochs=epochs) != shown
        except RunError as error:
            st.error(refusal(error))
            return
        _toast(run.name, status.state)
        if changed:
            # The page around the panel changes too, and polling may end.
            st.rerun()
        _draw(jobs, run, config, status)

    panel()
    if not shown[0]:
        watch(jobs, epochs=epochs)


def _toast(name: str, state: str) -> None:
    """Say once that a run has come into another state since it was last drawn."""
    key = f"{TOASTED}_{name}"
    before = st.session_state.get(key)
    st.session_state[key] = state
    if before and before != state:
        st.toast(f"{literal(name)}: {state}")


def watch(jobs: JobManager, *, epochs: bool = False) -> None:
    """Draw the page anew when a training changes its state, or another tab starts one.

    Args:
        jobs: All trainings of this program.
        epochs: Whether to do so when a training ends an epoch, too.
    """
    seen = _trainings(jobs, epochs=epochs)

    @st.fragment(run_every=POLL_SECONDS if seen else IDLE_SECONDS)
    def watcher() -> None:
        if _trainings(jobs, epochs=epochs) != seen:
            st.rerun()

    watcher()


def _outline(
    jobs: JobManager, run: Run, *, epochs: bool
) -> tuple[bool, tuple[tuple[str, str, int], ...]]:
    """Return what the page around the panel depends on."""
    live = status_of(jobs, run).state in LIVE_STATES
    return live, _trainings(jobs, epochs=epochs)


def _trainings(jobs: JobManager, *, epochs: bool) -> tuple[tuple[str, str, int], ...]:
    """Return those that run or wait, with their states and, if asked for, epochs."""
    return tuple(
        (job.name, job.state, view.epochs_done(job.status) if epochs else 0)
        for job in jobs.live()
    )


def _draw(jobs: JobManager, run: Run, config: RunConfig, status: Status) -> None:
    job = jobs.snapshot(run.name)
    job = job if job and job.live else None
    records = run.metrics()
    view.header(run.name, run.notes().title, _state(jobs, job, status), config)
    if status.state in LIVE_STATES:
        _progress(jobs, run, status)
    view.failure(status)
    _controls(jobs, run, status, job)
    view.figures(status, config, records)
    if job:
        machine_line()
    view.run_curves(run, config, status, records)
    view.log(run)
    _queue(jobs, run)


def _state(jobs: JobManager, job: Snapshot | None, status: Status) -> str:
    """Name the state as the person sees it, what was just asked for included."""
    if job and job.asked == "stop":
        return "stopping"
    if job and job.asked == "pause" and status.state == "running":
        return "pausing"
    if status.state == "queued" and _is_active(jobs, job):
        return "starting"
    return status.state


def _is_active(jobs: JobManager, job: Snapshot | None) -> bool:
    active = jobs.active()
    return bool(job and active and active.name == job.name)


def _progress(jobs: JobManager, run: Run, status: Status) -> None:
    job = jobs.snapshot(run.name)
    waits = status.state == "queued" and not _is_active(jobs, job)
    if waits and not (job and job.live):
        st.caption("It waits in the queue of another program.")
    elif waits and jobs.active():
        st.caption("It starts when the trainings before it have ended.")
    elif waits and jobs.waits_for_another:
        st.caption("It starts when another dashboard with these runs stops training.")
    else:
        view.progress_bar(status)


def _controls(jobs: JobManager, run: Run, status: Status, job: Snapshot | None) -> None:
    """Offer what can be done with the run now."""
    with st.container(horizontal=True, vertical_alignment="center", key="controls"):
        raised = status.state == "finished" and not run.is_complete()
        if status.state in RESUMABLE_STATES or raised:
            _resume(jobs, run, status)
        elif job:
            _pause_and_stop(jobs, job)
        elif status.state in LIVE_STATES:
            st.caption("Another program has this run; it can be stopped there.")


def _resume(jobs: JobManager, run: Run, status: Status) -> None:
    if st.button("Resume training", type="primary", key="resume"):
        try:
            jobs.resume(run.name)
        except WrnError as error:
            st.error(refusal(error))
        else:
            st.rerun()
    done = view.epochs_done(status)
    st.caption(
        f"It goes on after epoch {done:,}."
        if run.last_weights.is_file() and done
        else "It starts from the beginning: nothing was saved yet."
        if not run.last_weights.is_file()
        else "It goes on where it was saved.",
        width="stretch",
    )


def _pause_and_stop(jobs: JobManager, job: Snapshot) -> None:
    name = job.name
    # One of the two is always there: were the place of "Stop" to move, the browser
    # would draw it anew and close what a person has just opened.
    if job.asked == "pause":
        st.button("Continue", on_click=jobs.unpause, args=(name,), key="continue")
    else:
        st.button(
            "Pause",
            on_click=jobs.pause,
            args=(name,),
            disabled=job.state != "running" or job.asked == "stop",
            key="pause",
        )
    if job.asked != "stop":
        # A second click confirms. Unlike a dialog it stays open while polling.
        with st.popover("Stop"):
            st.write("The training is saved as it is and can be resumed.")
            st.button(
                "Stop training",
                type="primary",
                on_click=jobs.stop,
                args=(name,),
                key="stop",
            )


def _queue(jobs: JobManager, shown: Run) -> None:
    """List the other trainings that run or wait."""
    others = [job for job in jobs.live() if job.name != shown.name]
    if not others:
        return
    st.markdown("**Queue**")
    waiting = [job.name for job in jobs.live() if job.state == "queued"]
    for job in others:
        with st.container(
            horizontal=True, vertical_alignment="center", key=f"queue_{job.name}"
        ):
            st.write(literal(job.name))
            st.badge(job.state, color=view.STATE_COLORS[job.state])
            if job.state == "queued":
                st.button(
                    "Earlier",
                    on_click=jobs.move,
                    args=(job.name, -1),
                    disabled=job.name == waiting[0],
                    key=f"earlier_{job.name}",
                )
                st.button(
                    "Remove",
                    on_click=jobs.remove,
                    args=(job.name,),
                    key=f"remove_{job.name}",
                )
