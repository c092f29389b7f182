"""What the chief of several workers sends to the others."""

import json
from collections import deque
from pathlib import Path

import pytest

from tests.teachers import STATISTICS, distilling, write_teacher
from tests.trainings import small
from wrn.config import ModelConfig
from wrn.devices import choose
from wrn.errors import ConfigError, WeightsError
from wrn.jobs import workers
from wrn.runs import RunStore
from wrn.training import collective
from wrn.training.teacher_files import read_teachers


@pytest.fixture
def line(monkeypatch):
    """What is on its way from the chief to another worker."""
    line = deque()

    def send(_, content):
        line.append(content)
        return content

    monkeypatch.setattr(workers, "broadcast", send)
    return line


def sent_and_received(monkeypatch, line, config, run):
    """Lead, then follow; return the settings and the run the follower trained with."""
    workers.lead(choose("float32", "cpu"), config, run)
    monkeypatch.setattr(workers, "broadcast", lambda *_: line.popleft())
    seen = {}

    def train(config, dataset, run, **_):
        # Its folder is gone when the training is over.
        seen["config"] = config
        seen["checkpoint"] = run.last_weights.exists() and run.last_weights.read_bytes()
        seen["teachers"] = read_teachers(config, run.teachers_folder)
        paths = map(Path, config.train.initial_files)
        seen["initial"] = [path.read_bytes() for path in paths if path.is_file()]
        return "trained"

    monkeypatch.setattr(workers, "train", train)
    assert workers.follow(choose("float32", "cpu")) == "trained"
    assert not line
    return seen


@pytest.mark.slow
@pytest.mark.parametrize("resumes", [False, True])
def test_the_others_need_no_file_of_their_own(monkeypatch, line, tmp_path, resumes):
    initial = [tmp_path / name / "last.weights.h5" for name in ("before", "beside")]
    for seed, path in enumerate(initial):
        path.parent.mkdir()
        write_teacher(path, ModelConfig(depth=10, widen_factor=1), seed=seed)
    paths = [tmp_path / f"{name}.weights.h5" for name in ("one", "two")]
    for seed, path in enumerate(paths):
        write_teacher(path, seed=seed)
    config = distilling(*paths, initial_weights=",".join(map(str, initial)))
    run = RunStore(tmp_path / "runs").create(config, "run")
    if resumes:
        run.last_weights.write_bytes(b"where it stood")
    wanted = [each.origin for each in read_teachers(config, run.teachers_folder)]
    for path in paths:
        path.unlink()
    seen = sent_and_received(monkeypatch, line, config, run)
    # Nobody reads it when a training goes on.
    sent = [] if resumes else [path.read_bytes() for path in initial]
    assert seen["initial"] == sent
    assert len(set(sent)) == len(sent)
    # It is at another place there, under its name: that is what a checkpoint tells.
    assert seen["config"].train != config.train
    assert seen["config"].train.without_paths() == config.train.without_paths()
    assert seen["config"].model == config.model
    assert seen["checkpoint"] == (resumes and b"where it stood")
    assert [each.origin for each in seen["teachers"]] == wanted
    assert len({json.dumps(each) for each in wanted}) == 2
    assert seen["teachers"][1].preprocessing == STATISTICS


def test_without_teacher_and_checkpoint_there_is_none(monkeypatch, line, tmp_path):
    config = small(dropout=0.0)
    run = RunStore(tmp_path / "runs").create(config, "run")
    seen = sent_and_received(monkeypatch, line, config, run)
    assert seen.pop("config") == config
    assert seen == {"checkpoint": False, "teachers": [], "initial": []}


def test_initial_weights_of_another_network_are_not_sent(line, tmp_path):
    other = tmp_path / "other.weights.h5"
    write_teacher(other)
    config = small(dropout=0.0, initial_weights=str(other))
    run = RunStore(tmp_path / "runs").create(config, "run")
    with pytest.raises(ConfigError, match="initial_weights must hold WRN-10-1"):
        workers.lead(choose("float32", "cpu"), config, run)
    assert not line


@pytest.mark.parametrize("chiefs", [["other"], [], ["mine", "mine"]])
def test_weights_that_changed_on_the_way_are_refused(monkeypatch, chiefs):
    alone = choose("float32", "cpu")
    collective.refuse_other_weights(alone, ["mine"])
    monkeypatch.setattr(collective, "of_chief", lambda *_: chiefs)
    with pytest.raises(WeightsError, match="changed after they were sent"):
        collective.refuse_other_weights(alone, ["mine"])
