"""The note of which version of the code made a file."""

import shutil
import subprocess

import pytest

from wrn.training.commit import commit

GIT = shutil.which("git")


def git(folder, *words):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(
        [GIT, *identity, *words], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.mark.skipif(not GIT, reason="Git is not installed")
def test_it_is_the_checked_out_commit_and_tells_of_changes(tmp_path):
    (tmp_path / "file").write_text("one")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-qm", "first")
    hash = git(tmp_path, "rev-parse", "HEAD")
    found = commit(tmp_path)
    assert len(found) >= 7
    assert hash.startswith(found)
    commit.cache_clear()
    (tmp_path / "file").write_text("two")
    assert commit(tmp_path) == f"{found}-dirty"


def test_it_is_empty_outside_a_checkout(tmp_path):
    assert commit(tmp_path) == ""


def test_a_broken_checkout_costs_only_the_note(tmp_path):
    (tmp_path / ".git").write_text("not a repository")
    assert commit(tmp_path) == ""
