"""What is told of a run: its metrics as CSV, its files, its epochs."""

import csv
import io

import pytest

from tests.training_fakes import CONFIG, make_run
from ui.runs.details import kept_files, metrics_csv
from ui.runs.view import epochs_done
from wrn.runs import Run, Status


def test_metrics_as_csv():
    run = make_run("first")
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "epoch", "epo')
    rows = list(csv.DictReader(io.StringIO(metrics_csv(run))))
    assert len(rows) == 6
    assert rows[2]["kind"] == "epoch"
    assert float(rows[2]["test_accuracy"]) == 0.6
    assert rows[0]["test_accuracy"] == ""


def test_epochs_done():
    progress = {"epoch": 4, "epochs": 4}
    assert epochs_done(Status(state="running", progress=progress)) == 3
    assert epochs_done(Status(state="finished", progress=progress)) == 4
    assert epochs_done(Status()) == 0
    assert CONFIG.train.epochs == 4


def test_a_folder_that_cannot_be_listed_is_no_empty_one(tmp_path):
    with pytest.raises(OSError, match="gone"):
        kept_files(Run(tmp_path / "gone"))
