"""Run folders: what lies where in them.

    runs/WRN-16-2_2026-11-23_14-05-09/
        config.json         every setting
        status.json         state, progress, error; rewritten while it runs
        metrics.jsonl       one record a line: some steps of each epoch, each epoch
        speed.jsonl         timing of each epoch
        last.weights.h5     the checkpoint to resume from
        best.weights.h5     the best weights by the accuracy measured
        teachers/           the weights it learns from, if it has teachers
        evaluation.json     the last evaluation
        log.txt             what happened when, for people
        notes.json          what a person wrote about the run
        architecture.dot    the network's graph (.svg where Graphviz is installed)
        events.out.tfevents.*   the curves for TensorBoard

A person may read, copy, rename and delete a run folder, and may break one: what
cannot be read is reported in words, never guessed.
"""

from wrn.runs.notes import Notes
from wrn.runs.records import figure
from wrn.runs.run import Run
from wrn.runs.search import matches
from wrn.runs.status import LIVE_STATES, RESUMABLE_STATES, State, Status
from wrn.runs.store import RunStore

__all__ = [
    "LIVE_STATES",
    "RESUMABLE_STATES",
    "Notes",
    "Run",
    "RunStore",
    "State",
    "Status",
    "figure",
    "matches",
]
