"""The Evaluate page, without a browser.

The network under test always answers "class 3", so its accuracy is the share of
class 3 among the labels.
"""

import dataclasses
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from scipy.stats import binomtest
from streamlit.testing.v1 import AppTest

from tests import weight_files
from tests.app_page import metrics, text_of
from tests.conftest import ROOT
from tests.page_weights import (
    ANSWER,
    empty_models,
    write_weights,
)
from ui.chosen_weights import ChosenWeights
from ui.converted_download import converted
from wrn import weights
from wrn.config import DataConfig, ModelConfig, RunConfig
from wrn.data import Dataset, sources
from wrn.evaluation import Evaluation
from wrn.runs import RunStore

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def models(tmp_path, monkeypatch) -> Path:
    """An empty folder of stored weights, and nothing kept from other tests."""
    return empty_models(tmp_path, monkeypatch)


@pytest.fixture
def images(dataset: Dataset, monkeypatch) -> np.ndarray:
    """Stand in for the synthetic images; return the labels of the test images."""
    monkeypatch.setitem(sources._kept, ("synthetic", "synthetic"), dataset)
    return dataset.test.labels


@pytest.fixture
def open_page():
    def open_page(weights: str | None = None) -> AppTest:
        app = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=120)
        if weights is not None:
            app.query_params["weights"] = weights
        app.run()
        return app.switch_page("pages/evaluate.py").run()

    return open_page


def evaluate(app: AppTest) -> AppTest:
    button = next(button for button in app.button if button.label == "Evaluate")
    assert not button.disabled
    return button.click().run()


def test_with_nothing_stored_a_file_is_asked_for(open_page):
    app = open_page()
    assert not app.exception
    assert app.selectbox(key="weights").value == "Upload a file"
    assert "no stored weights and no runs yet" in text_of(app)
    assert [b.disabled for b in app.button if b.label == "Evaluate"] == [True]


def test_stored_weights_with_their_card(open_page, models, images):
    write_weights(models / "ours.weights.h5")
    card = {"recipe": "by hand", "test_accuracy": 0.1234, "note": "Only *a* test."}
    (models / "ours.json").write_text(json.dumps(card))
    app = open_page()
    assert app.selectbox(key="weights").value == "ours"
    for part in ("WRN-10-1", "by hand", "12.34%", "Only *a* test."):
        assert part in text_of(app)

    evaluate(app)
    assert not app.exception
    expected = (images == ANSWER).mean()
    assert metrics(app)["Accuracy (synthetic)"] == f"{expected:.2%}"
    assert metrics(app)["Images"] == f"{len(images)}"
    assert metrics(app)["On its card"] == "12.34%"
    assert text_of(app).count("Only *a* test.") == 1
    assert "Synthetic images" in app.warning[0].value
    # Nothing was published about such images.
    assert "Published" not in metrics(app)

    # A result that stays beside other weights says whose it is.
    write_weights(models / "theirs.weights.h5")
    assert "This result is of" not in text_of(app)
    app.run()
    app.selectbox(key="weights").set_value("theirs").run()
    assert "This result is of ours. Press **Evaluate**" in text_of(app)


@pytest.mark.parametrize(
    ("held_out", "label"),
    [("test", "Accuracy then"), ("validation", "Validation accuracy then")],
)
def test_what_a_training_measured_is_named(open_page, models, held_out, label):
    def write(path, layers):
        result = {"epochs": 3, "test_accuracy": 0.5, "held_out": held_out}
        told = {"metadata": {"result": result}, "own_names": True}
        return weight_files.write_weights_h5(path, layers, **told)

    write_weights(models / "ours.weights.h5", write=write)
    assert f":gray[{label}]  \n50.00%" in text_of(open_page("ours"))


def test_calibration_flip_and_files(open_page, models, images):
    write_weights(models / "ours.weights.h5")
    card = {"test_accuracy": 0.1234, "test_accuracy_flip": 0.2345}
    (models / "ours.json").write_text(json.dumps(card))
    app = open_page()
    app.checkbox(key="flip").check().run()
    evaluate(app)
    assert not app.exception
    assert "averaged with its mirror image" in text_of(app)
    # Like is compared with like.
    assert metrics(app)["On its card"] == "23.45%"
    # It always answers one class, with one probability.
    sure = np.e / (np.e + 9)
    gap = abs((images == ANSWER).mean() - sure)
    assert metrics(app)["Calibration error"] == f"{gap:.2%}"
    files = {"Report as JSON", "Report as a page", "Predictions as CSV"}
    assert files <= set(downloads(app))


