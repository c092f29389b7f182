"""The Evaluate page, without a browser.

The network under test always answers "class 3", so its accuracy is the share of
class 3 among the labels.
"""

import dataclasses
import json

import numpy as np
import pytest
import streamlit as st
from scipy.stats import binomtest

from tests import weight_files
from tests.pages.app_page import downloads, metrics, text_of
from tests.pages.weights import (
    ANSWER,
    evaluate,
    open_evaluate,
    write_weights,
)
from ui.choices.images import ALL
from ui.evaluation.result import confusions
from ui.pictures import enlarged
from wrn.config import DataConfig, ModelConfig, RunConfig
from wrn.data import sources
from wrn.data.pictures import data_address
from wrn.evaluation import Evaluation
from wrn.runs import RunStore

pytestmark = pytest.mark.slow


def test_with_nothing_stored_a_file_is_asked_for():
    app = open_evaluate()
    assert not app.exception
    assert app.selectbox(key="weights").value == "Upload a file"
    assert "no stored weights and no runs yet" in text_of(app)
    assert [b.disabled for b in app.button if b.label == "Evaluate"] == [True]


def test_stored_weights_with_their_card(models, images):
    write_weights(models / "ours.weights.h5")
    card = {"recipe": "by hand", "test_accuracy": 0.1234, "note": "Only *a* test."}
    (models / "ours.json").write_text(json.dumps(card))
    app = open_evaluate()
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


def test_a_card_tells_of_the_epochs_before(models):
    write_weights(models / "average.weights.h5")
    one, other = ({"result": {"epochs": n}, "sha256": f"{n}"} for n in (4, 8))
    card = {"epochs": 1, "initial": [one, other]}
    (models / "average.json").write_text(json.dumps(card))
    told = ":gray[Epochs]  \n1, from weights of 12 epochs"
    assert told in text_of(open_evaluate("average"))


@pytest.mark.parametrize(
    ("held_out", "label"),
    [("test", "Accuracy then"), ("validation", "Validation accuracy then")],
)
def test_what_a_training_measured_is_named(models, held_out, label):
    def write(path, layers):
        result = {"epochs": 3, "test_accuracy": 0.5, "held_out": held_out}
        told = {"metadata": {"result": result}, "own_names": True}
        return weight_files.write_weights_h5(path, layers, **told)

    write_weights(models / "ours.weights.h5", write=write)
    assert f":gray[{label}]  \n50.00%" in text_of(open_evaluate("ours"))


def test_calibration_flip_and_files(models, images):
    write_weights(models / "ours.weights.h5")
    card = {"test_accuracy": 0.1234, "test_accuracy_flip": 0.2345}
    (models / "ours.json").write_text(json.dumps(card))
    app = open_evaluate()
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
def test_what_is_not_recorded_is_tried(models, images, monkeypatch):
    monkeypatch.setattr("wrn.evaluation.diagnosis.WHITENING_BELOW", -1.0)
    write_weights(models / "bare.weights.h5", write=weight_files.write_weights_h5)
    app = evaluate(open_evaluate())
    assert not app.exception
    assert any("none is much better than guessing" in w.value for w in app.warning)
    assert not any("better than guessing" in caption.value for caption in app.caption)
    table = app.dataframe[0].value
    assert {"kernels", "statistics", "preprocessing", "colours"} <= set(table)
    # Seven ways to preprocess, each in both orders of the colours; the best four with
    # the other padding, too.
    assert len(table) == 18
    assert metrics(app)["Accuracy (synthetic)"] == f"{(images == ANSWER).mean():.2%}"


def test_all_images_stay_chosen_after_another_page(models):
    write_weights(models / "ours.weights.h5")
    app = open_evaluate()
    app.selectbox(key="evaluate_images").set_value(ALL).run()
    app.switch_page("pages/runs.py").run()
    app.switch_page("pages/evaluate.py").run()
    assert app.selectbox(key="evaluate_images").value == ALL
    assert app.selectbox(key="evaluate_images").options[-1] == "All"


def test_the_most_frequent_confusions_are_told_in_words():
    told = confusions([[9, 0, 2], [1200, 0, 1], [0, 0, 4]], ["cat", "dog", "frog"])
    assert told.endswith(
        ": dog taken for cat 1,200, cat taken for frog 2, dog taken for frog 1"
    )
    assert confusions([[1, 0], [0, 1]], ["cat", "dog"]).endswith(": none")


