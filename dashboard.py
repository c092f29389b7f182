"""The dashboard's router. Start it with `streamlit run dashboard.py`."""

import streamlit as st

from ui import address, after_rerun, navigation, replaced_runs

after_rerun.spare_modules()
after_rerun.spare_keras()
replaced_runs.keep_clicks()
page = navigation.navigation()
st.set_page_config(
    page_title=f"{page.title} · Wide ResNets",
    page_icon=navigation.LOGO,
    layout="wide",
)
st.logo(navigation.LOGO, size="large")
address.arrive(page.title)
page.run()
