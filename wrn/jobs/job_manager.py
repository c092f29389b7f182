"""Background training: one thread, a queue before it.

The manager knows nothing of the screen. It is pinned in `sys.modules`, because
Streamlit re-imports edited modules and can clear its caches, and each of these
would otherwise leave a second manager beside the first, whose thread goes on.
What it returns are plain objects that any thread may read.
"""

import atexit
import gc
import sys
import threading
import types
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

from filelock import FileLock, Timeout

from wrn.config import RunConfig
from wrn.errors import RunError
from wrn.jobs.failures import explain
from wrn.runs import LIVE_STATES, Run, RunStore, State, Status

#: Seconds that the end of the process waits for a training to save itself.
_SHUTDOWN_SECONDS = 20.0

#: Seconds between two looks at a device that another process uses.
_DEVICE_SECONDS = 0.5


@dataclass(frozen=True)
class Snapshot:
    """A job at one moment.

    Attributes:
        name: Name of the run.
        status: Where it stands.
        asked: What it was asked to do and will do before its next step.
    """

    name: str
    status: Status
    asked: Literal["", "pause", "stop"] = ""

    @property
    def state(self) -> State:
        """The job's state."""
        return self.status.state

    @property
    def live(self) -> bool:
        """Whether it waits, runs or pauses."""
        return self.state in LIVE_STATES


class Job:
    """One session of a run in the background."""

    def __init__(self, run: Run) -> None:
        """Take a run that this process has acquired."""
        self.run = run
        self.status: Status = replace(run.status(), state="queued")
        self.run.write_status(self.status)
        self._go = threading.Event()
        self._go.set()
        self._stop = threading.Event()
        self._closing = False
        self._execution: Any = None

    def pause(self) -> None:
        """Hold the training before its next step."""
        self._go.clear()

    def unpause(self) -> None:
        """Let a paused training go on."""
        self._go.set()

    def stop(self, *, closing: bool = False) -> None:
        """Ask the training to save itself and end.

        Args:
            closing: Whether it is the process that ends, and not the person who
                stops it: the run then counts as interrupted.
        """
        self._closing = closing
        self._stop.set()
        self._go.set()

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._stop.is_set()

    def snapshot(self) -> Snapshot:
        """Return the job as it is now."""
        execution = self._execution
        asked: Literal["", "pause", "stop"] = ""
        if self.stopping:
            asked = "stop"
        elif not self._go.is_set():
            asked = "pause"
        return Snapshot(
            self.run.name, execution.status if execution else self.status, asked
        )

    def execute(self) -> None:
        """Carry the job out. Never raises: the status tells."""
        failed: Status | None = None
        try:
            # TensorFlow takes seconds to import, and only the worker needs it.
            from wrn.jobs.execution import Execution

            if not self.stopping:
                self._execution = Execution(self.run)
                self._execution.execute(should_stop=self._gate)
        except BaseException as error:
            if self._execution is None:
                # Nobody else could tell: not even the session could be made.
                told = explain(error)
                failed = replace(
                    self.status, state="failed", error=told.cause, advice=told.advice
                )
        finally:
            self._settle(failed)

    def _gate(self) -> bool:
        """Block while paused; say whether to stop."""
        if not self._go.is_set() and not self.stopping:
            self._execution.change(state="paused")
            self._go.wait()
            if not self.stopping:
                self._execution.change(state="running")
        return self.stopping

    def _settle(self, status: Status | None = None) -> None:
        """Leave a final status behind, first in the folder, and the run to others."""
        status = status or self.snapshot().status
        if self._closing and status.state not in ("finished", "failed"):
            status = replace(status, state="interrupted")
        elif status.state in LIVE_STATES:
            status = replace(status, state="stopped")
        # Where the folder is gone or the disk full, the status here alone tells.
        with suppress(OSError):
            self.run.write_status(status)
        self.run.release()
        self._execution, self.status = None, status


