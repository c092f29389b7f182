"""The memory that a container or a batch job still may take."""

from pathlib import Path

import pytest

from wrn.machine import host
from wrn.machine.cgroups import free_memory

MIB = 1 << 20


def group(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def version_2(limit: str, usage: int, cached: int = 0) -> dict[str, str]:
    return {
        "memory.max": f"{limit}\n",
        "memory.current": f"{usage}\n",
        "memory.stat": f"anon 5\ninactive_file {cached}\nactive_file 7\n",
    }


def membership(folder: Path, text: str) -> Path:
    path = folder / "cgroup"
    path.write_text(text)
    return path


def test_what_a_container_may_still_take(tmp_path: Path) -> None:
    root = tmp_path / "fs"
    group(root, version_2(str(2000 * MIB), 700 * MIB, 100 * MIB))
    assert free_memory(membership(tmp_path, "0::/\n"), root) == 1400 * MIB


def test_the_narrowest_of_the_groups_around_it_counts(tmp_path: Path) -> None:
    root = tmp_path / "fs"
    group(root, {})
    group(root / "job", version_2(str(900 * MIB), 200 * MIB))
    group(root / "job" / "step", version_2(str(1000 * MIB), 100 * MIB))
    group(root / "job" / "step" / "task", version_2("max", 90 * MIB))
    listed = membership(tmp_path, "0::/job/step/task\n")
    assert free_memory(listed, root) == 700 * MIB


def test_version_1_beside_version_2(tmp_path: Path) -> None:
    root = tmp_path / "fs"
    group(
        root / "memory" / "job",
        {
            "memory.limit_in_bytes": f"{512 * MIB}\n",
            "memory.usage_in_bytes": f"{300 * MIB}\n",
            "memory.stat": f"inactive_file 3\ntotal_inactive_file {50 * MIB}\n",
        },
    )
    listed = membership(tmp_path, "12:cpu,cpuacct:/other\n9:memory:/job\n0::/\n")
    assert free_memory(listed, root) == 262 * MIB


def test_path_of_the_host_inside_a_container(tmp_path: Path) -> None:
    root = tmp_path / "fs"
    group(root, version_2(str(100 * MIB), 40 * MIB))
    listed = membership(tmp_path, "0::/docker/4711\n")
    assert free_memory(listed, root) == 60 * MIB


def test_limit_that_is_passed_leaves_nothing(tmp_path: Path) -> None:
    root = tmp_path / "fs"
    group(root, version_2(str(100 * MIB), 140 * MIB))
    assert free_memory(membership(tmp_path, "0::/\n"), root) == 0


@pytest.mark.parametrize("text", ["", "0::/\n", "0::/../../..\n", "nonsense\n0\n::\n"])
def test_without_a_limit(tmp_path: Path, text: str) -> None:
    root = tmp_path / "fs"
    group(root, version_2("max", 40 * MIB))
    assert free_memory(membership(tmp_path, text), root) is None
    assert free_memory(tmp_path / "absent", root) is None


def test_damaged_statistics_are_left_out(tmp_path: Path) -> None:
    root = tmp_path / "fs"
    group(
        root,
        version_2(str(100 * MIB), 40 * MIB) | {"memory.stat": "inactive_file\n\n?"},
    )
    assert free_memory(membership(tmp_path, "0::/\n"), root) == 60 * MIB


def test_the_machine_and_the_limit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "free_memory", lambda: None)
    whole = host.available_memory()
    assert whole > 100 * MIB
    monkeypatch.setattr(host, "free_memory", lambda: 100 * MIB)
    assert host.available_memory() == 100 * MIB
    monkeypatch.setattr(host, "free_memory", lambda: whole * 1000)
    assert host.available_memory() < whole * 1000
