"""Who works on a run, and what others may do meanwhile."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from wrn.config import RunConfig
from wrn.errors import RunError
from wrn.runs import Run, Status


def test_run_of_a_dead_process_is_interrupted(store):
    script = (
        "import os, sys; from pathlib import Path\n"
        "from wrn.config import RunConfig; from wrn.runs import RunStore, Status\n"
        "run = RunStore(Path(sys.argv[1])).create(RunConfig(), 'orphan')\n"
        "run.write_status(Status(state='running'))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run(
        [sys.executable, "-c", script, str(store.root)], cwd=ROOT, check=False
    )
    run = store.open("orphan")
    assert json.loads((run.path / "status.json").read_text())["state"] == "running"
    assert run.status().state == "interrupted"


@pytest.mark.parametrize("state", ["queued", "running", "paused"])
def test_whatever_a_dead_process_left_is_interrupted(store, state):
    run = store.create(RunConfig(), "left")
    run.write_status(Status(state=state))
    run.release()
    assert run.status().state == "interrupted"


@pytest.mark.slow
def test_owned_run_is_refused_to_others_and_cannot_be_deleted(store):
    run = store.create(RunConfig(), "owned")
    run.write_status(Status(state="running"))
    other = store.open("owned")
    assert other.is_owned()
    assert other.status().state == "running"
    with pytest.raises(RunError, match="in use"):
        store.delete("owned")
    run.release()
    assert not other.is_owned()
    store.delete("owned")
    assert store.list() == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no shared locks")
def test_who_looks_at_a_run_disturbs_nobody_else_who_looks(store):
    import fcntl

    run = store.create(RunConfig(), "seen")
    run.release()
    with (run.path / ".lock").open("rb") as another:
        fcntl.flock(another, fcntl.LOCK_SH)
        assert not Run(run.path).is_owned()
    (run.path / ".lock").unlink()
    assert not Run(run.path).is_owned()
    assert not (run.path / ".lock").exists()


def test_a_run_that_is_gone_is_not_made_again_by_its_lock(store):
    run = store.create(RunConfig(), "gone")
    run.release()
    shutil.rmtree(run.path)
    assert not run.is_owned()
    with pytest.raises(RunError, match="Received: gone, which is gone"):
        run.acquire()
    assert not run.path.exists()


def test_nothing_is_written_into_another_run_of_the_same_name(store):
    moved = store.create(RunConfig(), "mine")
    moved.record({"kind": "step", "step": 1})
    moved.path.rename(store.root / "elsewhere")
    other = store.create(RunConfig(), "mine")
    for write in (
        lambda: moved.record({"kind": "step", "step": 2}),
        lambda: moved.write_status(Status(state="finished")),
    ):
        with pytest.raises(RunError, match=r"must stay where it is.*another one"):
            write()
    assert (other.metrics(), other.status().state) == ([], "queued")
