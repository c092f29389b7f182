"""What a training will take, beside the button that starts it."""

import streamlit as st

from ui.speed_measuring import measure_device
from ui.text import literal, refusal
from wrn import speed
from wrn.config import RunConfig
from wrn.errors import WrnError
from wrn.estimate import estimate
from wrn.jobs import JobManager


def estimate_line(jobs: JobManager, config: RunConfig) -> None:
    """Tell time and memory; where the speed is not known, offer to measure it."""
    told = estimate(config, speed.known(config, jobs.store))
    st.markdown(literal(str(told)))
    if told.speed:
        st.caption(literal(str(told.speed)))
    else:
        _offer(jobs, config)
    if told.warning:
        st.warning(told.warning)


def _offer(jobs: JobManager, config: RunConfig) -> None:
    busy = bool(jobs.live())
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button("Measure this device", disabled=busy, key="measure")
        st.caption(
            "The training under way will tell, after its first epoch."
            if busy
            else "Trains a small network on noise for some seconds; a finished epoch "
            "of any training tells as well.",
            width="stretch",
        )
    if pressed and not busy:
        try:
            measure_device(config.train, jobs.store.root)
        except WrnError as error:
            st.error(refusal(error))
        else:
            st.rerun()
