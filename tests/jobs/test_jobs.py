"""Background training, with a training that does nothing but wait and obey."""

import errno
import gc
import os
import shutil
import subprocess
import sys
import textwrap
import threading
import weakref
from dataclasses import replace

import pytest
from filelock import FileLock

from tests.conftest import ROOT
from tests.training_fakes import wait_for
from wrn.config import OutputConfig, RunConfig, TrainConfig
from wrn.errors import RunError
from wrn.jobs import JobManager, execution, manager
from wrn.runs import Run, RunStore, Status
from wrn.training.loop import Outcome, Progress

CONFIG = RunConfig(output=OutputConfig(save_plot=False, tensorboard=False))


@pytest.fixture
def steps(monkeypatch):
    """Put a training in place that steps until it is stopped or told to end."""

    class Steps:
        done = 0
        finish = threading.Event()
        fail: Exception | None = None

    counter = Steps()
    counter.finish = threading.Event()

    def train(config, dataset, run, on_progress, should_stop, devices):
        while not counter.finish.is_set():
            if counter.fail:
                raise counter.fail
            if should_stop():
                return Outcome(False, 0, None, None, "test device")
            counter.done += 1
            on_progress(
                Progress(phase="training", epoch=1, epochs=1, step=counter.done)
            )
            counter.finish.wait(0.005)
        return Outcome(True, 1, 0.5, 0.5, "test device")

    monkeypatch.setattr(execution, "train", train)
    monkeypatch.setattr(execution, "load_cached", lambda source: None)
    return counter


@pytest.fixture
def jobs(tmp_path):
    made = JobManager(RunStore(tmp_path / "runs"))
    yield made
    made.close()


def state(jobs, name):
    return jobs.snapshot(name).state


def test_a_start_that_cannot_be_written_is_a_failure_with_its_reason(
    jobs, steps, monkeypatch
):
    write = Run.write_status

    def full(self, status):
        if status.state == "running":
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, status)

    monkeypatch.setattr(Run, "write_status", full)
    name = jobs.submit(CONFIG).name
    wait_for(lambda: state(jobs, name) == "failed")
    status = jobs.store.open(name).status()
    assert "No space left" in status.error
    assert status.advice


def test_job_runs_and_finishes(jobs, steps):
    name = jobs.submit(CONFIG).name
    wait_for(lambda: steps.done > 2)
    assert jobs.active().name == name
    assert jobs.active().status.progress["step"] >= 1
    assert jobs.store.open(name).status().state == "running"
    steps.finish.set()
    wait_for(lambda: state(jobs, name) == "finished")
    wait_for(lambda: jobs.active() is None)
    assert jobs.store.open(name).status().state == "finished"
    assert jobs.store.open(name).status().device == "test device"
    assert not jobs.store.open(name).is_owned()


def test_the_memory_of_a_training_is_free_at_its_end(jobs, monkeypatch):
    class Network:
        pass

    networks = []

    def train(*_, **__):
        network = Network()
        network.itself = network
        networks.append(weakref.ref(network))
        # As the dashboard may at any time: see `ui.after_rerun`.
        gc.freeze()
        return Outcome(True, 1, 0.5, 0.5, "test device")

    monkeypatch.setattr(execution, "train", train)
    monkeypatch.setattr(execution, "load_cached", lambda source: None)
    try:
        jobs.submit(CONFIG, "a")
        wait_for(lambda: networks and networks[0]() is None)
    finally:
        gc.unfreeze()


def test_second_job_waits_its_turn(jobs, steps):
    first, second = (jobs.submit(CONFIG, name).name for name in ("first", "second"))
    wait_for(lambda: state(jobs, first) == "running")
    assert state(jobs, second) == "queued"
    assert [job.name for job in jobs.live()] == [first, second]
    jobs.stop(first)
    wait_for(lambda: state(jobs, second) == "running")
    assert state(jobs, first) == "stopped"


def test_pause_holds_and_unpause_goes_on(jobs, steps):
    name = jobs.submit(CONFIG).name
    wait_for(lambda: steps.done > 0)
    jobs.pause(name)
    wait_for(lambda: state(jobs, name) == "paused")
    held = steps.done
    assert jobs.store.open(name).status().state == "paused"
    # Nothing to wait for but the absence of steps: a tenth of a second is twenty.
    threading.Event().wait(0.1)
    assert steps.done == held
    jobs.unpause(name)
    wait_for(lambda: steps.done > held)
    wait_for(lambda: state(jobs, name) == "running")


def test_paused_job_can_be_stopped(jobs, steps):
    name = jobs.submit(CONFIG).name
    wait_for(lambda: steps.done > 0)
    jobs.pause(name)
    wait_for(lambda: state(jobs, name) == "paused")
    jobs.stop(name)
    wait_for(lambda: state(jobs, name) == "stopped")


def test_queued_job_can_be_cancelled(jobs, steps):
    jobs.submit(CONFIG, "first")
    jobs.submit(CONFIG, "second")
    jobs.stop("second")
    assert state(jobs, "second") == "stopped"
    assert not jobs.store.open("second").is_owned()


