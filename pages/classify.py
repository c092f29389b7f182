"""See what a network says of one picture, and why."""

import streamlit as st

from ui import state
from ui.choices.picture import choose_picture
from ui.choices.recognized import recognize, tell_notes
from ui.choices.weights import choose_weights
from ui.evaluation.classification import show
from ui.evaluation.result import found_out
from ui.navigation import require_frame
from ui.text import refusal
from wrn.errors import WrnError

require_frame()

st.title("Classify")
st.caption("See what a network says of one picture, where it looks and what it sees.")

left, right = st.columns(2, gap="large")
with left:
    chosen = choose_weights()
    recognized = chosen and recognize(chosen)
    notes = []
    if chosen and recognized:
        known = found_out(st.session_state.get(state.EVALUATED), chosen.identity)
        notes = tell_notes(chosen, recognized, known)
try:
    with right:
        picture = choose_picture()
    if st.button("Classify", type="primary", disabled=not (recognized and picture)):
        st.session_state[state.CLASSIFYING] = True
    # From then on each other choice is answered at once.
    if chosen and recognized and picture and st.session_state.get(state.CLASSIFYING):
        show(chosen, picture, notes)
except WrnError as error:
    st.error(refusal(error))
