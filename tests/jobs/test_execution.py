"""One session of a run: what its status, its log and its clock tell."""

import errno
import os
from dataclasses import replace

import pytest

from ui.runs.view import epochs_done
from wrn.config import OutputConfig, RunConfig
from wrn.errors import DataError
from wrn.jobs import execution
from wrn.runs import Run, RunStore
from wrn.training.loop import Outcome, Progress

CONFIG = RunConfig(output=OutputConfig(save_plot=False, tensorboard=False))


def test_a_resume_that_fails_at_once_leaves_the_epochs_that_are_done(tmp_path):
    run = RunStore(tmp_path).create(CONFIG, "moved")
    for epoch in (1, 2):
        run.record({"kind": "epoch", "epoch": epoch})
    run.last_weights.touch()
    with pytest.raises(DataError):
        execution.Execution(run, source=str(tmp_path / "gone")).execute()
    assert run.status().state == "failed"
    assert epochs_done(run.status()) == 2


@pytest.mark.parametrize(
    ("number", "ends"), [(errno.ENOSPC, False), (errno.ENOENT, True)]
)
def test_a_full_disk_that_only_progress_meets_ends_no_training(
    tmp_path, monkeypatch, number, ends
):
    outcome = Outcome(True, 1, 0.5, 0.5, "test device")
    write = Run.write_status

    def training(config, dataset, recorder, report, *rest):
        def full(run, status):
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patch:
            patch.setattr(Run, "write_status", full)
            report(Progress(phase="training", epoch=1, epochs=1, step=1, steps=9))
        assert Run.write_status is write
        return outcome

    monkeypatch.setattr(execution, "train", training)
    monkeypatch.setattr(execution, "load_cached", lambda source: None)
    run = RunStore(tmp_path).create(CONFIG, "full")
    session = execution.Execution(run)
    if ends:
        with pytest.raises(OSError, match="No such file"):
            session.execute()
        assert run.status().state == "failed"
    else:
        assert session.execute() == outcome
        assert run.status().state == "finished"


def test_time_in_a_pause_does_not_count(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(execution.time, "monotonic", lambda: now[0])
    run = RunStore(tmp_path).create(CONFIG, "timed")
    session = execution.Execution(run)
    for state_, seconds in (("running", 5), ("paused", 1000), ("running", 7)):
        session.change(state=state_)
        now[0] += seconds
    session.change(state="stopped")
    assert run.status().seconds == 12
    # What a session before it took counts.
    session = execution.Execution(run)
    now[0] += 3
    session.change(state="stopped")
    assert run.status().seconds == 15


def test_a_training_that_goes_on_after_a_kill_says_so_in_its_log(tmp_path, monkeypatch):
    outcome = Outcome(True, 1, 0.5, 0.5, "test device")
    monkeypatch.setattr(execution, "train", lambda *arguments: outcome)
    monkeypatch.setattr(execution, "load_cached", lambda source: None)
    run = RunStore(tmp_path).create(CONFIG, "killed")
    run.write_status(replace(run.status(), state="running"))
    execution.Execution(run).execute()
    assert "interrupted; goes on" in run.log_tail(9)
