"""Training by two workers: two processes over loopback."""

import signal

import numpy as np
import pytest

from tests.command_lines import PATIENCE, SETTINGS, run_two_workers
from tests.ghost_batches import assert_identical, assert_is_ghost_batches
from tests.trainings import arrays, assert_same_arrays
from wrn.runs import RunStore

pytestmark = [pytest.mark.slow, pytest.mark.timeout(PATIENCE)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of an uninterrupted training by two workers."""
    folder = tmp_path_factory.mktemp("whole")
    words = ["train", *SETTINGS.split(), "--runs-folder", str(folder), "--run", "two"]
    for code, errors in run_two_workers(folder, words):
        assert code == 0, errors
    return folder


def test_two_workers_train_as_two_halves_of_a_batch(whole):
    run = RunStore(whole).open("two")
    assert run.status().state == "finished"
    assert "one of 2 workers" in run.status().device
    replicas = [whole / f"worker{index}_0.npz" for index in range(2)]
    assert_is_ghost_batches(run, replicas)
    assert_identical(replicas)
    # The other worker made no run of its own.
    assert [run.name for run in RunStore(whole).list()] == ["two"]


def test_a_worker_with_other_images_is_refused_on_both(tmp_path):
    words = ["train", *SETTINGS.split(), "--runs-folder", str(tmp_path), "--run", "two"]
    for code, errors in run_two_workers(tmp_path, words, inverted=1):
        assert code == 1
        assert "All workers must have the same images" in errors
    assert RunStore(tmp_path).open("two").metrics() == []


@pytest.mark.parametrize(
    ("struck", "by", "state"),
    [
        (1, signal.SIGKILL, "failed"),
        pytest.param(0, signal.SIGINT, "stopped", marks=pytest.mark.long),
        pytest.param(1, signal.SIGINT, "stopped", marks=pytest.mark.long),
    ],
)
def test_a_training_that_a_worker_ended_resumes_with_all(
    whole, tmp_path, struck, by, state
):
    words = ["train", "--runs-folder", str(tmp_path), "--run", "two", "--quiet"]
    outcomes = run_two_workers(
        tmp_path, [*words, *SETTINGS.split()], struck=struck, struck_at=7, by=by
    )
    run = RunStore(tmp_path).open("two")
    assert run.status().state == state
    if by == signal.SIGKILL:
        assert outcomes[0][0] == 1
        assert "one was lost" in outcomes[0][1]
        assert "one was lost" in run.status().error
    else:
        assert [code for code, _ in outcomes] == [1, 1]
    for code, errors in run_two_workers(tmp_path, [*words, "--resume"]):
        assert code == 0, errors
        assert "retracing" not in errors
    assert run.status().state == "finished"
    reference = RunStore(whole).open("two")
    if by == signal.SIGKILL:
        assert_same_arrays(run.last_weights, reference.last_weights)
        assert run.metrics() == reference.metrics()
    else:
        # A checkpoint within an epoch holds the mean of the replicas' batch-norm
        # statistics, which otherwise meet at its end only: rounding differs.
        one, two = arrays(run.last_weights), arrays(reference.last_weights)
        assert one.keys() == two.keys()
        for name in one:
            np.testing.assert_allclose(
                one[name], two[name], rtol=1e-4, atol=1e-7, err_msg=name
            )
        assert run.metrics("step") == reference.metrics("step")
