"""What the chief of several workers sends to the others."""

import json
from collections import deque

from tests.test_distillation import STATISTICS, distilling, write_teacher
from tests.test_training import small
from wrn import workers
from wrn.devices import choose
from wrn.distillation import read_teachers
from wrn.runs import RunStore


def sent_and_received(monkeypatch, config, run):
    """Lead, then follow; return the settings and the run the follower trained with."""
    line = deque()

    def send(_, content):
        line.append(content)
        return content

    monkeypatch.setattr(workers, "broadcast", send)
    workers.lead(choose("float32", "cpu"), config, run)
    monkeypatch.setattr(workers, "broadcast", lambda *_: line.popleft())
    seen = {}

    def train(config, dataset, run, **_):
        # Its folder is gone when the training is over.
        seen["config"] = config
        seen["checkpoint"] = run.last_weights.exists() and run.last_weights.read_bytes()
        seen["teachers"] = read_teachers(config, run.teachers)
        return "trained"

    monkeypatch.setattr(workers, "train", train)
    assert workers.follow(choose("float32", "cpu")) == "trained"
    assert not line
    return seen


def test_the_others_need_no_teachers_file(monkeypatch, tmp_path):
    paths = [tmp_path / f"{name}.weights.h5" for name in ("one", "two")]
    for seed, path in enumerate(paths):
        write_teacher(path, seed=seed)
    config = distilling(*paths)
    run = RunStore(tmp_path / "runs").create(config, "run")
    run.last_weights.write_bytes(b"where it stood")
    wanted = [each.origin for each in read_teachers(config, run.teachers)]
    for path in paths:
        path.unlink()
    seen = sent_and_received(monkeypatch, config, run)
    assert seen["config"] == config
    assert seen["checkpoint"] == b"where it stood"
    assert [each.origin for each in seen["teachers"]] == wanted
    assert len({json.dumps(each) for each in wanted}) == 2
    assert seen["teachers"][1].preprocessing == STATISTICS


def test_without_teacher_and_checkpoint_there_is_none(monkeypatch, tmp_path):
    config = small(dropout=0.0)
    run = RunStore(tmp_path / "runs").create(config, "run")
    seen = sent_and_received(monkeypatch, config, run)
    assert seen == {"config": config, "checkpoint": False, "teachers": []}
