"""How busy the machine is, in one line."""

import streamlit as st

from ui.text import literal
from wrn.machine.resources import read_usage
from wrn.text import gigabytes


def machine_line() -> None:
    """Tell the load of processors and GPUs, and the memory in use."""
    usage = read_usage()
    parts = [
        f"Processors {usage.cpu_load:.0%} busy",
        f"memory {_of(usage.memory_used_bytes, usage.memory_bytes)} in use, "
        f"{gigabytes(usage.process_bytes)} by this program",
    ]
    parts += [
        f"{literal(gpu.name)} {gpu.load:.0%} busy, memory "
        f"{_of(gpu.memory_used_bytes, gpu.memory_bytes)}"
        for gpu in usage.gpus
    ]
    st.caption(" · ".join(parts))


def _of(used: int, total: int) -> str:
    return f"{gigabytes(used)} of {gigabytes(total)}"