def test_queued_jobs_change_places(jobs, steps):
    for name in ("first", "second", "third", "fourth"):
        jobs.submit(CONFIG, name)
    wait_for(lambda: jobs.active() is not None)

    def queue():
        return [job.name for job in jobs.live()]

    jobs.move("fourth", -1)
    assert queue() == ["first", "second", "fourth", "third"]
    jobs.move("fourth", -9)
    assert queue() == ["first", "fourth", "second", "third"]
    jobs.move("fourth", 9)
    assert queue() == ["first", "second", "third", "fourth"]
    # The one that runs stays where it is.
    jobs.move("first", 1)
    assert queue() == ["first", "second", "third", "fourth"]


def test_stopped_job_resumes(jobs, steps):
    name = jobs.submit(CONFIG).name
    wait_for(lambda: steps.done > 0)
    jobs.stop(name)
    wait_for(lambda: state(jobs, name) == "stopped" and jobs.active() is None)
    before = steps.done
    jobs.resume(name)
    wait_for(lambda: steps.done > before)
    assert state(jobs, name) == "running"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "ran out of memory"),
        (RunError("The folder is gone."), "The folder is gone."),
        (ValueError("odd"), "ValueError: odd"),
    ],
)
def test_failure_keeps_its_cause_and_traceback(jobs, steps, error, words):
    steps.fail = error
    name = jobs.submit(CONFIG).name
    wait_for(lambda: state(jobs, name) == "failed")
    status = jobs.store.open(name).status()
    assert words in status.error
    assert words in jobs.store.open(name).log_tail(9)
    assert "Traceback" in status.traceback
    # The worker survives and takes the next job.
    steps.fail = None
    other = jobs.submit(CONFIG).name
    wait_for(lambda: state(jobs, other) == "running")


def test_next_job_runs_though_the_folder_of_one_was_removed(jobs, steps):
    name = jobs.submit(CONFIG, "removed").name
    wait_for(lambda: steps.done > 0)
    other = jobs.submit(CONFIG, "other").name
    shutil.rmtree(jobs.store.root / name)
    jobs.stop(name)
    wait_for(lambda: state(jobs, other) == "running")
    assert not jobs.snapshot(name).live


def test_a_queued_run_that_is_gone_is_removed_without_a_word(jobs, steps):
    jobs.submit(CONFIG, "running")
    wait_for(lambda: steps.done > 0)
    jobs.submit(CONFIG, "queued")
    jobs.remove("queued")
    # Another person's click, a moment later.
    jobs.remove("queued")
    assert [job.name for job in jobs.live()] == ["running"]
    assert list(jobs.store.deleted()) == ["queued"]


def test_cause_of_a_failure_is_told_though_it_cannot_be_written(
    jobs, steps, monkeypatch
):
    name = jobs.submit(CONFIG).name
    wait_for(lambda: steps.done > 0)

    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("wrn.runs.run.replace_file", full)
        steps.fail = RunError("Nothing fits any more.")
        wait_for(lambda: jobs.active() is None)
    found = jobs.snapshot(name)
    assert found.state == "failed"
    assert "No space left" in found.status.error or "Nothing fits" in found.status.error
    steps.fail = None
    other = jobs.submit(CONFIG).name
    wait_for(lambda: state(jobs, other) == "running")


def test_a_training_that_cannot_even_begin_says_why(jobs, steps, monkeypatch):
    def missing(run):
        raise ImportError("No module named 'tensorflow'")

    monkeypatch.setattr(execution, "Execution", missing)
    name = jobs.submit(CONFIG).name
    wait_for(lambda: state(jobs, name) == "failed")
    assert "No module named 'tensorflow'" in jobs.store.open(name).status().error


@pytest.mark.slow
def test_job_in_use_elsewhere_is_refused(jobs, steps):
    name = jobs.submit(CONFIG).name
    wait_for(lambda: state(jobs, name) == "running")
    with pytest.raises(RunError, match="in use"):
        jobs.resume(name)


def test_finished_run_does_not_resume(jobs, steps):
    steps.finish.set()
    name = jobs.submit(CONFIG).name
    wait_for(lambda: state(jobs, name) == "finished" and jobs.active() is None)
    with pytest.raises(RunError, match="epochs left"):
        jobs.resume(name)
    assert not jobs.store.open(name).is_owned()


def test_a_finished_run_whose_epochs_were_raised_goes_on(jobs, steps):
    steps.finish.set()
    done = {"phase": "testing", "epoch": 4, "epochs": 4}
    for name, epochs in (("whole", 4), ("raised", 5)):
        config = replace(CONFIG, train=TrainConfig(epochs=epochs))
        run = jobs.store.create(config, name)
        run.write_status(Status(state="finished", progress=done))
        run.release()
    with pytest.raises(RunError, match="epochs left"):
        jobs.resume("whole")
    jobs.resume("raised")
    wait_for(lambda: jobs.active() is None)


