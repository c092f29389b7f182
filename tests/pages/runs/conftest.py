"""What the tests of the Runs page begin with."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.app_page import open_page


@pytest.fixture
def page() -> AppTest:
    return open_page("runs")
