"""A second network beside the first."""

import streamlit as st

from ui import state
from ui.address import bring_back, keep
from ui.architecture.network import group_shares
from ui.text import refusal
from wrn.architecture import Architecture, describe
from wrn.architecture.comparison import compare, network_named
from wrn.architecture.published import PRESETS
from wrn.errors import ConfigError
from wrn.text import ratio


def comparison(architecture: Architecture) -> None:
    """Offer to compare a network with a published one."""
    bring_back(state.VERSUS)
    name = st.selectbox(
        "Compare with",
        [preset.name for preset in PRESETS],
        index=None,
        placeholder="Another network, such as WRN-22-4",
        accept_new_options=True,
        help="Choose one with published results, or type the name of any other. The "
        "choice lives in the address.",
        width=300,
        key=state.VERSUS,
        bind="query-params",
    )
    keep(state.VERSUS)
    if name is None:
        return
    try:
        other = describe(network_named(name))
    except ConfigError as error:
        st.error(refusal(error))
        return
    first, second = architecture.config.title, other.config.title
    st.dataframe(
        [
            {
                "": row.label,
                first: row.first_in_words,
                second if second != first else f"{second} ": row.second_in_words,
                "Ratio": "" if row.ratio is None else f"{ratio(row.ratio)}×",
            }
            for row in compare(architecture.config, other.config)
        ],
        hide_index=True,
        key="comparison_table",
    )
    left, right = st.columns(2, gap="medium")
    for column, network in ((left, architecture), (right, other)):
        with column:
            st.markdown(f"**{network.config.title}**")
            group_shares(
                network, key=f"shares_{'first' if column is left else 'second'}"
            )
