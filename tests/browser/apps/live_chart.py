"""A chart that gets ten points more twice a second, as the Train page does."""

import math
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2]))

import streamlit as st  # noqa: E402

from ui import charts, live_chart  # noqa: E402

# Streamlit serves the folder beside the script that it runs.
live_chart.STATIC = HERE / "static"


@st.fragment(run_every=0.5)
def live() -> None:
    ticks = st.session_state["ticks"] = st.session_state.get("ticks", 2) + 1
    points = [
        {
            "epoch": step / 10,
            "loss": 2.3 * math.exp(-step / 100),
            "accuracy": 1 - 0.9 * math.exp(-step / 100),
            "learning_rate": 0.1,
        }
        for step in range(10 * ticks)
    ] + [
        {
            "epoch": float(epoch),
            "test_loss": 2.3 * math.exp(-epoch / 12),
            "test_accuracy": 1 - 0.9 * math.exp(-epoch / 12),
        }
        for epoch in range(ticks + 1)
    ]
    live_chart.live_chart(
        charts.training_curves(points),
        key="curves",
        height=560,
        alt="Loss and accuracy by epoch",
    )
    # After the chart: a reader of this number knows that the chart was sent.
    st.text(f"Update {ticks}")


live()