def test_device_of_another_process_is_waited_for(jobs, steps):
    jobs.store.root.mkdir(parents=True)
    device = FileLock(jobs.store.root / ".device.lock", thread_local=False)
    device.acquire()
    name = jobs.submit(CONFIG).name
    assert state(jobs, name) == "queued"
    assert steps.done == 0
    device.release()
    wait_for(lambda: steps.done > 0)


def test_the_order_may_change_while_another_process_has_the_device(
    jobs, steps, monkeypatch
):
    waiting = threading.Event()

    class Watched(FileLock):
        def acquire(self, *arguments, **settings):
            waiting.set()
            return super().acquire(*arguments, **settings)

    monkeypatch.setattr("wrn.jobs.job_manager.FileLock", Watched)
    jobs.store.root.mkdir(parents=True)
    with FileLock(jobs.store.root / ".device.lock", thread_local=False):
        for name in ("first", "second", "third"):
            jobs.submit(CONFIG, name)
        assert waiting.wait(60)
        jobs.move("third", -2)
    wait_for(lambda: steps.done > 0)
    assert [job.name for job in jobs.live()] == ["third", "first", "second"]


def test_close_does_not_wait_for_the_device_of_another_process(jobs, steps):
    jobs.store.root.mkdir(parents=True)
    with FileLock(jobs.store.root / ".device.lock", thread_local=False):
        jobs.submit(CONFIG, "queued")
        jobs.close()
        assert jobs.store.open("queued").status().state == "interrupted"
    assert steps.done == 0


def test_close_saves_and_leaves_the_run_interrupted(jobs, steps):
    running, queued = (jobs.submit(CONFIG, name).name for name in ("one", "two"))
    wait_for(lambda: steps.done > 0)
    jobs.close()
    for name in (running, queued):
        assert jobs.store.open(name).status().state == "interrupted"
    with pytest.raises(RunError, match="ending"):
        jobs.submit(CONFIG)


@pytest.mark.parametrize("end", ["finished", "failed"])
def test_what_ends_by_itself_at_the_close_is_not_interrupted(jobs, monkeypatch, end):
    begun = threading.Event()

    def train(config, dataset, run, on_progress, should_stop, devices):
        while not should_stop():
            begun.set()
        if end == "failed":
            raise RunError("Nothing fits any more.")
        return Outcome(True, 1, 0.5, 0.5, "test device")

    monkeypatch.setattr(execution, "train", train)
    monkeypatch.setattr(execution, "load_cached", lambda source: None)
    jobs.submit(CONFIG, "one")
    assert begun.wait(60)
    jobs.close()
    assert jobs.store.open("one").status().state == end


def test_unknown_job_is_refused_in_words(jobs):
    with pytest.raises(RunError, match="Received: nobody"):
        jobs.stop("nobody")
    assert jobs.snapshot("nobody") is None


def test_manager_survives_a_reload_of_its_module():
    import importlib

    from wrn.jobs import job_manager as module

    first = manager()
    assert importlib.reload(module).manager() is first


def test_a_run_that_was_to_go_on_leaves_the_queue_and_stays(jobs, steps):
    run = jobs.store.create(CONFIG, "trained")
    run.record({"kind": "epoch", "epoch": 1})
    run.last_weights.write_bytes(b"last")
    run.release()
    jobs.submit(CONFIG, "first")
    wait_for(lambda: jobs.active() is not None)
    jobs.resume("trained")
    jobs.remove("trained")
    assert state(jobs, "trained") == "stopped"
    assert not jobs.store.deleted()
    assert jobs.store.open("trained").metrics() == [{"kind": "epoch", "epoch": 1}]


def test_a_run_that_resumes_keeps_its_beginning_and_its_time(jobs, steps):
    run = jobs.store.create(CONFIG, "old")
    run.write_status(Status(state="stopped", created=1e9, seconds=3600.0))
    run.release()
    jobs.resume("old")
    wait_for(lambda: steps.done > 0)
    status = jobs.store.open("old").status()
    assert status.created == 1e9
    assert status.seconds >= 3600


@pytest.mark.slow
def test_the_end_of_the_process_saves_what_is_trained(tmp_path):
    """With real modules, each of which cleans up after itself at that end."""
    program = """
        import time
        from wrn.config import DataConfig, ModelConfig, OutputConfig, RunConfig
        from wrn.config import TrainConfig
        from wrn.jobs import manager
        config = RunConfig(
            model=ModelConfig(depth=10, widen_factor=1),
            data=DataConfig(source="synthetic", limit=200),
            train=TrainConfig(epochs=10_000, batch_size=20),
            output=OutputConfig(save_plot=False),
        )
        jobs = manager()
        jobs.submit(config, "long")
        while not (jobs.snapshot("long").status.progress or {}).get("step"):
            assert jobs.snapshot("long").live
            time.sleep(0.05)
    """
    environment = os.environ | {"WRN_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env=environment,
        check=True,
        timeout=120,
    )
    run = RunStore(tmp_path).open("long")
    assert (run.status().state, run.status().error) == ("interrupted", "")
    assert run.last_weights.exists()
