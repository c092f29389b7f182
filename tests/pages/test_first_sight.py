"""Opening a page that works with networks takes no time: TensorFlow comes later."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.pages.weights import empty_models, write_weights

CODE = """
import sys
from streamlit.testing.v1 import AppTest
page = AppTest.from_file("dashboard.py", default_timeout=60).run()
page.switch_page(sys.argv[1]).run()
assert "WRN-10-1" in str([m.value.replace(chr(92), "") for m in page.markdown])
print(sorted({"tensorflow", "keras"} & set(sys.modules)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("page", ["pages/evaluate.py", "pages/classify.py"])
def test_opening_a_page_loads_no_tensorflow(tmp_path, monkeypatch, page):
    write_weights(empty_models(tmp_path, monkeypatch) / "ours.weights.h5")
    done = subprocess.run(
        [sys.executable, "-c", CODE, page], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