def test_weights_with_other_classes_than_the_images_are_refused(models, images):
    write_weights(models / "hundred.weights.h5", classes=100)
    app = evaluate(open_evaluate())
    assert not app.exception
    assert "100 classes" in text_of(app)
    assert not app.metric


def test_images_that_cannot_be_had_offer_synthetic_ones(
    models, images, tmp_path, monkeypatch
):
    monkeypatch.setenv("WRN_DATA", str(tmp_path / "nowhere"))
    write_weights(models / "ours.weights.h5")
    app = evaluate(open_evaluate())
    assert not app.exception
    assert "nowhere" in app.error[0].value
    next(b for b in app.button if b.label == "Use synthetic images").click().run()
    assert app.selectbox(key="evaluate_source").value == "synthetic"
    evaluate(app)
    assert metrics(app)["Images"] == f"{len(images)}"


def test_weights_of_a_run_leave_the_result_with_the_run(images):
    config = RunConfig(
        model=ModelConfig(depth=10, widen_factor=1), data=DataConfig(source="synthetic")
    )
    run = RunStore().create(config, "mine")
    run.release()
    write_weights(run.last_weights)
    write_weights(run.best_weights)
    app = open_evaluate("mine/last")
    assert app.selectbox(key="weights").options[:2] == ["mine/best", "mine/last"]
    evaluate(app)
    assert not app.exception
    stored = run.evaluation()
    assert stored["accuracy"] == pytest.approx((images == ANSWER).mean())
    assert stored["synthetic"] is True
    assert stored["weights"] == "mine/last"


def test_gallery_shows_mistakes(models, images):
    write_weights(models / "ours.weights.h5")
    app = evaluate(open_evaluate())
    assert "✓" in text_of(app)
    drawn = [image.proto.imgs[0].url for image in app.get("image")]
    test = sources._kept["synthetic", "synthetic"].test.images
    assert len(drawn) == 24
    assert drawn == [data_address(enlarged(image, 128)) for image in test[:24]]
    app.button_group(key="gallery").set_value("Confident mistakes").run()
    assert not app.exception
    assert "✗" in text_of(app)
    assert "✓" not in text_of(app)


def test_gallery_shows_the_images_of_a_pair_of_classes(models, images):
    write_weights(models / "ours.weights.h5")
    app = evaluate(open_evaluate())
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


def test_a_stop_keeps_what_is_done(images, monkeypatch):
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
    app = evaluate(open_evaluate("mine/last")).run()
    assert not app.exception
    assert f"Stopped after 30 of {len(images)} images" in text_of(app)
    expected = (images[:30] == ANSWER).mean()
    assert metrics(app)["Accuracy (synthetic)"] == f"{expected:.2%}"
    assert metrics(app)["Images"] == "30"
    # The run keeps whole evaluations alone.
    assert run.evaluation() is None


def test_a_failure_leaves_no_result_of_other_weights(models, images):
    write_weights(models / "a.weights.h5")
    write_weights(models / "b.weights.h5", classes=100)
    app = evaluate(open_evaluate("a"))
    assert metrics(app)
    app.selectbox(key="weights").set_value("b").run()
    evaluate(app)
    assert "100 classes" in text_of(app)
    assert not app.metric
    assert "Use synthetic images" not in {b.label for b in app.button}


def test_a_whole_evaluation_was_not_stopped(models, images):
    write_weights(models / "ours.weights.h5")
    app = evaluate(open_evaluate())
    assert metrics(app)["Images"] == f"{len(images)}"
    assert "Stopped after" not in text_of(app)


def test_the_interval_is_wilsons(models, images):
    write_weights(models / "ours.weights.h5")
    shown = metrics(evaluate(open_evaluate()))
    hits = round(float(shown["Accuracy (synthetic)"].rstrip("%")) / 100 * len(images))
    found = binomtest(hits, len(images)).proportion_ci(method="wilson")
    assert shown["95% interval"] == f"{100 * found.low:.1f}–{found.high:.1%}"


def test_least_sure_hits_come_first(models, images, random):
    write_weights(models / "ours.weights.h5")
    app = evaluate(open_evaluate())
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
