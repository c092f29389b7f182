"""What was tried of a weight file that does not record all."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

#: Rows that are seen without scrolling.
ROWS = 8


def show_diagnosis(diagnosis: Mapping[str, Any]) -> None:
    """Show the table of what was tried, the winner first.

    Args:
        diagnosis: What `wrn.evaluation.diagnosis.Diagnosis.to_dict` returned.
    """
    if diagnosis["random"]:
        st.warning(diagnosis["sentence"])
    trials = diagnosis["trials"]
    label = f"Inferred from {len(trials)} combinations"
    with st.expander("Tried in vain" if diagnosis["random"] else label):
        st.dataframe(
            [{**trial, "accuracy": 100 * trial["accuracy"]} for trial in trials],
            hide_index=True,
            height=35 * (1 + min(len(trials), ROWS)) + 3,
            column_config={
                "kernels": "Kernels",
                "statistics": "Statistics",
                "dense rows": "Dense rows",
                "wiring": "Wiring",
                "padding": "Padding",
                "preprocessing": "Preprocessing",
                "colours": "Colours",
                "images": st.column_config.NumberColumn(
                    "Images", help="Training images. The best go on to more of them."
                ),
                "accuracy": st.column_config.NumberColumn("Accuracy", format="%.1f%%"),
                "misfit": st.column_config.NumberColumn(
                    "Misfit",
                    format="%.3f",
                    help="How far the inputs of batch normalization are from the "
                    "statistics in the file, in nats a channel; 0 fits. Decides "
                    "between the best where their accuracy does not.",
                ),
            },
        )
