"""What this machine has, told without TensorFlow."""

import re
from pathlib import Path

import psutil

from wrn.machine.cgroups import free_memory

#: CPU flags, as Linux spells them, of units that multiply bfloat16.
_BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}


def has_nvidia_driver() -> bool:
    """Whether the driver of NVIDIA's GPUs is loaded; other systems than Linux: no."""
    return Path("/proc/driver/nvidia/version").exists()


def best_cpu_precision() -> str:
    """Return the fastest precision of the CPU, `bfloat16` or `float32`.

    Only Linux tells; `float32` elsewhere.
    """
    flags = _line(Path("/proc/cpuinfo"), r"flags\s*:(.*)").split()
    return "bfloat16" if _BFLOAT16_FLAGS & set(flags) else "float32"


def available_memory() -> int:
    """Return the bytes that this process can take without swapping or being killed."""
    limit = free_memory()
    available = int(psutil.virtual_memory().available)
    return available if limit is None else min(available, limit)


def _line(path: Path, pattern: str) -> str:
    """Return what the first line that matches says, or nothing."""
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return ""
    match = re.search(f"^{pattern}$", text, re.MULTILINE)
    return match.group(1) if match else ""
