"""How busy this machine is: processors, memory, GPUs."""

import os
import threading
from dataclasses import dataclass
from functools import cache

import psutil
import pynvml


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One NVIDIA GPU.

    Attributes:
        name: What it is called.
        load: Fraction of the time that it computed, 0 to 1.
        memory_used_bytes: Memory in use, by any program.
        memory_bytes: Memory in all.
    """

    name: str
    load: float
    memory_used_bytes: int
    memory_bytes: int


@dataclass(frozen=True, kw_only=True)
class Usage:
    """How busy the machine is.

    Attributes:
        cpu_load: Fraction of all processors' time in use since the last reading, or
            the one before if that is less than half a second ago, 0 to 1; 0 at the
            first.
        memory_used_bytes: Memory in use, by any program.
        memory_bytes: Memory in all.
        process_bytes: Memory of this process.
        gpus: The NVIDIA GPUs; none where there is no driver.
    """

    cpu_load: float
    memory_used_bytes: int
    memory_bytes: int
    process_bytes: int
    gpus: tuple[Gpu, ...] = ()


#: Seconds over which a load is measured at least.
_SHORTEST_SECONDS = 0.5


class _Processors:
    """The load of all processors since the last reading, whoever took that.

    `psutil.cpu_percent` remembers the last reading of each thread, and Streamlit takes
    another thread for each update.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._load = self._busy = self._all = 0.0

    def load(self) -> float:
        """Return the fraction of the time in use, 0 to 1."""
        times = psutil.cpu_times()
        # Linux counts the time of guests within that of their host, too.
        guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        total = sum(times) - guests
        busy = total - times.idle - getattr(times, "iowait", 0.0)
        with self._lock:
            if not self._all:
                self._busy, self._all = busy, total
            elif total - self._all >= _SHORTEST_SECONDS * (psutil.cpu_count() or 1):
                self._load = (busy - self._busy) / (total - self._all)
                self._busy, self._all = busy, total
            return min(max(self._load, 0.0), 1.0)


_processors = _Processors()


def read_usage() -> Usage:
    """Read how busy the machine is. Takes some milliseconds."""
    memory = psutil.virtual_memory()
    return Usage(
        cpu_load=_processors.load(),
        memory_used_bytes=memory.total - memory.available,
        memory_bytes=memory.total,
        process_bytes=psutil.Process(os.getpid()).memory_info().rss,
        gpus=_gpus(),
    )


def _gpus() -> tuple[Gpu, ...]:
    if not _has_driver():
        return ()
    try:
        return tuple(
            _gpu(pynvml.nvmlDeviceGetHandleByIndex(index))
            for index in range(pynvml.nvmlDeviceGetCount())
        )
    except pynvml.NVMLError:
        # A GPU that was lost, or one that tells nothing, is no reason to fail.
        return ()


def _gpu(handle: object) -> Gpu:
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    return Gpu(
        name=str(pynvml.nvmlDeviceGetName(handle)),
        load=pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100,
        memory_used_bytes=memory.used,
        memory_bytes=memory.total,
    )


@cache
def _has_driver() -> bool:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return False
    return True
