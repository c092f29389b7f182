"""How busy the machine is, against what the system says elsewhere."""

import mmap
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pynvml
import pytest

from wrn.machine import resources


@pytest.fixture(autouse=True)
def ask_for_the_driver_again():
    resources._has_driver.cache_clear()
    yield
    resources._has_driver.cache_clear()


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="only Linux tells")
def test_memory_is_the_systems():
    usage = resources.read_usage()
    with open("/proc/meminfo") as file:
        told = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in file}
    assert usage.memory_bytes == told["MemTotal"]
    used = told["MemTotal"] - told["MemAvailable"]
    assert usage.memory_used_bytes == pytest.approx(used, abs=2**28)
    assert 0 <= usage.cpu_load <= 1


def test_load_is_that_since_the_last_reading_of_any_thread(monkeypatch):
    Times = namedtuple("Times", "user system idle iowait guest")
    # Guests are part of what user says. Four processors, a second, half of it idle.
    readings = iter(
        [
            Times(100.0, 50.0, 1000.0, 10.0, 40.0),
            Times(101.5, 50.5, 1001.5, 10.5, 41.0),
            Times(101.6, 50.5, 1001.5, 10.5, 41.0),
            Times(105.5, 50.5, 1001.5, 10.5, 41.0),
        ]
    )
    monkeypatch.setattr(resources.psutil, "cpu_times", lambda: next(readings))
    monkeypatch.setattr(resources.psutil, "cpu_count", lambda: 4)
    processors = resources._Processors()
    with ThreadPoolExecutor(1) as other:
        loads = [processors.load(), other.submit(processors.load).result()]
    assert loads == pytest.approx([0.0, 1 / 2])
    # Too soon for another.
    assert processors.load() == loads[1]
    assert processors.load() == pytest.approx(1.0)


def test_memory_of_this_process_grows_with_what_it_holds():
    size = 2**26
    before = resources.read_usage().process_bytes
    # New pages, where the heap might have had some to spare.
    with mmap.mmap(-1, size) as held:
        held[:: mmap.PAGESIZE] = bytes(size // mmap.PAGESIZE)
        grown = resources.read_usage().process_bytes - before
    assert grown == pytest.approx(size, rel=0.2)


def test_without_a_driver_there_are_no_gpus(monkeypatch):
    def missing():
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", missing)
    assert resources.read_usage().gpus == ()


@pytest.fixture
def gpu(monkeypatch):
    """Stand in for a machine with one GPU."""
    answers = {
        "nvmlInit": None,
        "nvmlDeviceGetCount": 1,
        "nvmlDeviceGetHandleByIndex": "handle",
        "nvmlDeviceGetName": "A GPU",
        "nvmlDeviceGetMemoryInfo": SimpleNamespace(used=3, total=8),
        "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=75),
    }
    for name, answer in answers.items():
        monkeypatch.setattr(pynvml, name, lambda *_, answer=answer: answer)


def test_a_gpu_is_told(gpu):
    (told,) = resources.read_usage().gpus
    assert told == resources.Gpu(
        name="A GPU", load=0.75, memory_used_bytes=3, memory_bytes=8
    )


def test_a_gpu_that_is_lost_is_no_failure(gpu, monkeypatch):
    def lost(handle):
        raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)

    monkeypatch.setattr(pynvml, "nvmlDeviceGetMemoryInfo", lost)
    assert resources.read_usage().gpus == ()
