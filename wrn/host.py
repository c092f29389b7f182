"""What this machine has, told without TensorFlow. Linux tells; others keep silent."""

import re
from pathlib import Path

#: CPU flags, as Linux spells them, of units that multiply bfloat16.
_BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}


def has_nvidia_driver() -> bool:
    """Whether the driver of NVIDIA's GPUs is loaded."""
    return Path("/proc/driver/nvidia/version").exists()


def best_cpu_precision() -> str:
    """Return the fastest precision of the CPU, `bfloat16` or `float32`."""
    flags = _line(Path("/proc/cpuinfo"), r"flags\s*:(.*)").split()
    return "bfloat16" if _BFLOAT16_FLAGS & set(flags) else "float32"


def available_memory() -> int | None:
    """Return the bytes that a new program can take without swapping, if known."""
    kilobytes = _line(Path("/proc/meminfo"), r"MemAvailable:\s*(\d+) kB")
    return int(kilobytes) * 1024 if kilobytes else None


def _line(path: Path, pattern: str) -> str:
    """Return what the first line that matches says, or nothing."""
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return ""
    match = re.search(f"^{pattern}$", text, re.MULTILINE)
    return match.group(1) if match else ""