@pytest.mark.slow
def test_what_is_not_recorded_is_tried(open_page, models, images, monkeypatch):
    monkeypatch.setattr("wrn.diagnosis.WHITENING_BELOW", -1.0)
    write_weights(models / "bare.weights.h5", write=weight_files.write_weights_h5)
    app = evaluate(open_page())
    assert not app.exception
    assert any("none is much better than guessing" in w.value for w in app.warning)
    assert not any("better than guessing" in caption.value for caption in app.caption)
    table = app.dataframe[0].value
    assert {"kernels", "statistics", "preprocessing", "colours"} <= set(table)
    # Seven ways to preprocess, each in both orders of the colours; the best four with
    # the other padding, too.
    assert len(table) == 18
    assert metrics(app)["Accuracy (synthetic)"] == f"{(images == ANSWER).mean():.2%}"


def test_a_link_chooses_the_weights(open_page, models):
    for name in ("a", "b"):
        write_weights(models / f"{name}.weights.h5")
    assert open_page("b").selectbox(key="weights").value == "b"


def test_a_link_to_weights_that_are_gone_says_so(open_page, models):
    write_weights(models / "a.weights.h5")
    app = open_page("![x](http://example.com)")
    assert app.selectbox(key="weights").value == "a"
    assert "no weights called" in app.warning[0].value
    assert "![x](" not in app.warning[0].value


def test_upload_is_evaluated_and_leaves_no_file(open_page, images, tmp_path, temporary):
    content = write_weights(tmp_path / "mine.weights.h5").read_bytes()
    app = open_page()
    app.file_uploader(key="upload").upload("../../mine.h5", content).run()
    assert "WRN-10-1" in text_of(app)
    evaluate(app)
    assert not app.exception
    expected = (images == ANSWER).mean()
    assert metrics(app)["Accuracy (synthetic)"] == f"{expected:.2%}"
    assert "mine.h5" in text_of(app)
    assert list(temporary.iterdir()) == []


def test_an_upload_is_there_until_it_is_removed(open_page, models, tmp_path):
    write_weights(models / "ours.weights.h5")
    content = write_weights(tmp_path / "mine.weights.h5").read_bytes()
    app = open_page("Upload a file")

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


def test_two_uploads_of_one_name_are_told_apart(open_page, tmp_path):
    app = open_page("Upload a file")
    for classes in (10, 100):
        content = write_weights(tmp_path / "x.h5", classes).read_bytes()
        app.file_uploader(key="upload").upload("x.h5", content).run()
        assert f":gray[Classes]  \n{classes}" in text_of(app)


def test_weights_in_the_place_of_others_are_read_anew(open_page, models):
    path, sizes = models / "ours.weights.h5", set()
    app = None
    for second, name in enumerate(("Before", "Behind")):

        def write(path, layers, name=name):
            told = {"metadata": {"data": {"name": name}}, "own_names": True}
            return weight_files.write_weights_h5(path, layers, **told)

        write_weights(path, write=write)
        os.utime(path, (second, second))
        sizes.add(path.stat().st_size)
        app = app.run() if app else open_page()
        assert f":gray[Trained on]  \n{name}" in text_of(app)
    assert len(sizes) == 1


def downloads(app: AppTest) -> list[str]:
    return [button.label for button in app.download_button]


def test_upload_of_another_program_is_offered_as_an_own_file(
    open_page, tmp_path, temporary
):
    path = write_weights(tmp_path / "file", write=weight_files.write_keras_1)
    app = open_page()
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
    assert not after.conversions
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
        from ui.converted_download import offer_converted

        diagnosis = SimpleNamespace(random=random)
        result = SimpleNamespace(identity=identity, diagnosis=diagnosis)
        chosen = ChosenWeights("x.h5", "these", content=b"")
        report = {"name": "WRN-10-1", "writer": "Keras 2.15.0"}
        offer_converted(chosen, report, result)

    settings = {"identity": evaluated, "random": random}
    (button,) = AppTest.from_function(page, kwargs=settings).run().download_button
    assert ("found out is recorded with it" in button.help) == recorded


