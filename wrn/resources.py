"""How busy this machine is: processors, memory, GPUs."""

import os
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
        cpu_load: Fraction of all processors' time in use since the last reading, 0 to
            1; 0 at the first.
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


def read_usage() -> Usage:
    """Read how busy the machine is. Takes some milliseconds."""
    memory = psutil.virtual_memory()
    return Usage(
        cpu_load=psutil.cpu_percent() / 100,
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
