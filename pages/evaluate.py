"""Measure stored, trained or uploaded weights on test images."""

import streamlit as st

from ui import state
from ui.choices.images import choose_flip, choose_images, offer_synthetic
from ui.choices.recognized import recognize, tell_notes
from ui.choices.weights import choose_weights
from ui.evaluation.converted_download import offer_converted
from ui.evaluation.measuring import measure
from ui.evaluation.result import found_out, show
from ui.navigation import require_frame
from ui.text import refusal
from wrn.errors import DataError, WrnError

require_frame()

st.title("Evaluate")
st.caption("Measure how well stored, trained or uploaded weights classify test images.")

left, right = st.columns(2, gap="large")
with left:
    chosen = choose_weights()
with right:
    data = choose_images()
    flip = choose_flip()
recognized = chosen and recognize(chosen)
told = st.container()

pressed = st.button("Evaluate", type="primary", disabled=not recognized)
# Not others than those that stood there when the button was pressed.
if pressed and chosen and not chosen.substitute:
    st.session_state[state.EVALUATED] = None
    progress = st.empty()
    try:
        with progress.container():
            measure(chosen, data, flip=flip)
        progress.empty()
    except WrnError as error:
        progress.error(refusal(error))
        if isinstance(error, DataError):
            offer_synthetic(data)

result = st.session_state.get(state.EVALUATED)
notes = []
if chosen and recognized:
    known = found_out(result, chosen.identity)
    with told:
        notes = tell_notes(chosen, recognized, known)
        offer_converted(chosen, recognized, known)
if result:
    show(result, said=notes, chosen=chosen.identity if chosen else None)