def test_stored_weights_are_not_offered_for_download(open_page, models):
    write_weights(models / "ours.weights.h5")
    assert downloads(open_page()) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"not weights at all", "text"),
        (b"", "empty file"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "damaged"),
    ],
)
def test_upload_that_is_no_weight_file_is_refused(
    open_page, temporary, content, reason
):
    app = open_page()
    app.file_uploader(key="upload").upload("x.h5", content).run()
    assert not app.exception
    assert reason in app.error[0].value
    assert list(temporary.iterdir()) == []
    assert [b.disabled for b in app.button if b.label == "Evaluate"] == [True]


def test_upload_of_another_network_is_refused(open_page, tmp_path):
    path = weight_files.write_weights_h5(tmp_path / "x.h5", weight_files.plain_cnn())
    app = open_page()
    app.file_uploader(key="upload").upload("x.h5", path.read_bytes()).run()
    assert not app.exception
    assert "Received" in app.error[0].value


def test_upload_that_is_too_large_is_refused(open_page, monkeypatch):
    app = open_page()
    monkeypatch.setattr("ui.weights_choice.MEBIBYTE", 1)
    # Refused before anything is made of it.
    monkeypatch.delattr("ui.weights_choice.inspect_weights")
    app.file_uploader(key="upload").upload("x.h5", bytes(1000)).run()
    assert not app.exception
    assert "at most 450 B. Received: 1 KB" in text_of(app)


def test_weights_with_other_classes_than_the_images_are_refused(
    open_page, models, images
):
    write_weights(models / "hundred.weights.h5", classes=100)
    app = evaluate(open_page())
    assert not app.exception
    assert "100 classes" in text_of(app)
    assert not app.metric


def test_images_that_cannot_be_had_offer_synthetic_ones(
    open_page, models, images, tmp_path, monkeypatch
):
    monkeypatch.setenv("WRN_DATA", str(tmp_path / "nowhere"))
    write_weights(models / "ours.weights.h5")
    app = evaluate(open_page())
    assert not app.exception
    assert "nowhere" in app.error[0].value
    next(b for b in app.button if b.label == "Use synthetic images").click().run()
    assert app.selectbox(key="evaluate_source").value == "synthetic"
    evaluate(app)
    assert metrics(app)["Images"] == f"{len(images)}"


def test_weights_of_a_run_leave_the_result_with_the_run(open_page, images):
    config = RunConfig(
        model=ModelConfig(depth=10, widen_factor=1), data=DataConfig(source="synthetic")
    )
    run = RunStore().create(config, "mine")
    run.release()
    write_weights(run.last_weights)
    write_weights(run.best_weights)
    app = open_page("mine/last")
    assert app.selectbox(key="weights").options[:2] == ["mine/best", "mine/last"]
    evaluate(app)
    assert not app.exception
    stored = run.evaluation()
    assert stored["accuracy"] == pytest.approx((images == ANSWER).mean())
    assert stored["synthetic"] is True
    assert stored["weights"] == "mine/last"


def test_gallery_shows_mistakes(open_page, models, images):
    write_weights(models / "ours.weights.h5")
    app = evaluate(open_page())
    assert "✓" in text_of(app)
    app.button_group(key="gallery").set_value("Confident mistakes").run()
    assert not app.exception
    assert "✗" in text_of(app)
    assert "✓" not in text_of(app)


def test_gallery_shows_the_images_of_a_pair_of_classes(open_page, models, images):
    write_weights(models / "ours.weights.h5")
    app = evaluate(open_page())
    true = int(images[images != ANSWER][0])
    names = app.selectbox(key="gallery_true").options
    app.selectbox(key="gallery_true").set_value(names[true]).run()
    count = (images == true).sum()
    assert f"{min(count, 24)} of {count} images." in text_of(app)
    app.selectbox(key="gallery_predicted").set_value(names[ANSWER]).run()
    assert f"{min(count, 24)} of {count} images." in text_of(app)
    app.selectbox(key="gallery_predicted").set_value(names[true]).run()
    assert not app.exception
    assert "There are none." in text_of(app)


