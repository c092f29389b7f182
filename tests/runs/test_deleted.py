"""Runs that were deleted: they can be brought back for a week."""

import os
import time
from pathlib import Path

import pytest

from wrn.config import RunConfig
from wrn.errors import RunError
from wrn.runs import Run, Status
from wrn.runs.store import KEPT_SECONDS


def test_deleted_run_comes_back_whole(store):
    run = store.create(RunConfig(), "gone")
    run.record({"kind": "epoch", "epoch": 1})
    run.release()
    store.delete("gone")
    assert store.list() == []
    assert list(store.deleted()) == ["gone"]
    back = store.restore("gone")
    assert back.metrics() == [{"kind": "epoch", "epoch": 1}]
    assert not store.deleted()


def test_nobody_can_resume_a_run_while_it_is_put_away(store, monkeypatch):
    run = store.create(RunConfig(), "mine")
    run.release()
    owned = []
    rename = Path.rename

    def renamed(path, target):
        owned.append(Run(path).is_owned())
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", renamed)
    store.delete("mine")
    assert owned == [os.name != "nt"]


def test_one_of_two_deletions_is_refused(store, monkeypatch):
    run = store.create(RunConfig(), "mine")
    run.release()
    acquire = Run.acquire

    def late(self):
        # Another tab was faster, and the lock made the folder anew.
        monkeypatch.setattr(Run, "acquire", acquire)
        store.delete("mine")
        self.path.mkdir()
        acquire(self)

    monkeypatch.setattr(Run, "acquire", late)
    with pytest.raises(RunError, match="Received: mine, which is gone"):
        store.delete("mine")
    assert list(store.deleted()) == ["mine"]
    assert not run.path.exists()
    assert store.restore("mine").config() == RunConfig()


def test_deleted_run_makes_way_for_another_of_its_name(store):
    for seconds in (1, 2):
        run = store.create(RunConfig(), "twice")
        run.write_status(Status(seconds=seconds))
        run.release()
        store.delete("twice")
    store.create(RunConfig(), "twice").release()
    with pytest.raises(RunError, match="which exists"):
        store.restore("twice")
    store.delete("twice")
    # None is lost: the last has its own name, the earlier ones a number.
    assert next(iter(store.deleted())) == "twice"
    assert set(store.deleted()) == {"twice", "twice_2", "twice_3"}
    assert [store.restore(f"twice_{n}").status().seconds for n in (2, 3)] == [1, 2]
    store.restore("twice")
    with pytest.raises(RunError, match="must be a deleted run"):
        store.restore("never")
    with pytest.raises(RunError, match="must be 1 to 100"):
        store.restore("../twice")


def test_the_time_of_a_deletion_tells_runs_of_one_name_apart(store):
    moments = []
    for seconds in (1, 2):
        run = store.create(RunConfig(), "twice")
        run.write_status(Status(seconds=seconds))
        run.release()
        moments.append(store.delete("twice"))
    by_time = {moment: name for name, moment in store.deleted().items()}
    restored = [store.restore(by_time[moment]) for moment in moments]
    assert [run.status().seconds for run in restored] == [1, 2]


def test_deleted_run_with_the_longest_name_makes_way_too(store):
    # Nor does it take the name of one that is there.
    store.create(RunConfig(), f"{'n' * 96}_2").release()
    name = "n" * 100
    for _ in range(2):
        store.create(RunConfig(), name).release()
        store.delete(name)
    assert len(store.deleted()) == 2
    for deleted in store.deleted():
        store.restore(deleted)
    assert len(store.list()) == 3


@pytest.mark.parametrize("relative", [False, True])
def test_run_behind_a_link_is_put_away_and_back_as_it_is(store, tmp_path, relative):
    run = store.create(RunConfig(), "elsewhere")
    run.release()
    target = run.path.rename(tmp_path / "moved")
    run.path.symlink_to(os.path.relpath(target, store.root) if relative else target)
    store.delete("elsewhere")
    assert list(store.deleted()) == ["elsewhere"]
    assert store.restore("elsewhere").config() == RunConfig()
    store.delete("elsewhere")
    store.forget("elsewhere")
    assert store.deleted() == {}
    assert (target / "config.json").exists()


def test_deleted_run_can_be_removed_for_good(store):
    for name in ("one", "two"):
        store.create(RunConfig(), name).release()
        store.delete(name)
    store.forget("one")
    assert list(store.deleted()) == ["two"]
    for name in ("one", "../two", "", "."):
        with pytest.raises(RunError, match="must be a deleted run"):
            store.forget(name)
    assert store.restore("two").config() == RunConfig()


def test_deleted_runs_are_forgotten_after_a_week(store):
    for name in ("old", "young", "next"):
        store.create(RunConfig(), name).release()
    store.delete("old")
    store.delete("young")
    weeks_ago = time.time() - KEPT_SECONDS - 10
    os.utime(store.root / ".deleted" / "old", (weeks_ago, weeks_ago))
    assert list(store.deleted()) == ["young", "old"]
    assert store.deleted()["old"] == pytest.approx(weeks_ago)
    store.delete("next")
    assert set(store.deleted()) == {"young", "next"}
