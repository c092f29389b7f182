"""What lives in the address is kept while another page is shown."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture
def page(monkeypatch) -> AppTest:
    monkeypatch.setenv("WRN_DATA", "synthetic")
    app = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=60)
    return app.run()


def level(app: AppTest) -> str:
    return app.segmented_control(key="level").value


def test_level_and_second_network_are_kept_for_the_next_visit(page):
    page.segmented_control(key="level").set_value("blocks").run()
    page.selectbox(key="versus").set_value("WRN-28-10").run()
    page.switch_page("pages/train.py").run()
    page.switch_page("pages/architecture.py").run()
    assert not page.exception
    assert level(page) == "blocks"
    assert page.selectbox(key="versus").value == "WRN-28-10"
    # A change afterwards is a change.
    page.segmented_control(key="level").set_value("layers").run()
    assert level(page) == "layers"
    page.run()
    assert level(page) == "layers"


def test_what_the_address_says_comes_first(page):
    page.segmented_control(key="level").set_value("blocks").run()
    page.switch_page("pages/train.py").run()
    page.query_params["level"] = "Network"
    page.switch_page("pages/architecture.py").run()
    assert not page.exception
    assert level(page) == "network"


def test_weights_are_carried_from_page_to_page(page):
    page.switch_page("pages/evaluate.py").run()
    page.selectbox(key="weights").set_value("WRN-16-2").run()
    page.switch_page("pages/classify.py").run()
    assert page.selectbox(key="weights").value == "WRN-16-2"


def test_a_run_that_was_broken_off_leaves_nothing_that_harms(page):
    page.session_state["brought"] = {"weights": "WRN-16-2"}
    page.run()
    assert not page.exception
    assert level(page) == "layers"


def test_weights_that_are_gone_are_not_brought_back(page, tmp_path, monkeypatch):
    page.switch_page("pages/evaluate.py").run()
    page.selectbox(key="weights").set_value("WRN-16-2").run()
    page.switch_page("pages/train.py").run()
    monkeypatch.setenv("WRN_MODELS", str(tmp_path))
    page.switch_page("pages/evaluate.py").run()
    assert not page.exception
    assert page.selectbox(key="weights").value == "Upload a file"
