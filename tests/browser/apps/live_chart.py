"""A chart that gets ten points more twice a second, as the Train page does."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2]))

import numpy as np  # noqa: E402
import streamlit as st  # noqa: E402

from ui import charts, live_chart  # noqa: E402

# Streamlit serves the folder beside the script that it runs.
live_chart.STATIC = HERE / "static"


@st.fragment(run_every=0.5)
def live() -> None:
    ticks = st.session_state["ticks"] = st.session_state.get("ticks", 2) + 1
    x, epochs = np.arange(10 * ticks) / 10, np.arange(ticks + 1.0)
    curves = {
        "loss": (x, 2.3 * np.exp(-x / 10)),
        "accuracy": (x, 1 - 0.9 * np.exp(-x / 10)),
        "learning_rate": (x, np.full_like(x, 0.1)),
        "test_loss": (epochs, 2.3 * np.exp(-epochs / 12)),
        "test_accuracy": (epochs, 1 - 0.9 * np.exp(-epochs / 12)),
    }
    live_chart.live_chart(
        charts.training_curves(curves),
        key="curves",
        height=560,
        alt="Loss and accuracy by epoch",
    )
    # After the chart: a reader of this number knows that the chart was sent.
    st.text(f"Update {ticks}")


live()