def test_a_stop_keeps_what_is_done(open_page, images, monkeypatch):
    import wrn.evaluation

    whole = wrn.evaluation.evaluate_growing

    def stopped(classifier, pictures, labels, **options):
        yield from whole(classifier, pictures[:30], labels[:30], **options)
        # What a click does to a page that is being made.
        st.stop()

    monkeypatch.setattr(wrn.evaluation, "evaluate_growing", stopped)
    run = RunStore().create(RunConfig(), "mine")
    run.release()
    write_weights(run.last_weights)
    app = evaluate(open_page("mine/last")).run()
    assert not app.exception
    assert f"Stopped after 30 of {len(images)} images" in text_of(app)
    expected = (images[:30] == ANSWER).mean()
    assert metrics(app)["Accuracy (synthetic)"] == f"{expected:.2%}"
    assert metrics(app)["Images"] == "30"
    # The run keeps whole evaluations alone.
    assert run.evaluation() is None


def test_a_failure_leaves_no_result_of_other_weights(open_page, models, images):
    write_weights(models / "a.weights.h5")
    write_weights(models / "b.weights.h5", classes=100)
    app = evaluate(open_page("a"))
    assert metrics(app)
    app.selectbox(key="weights").set_value("b").run()
    evaluate(app)
    assert "100 classes" in text_of(app)
    assert not app.metric
    assert "Use synthetic images" not in {b.label for b in app.button}


def test_a_whole_evaluation_was_not_stopped(open_page, models, images):
    write_weights(models / "ours.weights.h5")
    app = evaluate(open_page())
    assert metrics(app)["Images"] == f"{len(images)}"
    assert "Stopped after" not in text_of(app)


# The address names no weights where they are the first.
@pytest.mark.parametrize(("linked", "gone"), [("b", "b"), (None, "a")])
def test_weights_that_are_gone_are_not_measured_as_others(
    open_page, models, images, linked, gone
):
    for name in ("a", "b"):
        write_weights(models / f"{name}.weights.h5")
    app = open_page(linked)
    # Another person deletes them before the click.
    (models / f"{gone}.weights.h5").unlink()
    evaluate(app)
    assert not app.exception
    assert f"no weights called {gone}" in app.warning[0].value
    assert not app.metric
    # What the box shows now is measured.
    evaluate(app)
    assert metrics(app)


def test_the_interval_is_wilsons(open_page, models, images):
    write_weights(models / "ours.weights.h5")
    shown = metrics(evaluate(open_page()))
    hits = round(float(shown["Accuracy (synthetic)"].rstrip("%")) / 100 * len(images))
    found = binomtest(hits, len(images)).proportion_ci(method="wilson")
    assert shown["95% interval"] == f"{100 * found.low:.1f}–{found.high:.1%}"


def test_least_sure_hits_come_first(open_page, models, images, random):
    write_weights(models / "ours.weights.h5")
    app = evaluate(open_page())
    # The first eight are right, each with a probability of its own.
    probabilities = np.full((len(images), 10), 0.01, np.float32)
    sure = random.permutation([0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
    probabilities[np.arange(8), images[:8]] = sure
    probabilities[np.arange(8, len(images)), (images[8:] + 1) % 10] = 0.5
    result = app.session_state["evaluated"]
    app.session_state["evaluated"] = dataclasses.replace(
        result, evaluation=Evaluation(probabilities, images, 1.0)
    )
    app.segmented_control(key="gallery").set_value("Least sure hits").run()
    told = [element.value for element in app.markdown if "✓" in element.value]
    assert [text.rsplit(" ", 1)[1] for text in told] == [f"{n}0%" for n in range(2, 10)]


@pytest.mark.skipif(sys.platform != "linux", reason="Others refuse such a name.")
def test_weights_whose_name_nothing_can_encode_are_shown(open_page, models):
    odd = Path(os.fsdecode(os.fsencode(models) + b"/\xffa.weights.h5"))
    write_weights(models / "a.weights.h5").rename(odd)
    page = open_page()
    assert not page.exception
    assert page.selectbox(key="weights").value == "?a"
    assert "WRN-10-1" in text_of(page)
