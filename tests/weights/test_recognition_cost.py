"""What it takes to recognize a large file; `pytest -s` shows the figures."""

import json
import subprocess
import sys

import pytest

from tests import weight_files as samples
from tests.conftest import ROOT

#: Reads a file once, in a process of its own, and tells what that took.
PROGRAM = """
import json, resource, sys, time
from wrn import weights
usage = lambda: [resource.getrusage(who) for who in
                 (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
cpu = lambda: sum(u.ru_utime + u.ru_stime for u in usage())
before, start = cpu(), time.perf_counter()
name = weights.inspect(sys.argv[1])["name"]
print(json.dumps({
    "name": name,
    "seconds": time.perf_counter() - start,
    "cpu_seconds": cpu() - before,
    "kibibytes": [u.ru_maxrss for u in usage()],
}))
"""


@pytest.fixture(scope="module")
def layers():
    return samples.wide_resnet(28, 10)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="units of ru_maxrss")
@pytest.mark.parametrize(
    "write", [samples.write_weights_h5, samples.write_legacy, samples.write_keras_1]
)
def test_a_large_file_takes_less_than_three_times_its_size(tmp_path, layers, write):
    path = write(tmp_path / "file", layers)
    size = path.stat().st_size
    assert size > 140e6
    done = subprocess.run(
        # Started from here, its memory would begin with that of this very process,
        # which Linux counts across `exec`.
        ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", PROGRAM, str(path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    took = json.loads(done.stdout)
    assert took["name"] == "WRN-28-10"
    # Of this process and of the child, as if both were at their peaks at once.
    memory = 1024 * sum(took["kibibytes"])
    print(
        f"{write.__name__}: {size / 1e6:.0f} MB, {took['seconds']:.2f} s, "
        f"{took['cpu_seconds']:.2f} s CPU, {memory / size:.2f} times the file "
        f"({took['kibibytes']} KiB)"
    )
    assert memory < 3 * size