class JobManager:
    """Runs jobs one after another in a background thread.

    Attributes:
        store: The run folders.
        waits_for_another: Whether a job waits for another dashboard's training.
    """

    def __init__(self, store: RunStore) -> None:
        """Start the worker thread."""
        self.store = store
        self.waits_for_another = False
        self._changed = threading.Condition()
        self._queue: deque[Job] = deque()
        self._jobs: dict[str, Job] = {}
        self._active: Job | None = None
        self._closed = False
        self._worker = threading.Thread(
            target=self._work, name="wrn-training", daemon=True
        )
        self._worker.start()
        # A daemon thread dies with the interpreter, unsaved; this saves it. What is
        # registered later is done earlier: h5py, imported by then, would have dropped
        # what weights are written with.
        import h5py  # noqa: F401

        atexit.register(self.close)

    def submit(self, config: RunConfig, name: str | None = None) -> Snapshot:
        """Make a run and queue its training.

        Raises:
            RunError: If the run cannot be made.
        """
        return self._enqueue(self.store.create(config, name))

    def resume(self, name: str) -> Snapshot:
        """Queue a run to go on from its checkpoint.

        Raises:
            RunError: If there is no such run, it is damaged, in use or finished.
        """
        run = self.store.open(name)
        run.acquire()
        try:
            if run.is_complete():
                raise RunError(
                    f"A run that resumes must have epochs left. Received: {name}, "
                    "which is finished"
                )
        except RunError:
            run.release()
            raise
        return self._enqueue(run)

    def pause(self, name: str) -> None:
        """Pause a job before its next step.

        Raises:
            RunError: If it is no job of this manager.
        """
        self._job(name).pause()

    def unpause(self, name: str) -> None:
        """Let a paused job go on.

        Raises:
            RunError: If it is no job of this manager.
        """
        self._job(name).unpause()

    def stop(self, name: str) -> None:
        """Stop a job before its next step, or take it out of the queue.

        Raises:
            RunError: If it is no job of this manager.
        """
        job = self._job(name)
        with self._changed:
            job.stop()
            if job in self._queue:
                self._queue.remove(job)
                job._settle()

    def remove(self, name: str) -> None:
        """Take a job out of the queue; a run that never began is deleted.

        Like every deleted run it can be restored. A job that has begun by now stops.

        Raises:
            RunError: If it is no job of this manager.
        """
        self.stop(name)
        # Refused where it has just begun, or is gone.
        with suppress(RunError):
            run = self.store.open(name)
            if not run.weights and not run.metrics():
                self.store.delete(name)

    def move(self, name: str, places: int) -> None:
        """Move a job that waits within the queue.

        Args:
            name: The run's name.
            places: How far; below 0 to the front. It goes no further than the end.

        Raises:
            RunError: If it is no job of this manager.
        """
        job = self._job(name)
        with self._changed:
            if job in self._queue:
                place = self._queue.index(job) + places
                self._queue.remove(job)
                self._queue.insert(max(0, place), job)

    def snapshot(self, name: str) -> Snapshot | None:
        """Return one job of this process as it is now, `None` if unknown."""
        job = self._jobs.get(name)
        return job.snapshot() if job else None

    def active(self) -> Snapshot | None:
        """Return the job that runs or is paused, else `None`."""
        job = self._active
        return job.snapshot() if job else None

    def live(self) -> list[Snapshot]:
        """Return the running job and the queue, in order."""
        with self._changed:
            jobs = [self._active, *self._queue]
        snapshots = [job.snapshot() for job in jobs if job]
        return [snapshot for snapshot in snapshots if snapshot.live]

    def close(self, timeout_seconds: float = _SHUTDOWN_SECONDS) -> None:
        """Save and end every job; the manager takes no more."""
        with self._changed:
            self._closed = True
            for job in [self._active, *self._queue]:
                if job:
                    job.stop(closing=True)
            self._changed.notify_all()
        self._worker.join(timeout_seconds)
        atexit.unregister(self.close)

    def _job(self, name: str) -> Job:
        if name not in self._jobs:
            raise RunError(f"The run must be a job of this dashboard. Received: {name}")
        return self._jobs[name]

    def _enqueue(self, run: Run) -> Snapshot:
        with self._changed:
            if self._closed:
                run.release()
                raise RunError("The dashboard is ending and takes no more jobs.")
            try:
                job = Job(run)
            except OSError as error:
                run.release()
                raise RunError(
                    f"The folder of run {run.name} must be writable. Received: {error}"
                ) from None
            self._jobs[run.name] = job
            self._queue.append(job)
            self._changed.notify_all()
        return job.snapshot()

    def _work(self) -> None:
        """Take jobs from the queue, for as long as the process lives."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closed)
                if not self._queue:
                    return
            device = self._claim_device()
            with self._changed:
                # Whoever is in front now: the order may have changed meanwhile.
                job = self._queue.popleft() if device and self._queue else None
                self._active = job
            try:
                if job:
                    job.execute()
                    _free_memory()
            finally:
                self._active = None
                if device:
                    device.release()

    def _claim_device(self) -> FileLock | None:
        """Wait until no other dashboard of this runs folder trains.

        Returns:
            The lock; not held if the process ends, when jobs but settle, or if the
            folder cannot be written. `None` if no job waits any more.
        """
        device = FileLock(self.store.root / ".device.lock", thread_local=False)
        while self._queue:
            try:
                if not self._closed:
                    device.acquire(timeout=_DEVICE_SECONDS)
            except Timeout:
                self.waits_for_another = True
                continue
            except OSError:
                # The training will fail for the same reason, and say so.
                pass
            self.waits_for_another = False
            return device
        self.waits_for_another = False
        return None


def _free_memory() -> None:
    """Free what a training held, before the next one wants as much.

    It is in cycles. Whoever spares objects from collections, as the dashboard does
    those of loaded modules, may have spared them with the rest while it ran.
    """
    gc.unfreeze()
    gc.collect()


def manager() -> JobManager:
    """Return the process's one job manager, made at the first call."""
    # A module without a file is never evicted by Streamlit's reloading.
    runtime = sys.modules.setdefault("_wrn_runtime", types.ModuleType("_wrn_runtime"))
    lock = runtime.__dict__.setdefault("lock", threading.Lock())
    with lock:
        if "manager" not in runtime.__dict__:
            runtime.manager = JobManager(RunStore())  # type: ignore[attr-defined]
        return runtime.manager  # type: ignore[no-any-return]
