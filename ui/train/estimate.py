"""What a training will take, beside the button that starts it."""

import streamlit as st

from ui.text import literal, refusal
from ui.train.speed_measuring import measure_device
from wrn import speed
from wrn.config import RunConfig
from wrn.errors import WrnError
from wrn.jobs import JobManager
from wrn.speed import Speed
from wrn.speed.estimate import estimate


def estimate_line(jobs: JobManager, config: RunConfig) -> None:
    """Tell time and memory; offer to measure the speed that the time follows from."""
    told = estimate(config, speed.known(config, jobs.store))
    st.markdown(literal(str(told)))
    _speed(jobs, config, told.speed)
    if told.warning:
        st.warning(told.warning)


def _speed(jobs: JobManager, config: RunConfig, known: Speed | None) -> None:
    """Tell where the speed comes from, beside the button that measures it."""
    busy = bool(jobs.live())
    if known:
        told = literal(str(known))
    elif busy:
        told = "The training under way will tell, after its first epoch."
    else:
        told = (
            "Trains a small network on noise for some seconds; a finished epoch of any "
            "training tells as well."
        )
    with st.container(horizontal=True, vertical_alignment="center"):
        if known:
            st.caption(told, width="content")
        pressed = st.button(
            "Measure this device",
            help="Trains a small network on noise for some seconds. What it tells "
            "counts in place of older runs.",
            type="tertiary" if known else "secondary",
            disabled=busy,
            key="measure",
        )
        if not known:
            st.caption(told, width="stretch")
    if pressed and not busy:
        try:
            measure_device(config.train, jobs.store.root)
        except WrnError as error:
            st.error(refusal(error))
        else:
            st.rerun()
