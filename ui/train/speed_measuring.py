"""Measures the device's speed while the person watches a progress bar."""

import os
import subprocess
import sys
import time
from pathlib import Path

import streamlit as st

import wrn
from wrn.config import TrainConfig
from wrn.errors import RunError

#: Seconds that it usually takes, and after which it is given up.
_USUAL_SECONDS, _MOST_SECONDS = 15.0, 180.0

#: Seconds between two steps of the bar.
_TICK_SECONDS = 0.25


def command(train: TrainConfig, runs_folder: Path) -> list[str]:
    """Return the command that measures, and keeps the speed in the runs folder."""
    return [
        *(sys.executable, "-m", "wrn", "train", "--measure", "--json"),
        *("--precision", train.precision, "--devices", train.devices),
        *("--runs-folder", str(runs_folder)),
    ]


def measure_device(train: TrainConfig, runs_folder: Path) -> None:
    """Measure in a process of its own; any click breaks it off.

    Args:
        train: Says which devices, and in which precision.
        runs_folder: Where the speed is kept.

    Raises:
        RunError: If it fails or takes too long.
    """
    doing = "Measuring how fast this device trains…"
    bar = st.progress(0.0, doing)
    began = time.monotonic()
    process = subprocess.Popen(
        command(train, runs_folder),
        cwd=Path(wrn.__file__).parents[1],
        # As the training of the dashboard, which knows no other machines.
        env={k: v for k, v in os.environ.items() if k != "TF_CONFIG"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while (elapsed := time.monotonic() - began) < _MOST_SECONDS:
            try:
                _, said = process.communicate(timeout=_TICK_SECONDS)
            except subprocess.TimeoutExpired:
                # Here Streamlit breaks off when the person does something else.
                bar.progress(min(elapsed / _USUAL_SECONDS, 1.0), doing)
                continue
            if process.returncode:
                raise RunError(
                    "The device must be measured to the end. Received: "
                    + (said.strip().removeprefix("wrn: ") or "no message")
                )
            return
        raise RunError(
            f"The device must be measured within {_MOST_SECONDS:.0f} seconds. "
            "Received: no figure yet"
        )
    finally:
        bar.empty()
        if process.poll() is None:
            process.kill()
            process.communicate()
