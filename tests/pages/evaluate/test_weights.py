"""Which weights the Evaluate page reads: stored ones, uploads, and those of links."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests import weight_files
from tests.pages.app_page import downloads, metrics, text_of
from tests.pages.weights import (
    ANSWER,
    evaluate,
    open_evaluate,
    write_weights,
)
from ui.chosen_weights import ChosenWeights
from ui.evaluation.converted_download import converted
from wrn import weights
from wrn.weights.meaning import settled_before

pytestmark = pytest.mark.slow


def test_a_link_chooses_the_weights(models):
    for name in ("a", "b"):
        write_weights(models / f"{name}.weights.h5")
    assert open_evaluate("b").selectbox(key="weights").value == "b"


def test_a_link_to_weights_that_are_gone_says_so(models):
    write_weights(models / "a.weights.h5")
    app = open_evaluate("![x](http://example.com)")
    assert app.selectbox(key="weights").value == "a"
    assert "no weights called" in app.warning[0].value
    assert "![x](" not in app.warning[0].value


def test_upload_is_evaluated_and_leaves_no_file(images, tmp_path, temporary):
    content = write_weights(tmp_path / "mine.weights.h5").read_bytes()
    app = open_evaluate()
    app.file_uploader(key="upload").upload("../../mine.h5", content).run()
    assert "WRN-10-1" in text_of(app)
    evaluate(app)
    assert not app.exception
    expected = (images == ANSWER).mean()
    assert metrics(app)["Accuracy (synthetic)"] == f"{expected:.2%}"
    assert "mine.h5" in text_of(app)
    assert list(temporary.iterdir()) == []


def test_an_upload_is_there_until_it_is_removed(models, tmp_path):
    write_weights(models / "ours.weights.h5")
    content = write_weights(tmp_path / "mine.weights.h5").read_bytes()
    app = open_evaluate("Upload a file")

    def is_ready(label):
        return [not b.disabled for b in app.button if b.label == label] == [True]

    assert not is_ready("Evaluate")
    app.file_uploader(key="upload").upload("mine.h5", content).run()
    # Other weights in between, and another page.
    app.selectbox(key="weights").set_value("ours").run()
    app.selectbox(key="weights").set_value("Upload a file").run()
    assert is_ready("Evaluate")
    app.switch_page("pages/classify.py").run()
    app.selectbox(key="weights").set_value("Upload a file").run()
    assert not app.file_uploader(key="upload").value
    assert "mine.h5" in text_of(app)
    assert is_ready("Classify")
    # Another one takes its place; removed from the box, none is left.
    own = write_weights(tmp_path / "own.h5", write=weight_files.write_keras_1)
    app.file_uploader(key="upload").upload("own.h5", own.read_bytes()).run()
    assert "mine.h5" not in text_of(app)
    app.file_uploader(key="upload").clear().run()
    assert "own.h5" not in text_of(app)
    assert not is_ready("Classify")
    # One whose box is gone has a button.
    app.file_uploader(key="upload").upload("own.h5", own.read_bytes()).run()
    app.switch_page("pages/evaluate.py").run()
    app.selectbox(key="weights").set_value("Upload a file").run()
    assert is_ready("Evaluate")
    app.button(key="remove_uploaded").click().run()
    assert not is_ready("Evaluate")
    assert "uploaded" not in app.session_state


def test_two_uploads_of_one_name_are_told_apart(tmp_path):
    app = open_evaluate("Upload a file")
    for classes in (10, 100):
        content = write_weights(tmp_path / "x.h5", classes).read_bytes()
        app.file_uploader(key="upload").upload("x.h5", content).run()
        assert f":gray[Classes]  \n{classes}" in text_of(app)


def test_weights_in_the_place_of_others_are_read_anew(models):
    path, sizes = models / "ours.weights.h5", set()
    app = None
    for second, name in enumerate(("Before", "Behind")):

        def write(path, layers, name=name):
            told = {"metadata": {"data": {"name": name}}, "own_names": True}
            return weight_files.write_weights_h5(path, layers, **told)

        write_weights(path, write=write)
        os.utime(path, (second, second))
        sizes.add(path.stat().st_size)
        app = app.run() if app else open_evaluate()
        assert f":gray[Trained on]  \n{name}" in text_of(app)
    assert len(sizes) == 1


def test_upload_of_another_program_is_offered_as_an_own_file(tmp_path, temporary):
    path = write_weights(tmp_path / "file", write=weight_files.write_keras_1)
    app = open_evaluate()
    app.file_uploader(key="upload").upload("../x.h5", path.read_bytes()).run()
    assert not app.exception
    assert downloads(app) == ["Download as this program's own file"]

    with path.open("rb") as file:
        chosen = ChosenWeights("../x.h5", "any", content=file.read())
    content = converted(chosen)
    assert list(temporary.iterdir()) == []
    app.file_uploader(key="upload").upload("own.h5", content).run()
    assert not app.exception
    assert "this program" in text_of(app)
    assert downloads(app) == []
    written = tmp_path / "converted"
    written.write_bytes(content)
    before, after = (weights.recognize(weights.read(p)) for p in (path, written))
    assert before.conversions
    assert after.conversions == settled_before({"assumed": ["statistics"]})
    assert after.wiring == before.wiring
    for name, arrays in before.arrays.items():
        for role, array in arrays.items():
            np.testing.assert_array_equal(after.arrays[name][role], array)


@pytest.mark.parametrize(
    ("evaluated", "random", "recorded"),
    [("these", False, True), ("these", True, False), ("others", False, False)],
)
def test_what_was_found_out_of_these_very_weights_is_recorded(
    evaluated, random, recorded
):
    def page(identity, random):
        from types import SimpleNamespace

        from ui.chosen_weights import ChosenWeights
        from ui.evaluation.converted_download import offer_converted
        from ui.evaluation.result import found_out

        diagnosis = SimpleNamespace(random=random)
        result = SimpleNamespace(identity=identity, diagnosis=diagnosis)
        chosen = ChosenWeights("x.h5", "these", content=b"")
        report = {"name": "WRN-10-1", "writer": "Keras 2.15.0"}
        offer_converted(chosen, report, found_out(result, chosen.identity))

    settings = {"identity": evaluated, "random": random}
    (button,) = AppTest.from_function(page, kwargs=settings).run().download_button
    assert ("found out is recorded with it" in button.help) == recorded


def test_what_was_assumed_counts_no_more_once_it_is_found_out():
    def page(knows):
        from types import SimpleNamespace

        from ui.choices.recognized import tell_notes
        from ui.chosen_weights import ChosenWeights

        loaded = SimpleNamespace(notes=("as it is", "tried in all"))
        known = SimpleNamespace(loaded=loaded, sentence="tried in all")
        chosen = ChosenWeights("x.h5", "these", content=b"")
        tell_notes(chosen, {"notes": ["as assumed"]}, known if knows else None)

    for knows, told in ((True, "as it is"), (False, "as assumed")):
        app = AppTest.from_function(page, kwargs={"knows": knows}).run()
        assert [caption.value for caption in app.caption] == [told]


def test_stored_weights_are_not_offered_for_download(models):
    write_weights(models / "ours.weights.h5")
    assert downloads(open_evaluate()) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"not weights at all", "text"),
        (b"", "empty file"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "damaged"),
    ],
)
def test_upload_that_is_no_weight_file_is_refused(temporary, content, reason):
    app = open_evaluate()
    app.file_uploader(key="upload").upload("x.h5", content).run()
    assert not app.exception
    assert reason in app.error[0].value
    assert list(temporary.iterdir()) == []
    assert [b.disabled for b in app.button if b.label == "Evaluate"] == [True]


@pytest.mark.parametrize(
    ("epochs", "accuracy"),
    [(float("nan"), float("nan")), (10**400, 17.5), ("x", {})],
    ids=("no numbers", "huge", "other types"),
)
def test_odd_figures_of_a_file_are_not_shown(models, epochs, accuracy):
    def write(path, layers):
        told = {"result": {"epochs": epochs, "test_accuracy": accuracy}}
        return weight_files.write_weights_h5(path, layers, metadata=told)

    write_weights(models / "odd.weights.h5", write=write)
    app = open_evaluate()
    assert not app.exception
    assert "WRN-10-1" in text_of(app)
    assert "Epochs" not in text_of(app)
    assert "Accuracy then" not in text_of(app)


def test_upload_of_another_network_is_refused(tmp_path):
    path = weight_files.write_weights_h5(tmp_path / "x.h5", weight_files.plain_cnn())
    app = open_evaluate()
    app.file_uploader(key="upload").upload("x.h5", path.read_bytes()).run()
    assert not app.exception
    assert "Received" in app.error[0].value


def test_upload_that_is_too_large_is_refused(monkeypatch):
    app = open_evaluate()
    monkeypatch.setattr("ui.choices.weights.MEBIBYTE", 1)
    # Refused before anything is made of it.
    monkeypatch.delattr("ui.choices.recognized.inspect_weights")
    app.file_uploader(key="upload").upload("x.h5", bytes(1000)).run()
    assert not app.exception
    assert "at most 450 B. Received: 1 KB" in text_of(app)


# The address names no weights where they are the first.
@pytest.mark.parametrize(("linked", "gone"), [("b", "b"), (None, "a")])
def test_weights_that_are_gone_are_not_measured_as_others(models, images, linked, gone):
    for name in ("a", "b"):
        write_weights(models / f"{name}.weights.h5")
    app = open_evaluate(linked)
    # Another person deletes them before the click.
    (models / f"{gone}.weights.h5").unlink()
    evaluate(app)
    assert not app.exception
    assert f"no weights called {gone}" in app.warning[0].value
    assert not app.metric
    # What the box shows now is measured.
    evaluate(app)
    assert metrics(app)


@pytest.mark.skipif(sys.platform != "linux", reason="Others refuse such a name.")
def test_weights_whose_name_nothing_can_encode_are_shown(models):
    odd = Path(os.fsdecode(os.fsencode(models) + b"/\xffa.weights.h5"))
    write_weights(models / "a.weights.h5").rename(odd)
    page = open_evaluate()
    assert not page.exception
    assert page.selectbox(key="weights").value == "?a"
    assert "WRN-10-1" in text_of(page)
