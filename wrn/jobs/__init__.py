"""Runs carried out: in the foreground, in a background thread, on several machines.

job_manager   background training: one thread, a queue before it
execution     one session of a run, and its status from start to end
workers       the chief's and the others' part
failures      why a training failed, and what its person can try
tensorboard   event files
"""

from wrn.jobs.job_manager import JobManager, Snapshot, manager

__all__ = ["JobManager", "Snapshot", "manager"]
