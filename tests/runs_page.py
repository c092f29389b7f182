"""The Runs page, opened without a browser."""

from streamlit.testing.v1 import AppTest

from tests.conftest import ROOT


def open_runs() -> AppTest:
    """Open the dashboard and go to Runs, which is to be run next."""
    app = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=60).run()
    return app.switch_page("pages/runs.py")


def open_run(page: AppTest, name: str) -> AppTest:
    """Follow a link to a run."""
    page.query_params["run"] = name
    return page.run()
