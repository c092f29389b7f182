"""The Classify page, without a browser.

The network under test always answers "class 3", by one in its bias.
"""

import base64
import dataclasses
import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests import weight_files
from tests.conftest import ROOT
from tests.pages.app_page import text_of
from tests.pages.weights import ANSWER, empty_models, write_weights
from ui.choices.picture import _shortened
from ui.loading import load_network
from ui.pictures import blended, enlarged, tiles
from wrn.data import CLASS_NAMES, Dataset, Images, sources
from wrn.data.pictures import data_address
from wrn.files import identity
from wrn.restoring import load_weights

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def models(tmp_path, monkeypatch):
    """A folder with one file of stored weights, and nothing kept from other tests."""
    folder = empty_models(tmp_path, monkeypatch)
    write_weights(folder / "ours.weights.h5")
    return folder


@pytest.fixture
def page(dataset: Dataset, monkeypatch) -> AppTest:
    monkeypatch.setitem(sources._kept, ("synthetic", "synthetic"), dataset)
    app = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=120).run()
    return app.switch_page("pages/classify.py").run()


def classify(app: AppTest) -> AppTest:
    button = next(button for button in app.button if button.label == "Classify")
    assert not button.disabled
    app = button.click().run()
    assert not app.exception
    return app


def test_a_test_image_is_classified_and_the_next_one_at_once(page, dataset):
    app = classify(page)
    names = dataset.class_names
    share = np.e / (np.e + 9)
    for number in (0, 1):
        if number:
            app.number_input(key="picture_number").set_value(number).run()
        true = int(dataset.test.labels[number])
        words = app.header[0].value.replace("\\", "")
        assert f"{names[ANSWER].capitalize()}, {share:.1%}" in words
        assert ("✓" in words) == (true == ANSWER)
        assert f"Test image {number}, ours" in text_of(app)


@pytest.fixture
def of_three_classes(dataset: Dataset, monkeypatch) -> Dataset:
    """Stand in for the synthetic images."""
    images = Images(dataset.test.images, dataset.test.labels % 3)
    other = dataclasses.replace(dataset, class_names=("a", "b", "c"), test=images)
    monkeypatch.setitem(sources._kept, ("synthetic", "synthetic"), other)
    return other


def assert_unjudged(app: AppTest, true: str) -> None:
    assert not {"✓", "✗"} & set(app.header[0].value)
    assert f"The image is of the class {true}. The network was taught" in text_of(app)


def test_answers_are_not_judged_where_the_classes_have_another_order(
    page, dataset, monkeypatch
):
    def of_others(chosen):
        names = tuple(reversed(CLASS_NAMES))
        return dataclasses.replace(load_network(chosen), class_names=names)

    monkeypatch.setattr("ui.evaluation.classification.load_network", of_others)
    assert_unjudged(classify(page), CLASS_NAMES[dataset.test.labels[0]])


def test_answers_are_not_judged_where_the_images_have_other_classes(
    page, of_three_classes
):
    assert_unjudged(classify(page), "abc"[of_three_classes.test.labels[0]])


def test_only_images_of_as_many_classes_can_find_out_what_is_assumed(
    page, of_three_classes, models
):
    write_weights(models / "silent.weights.h5", write=weight_files.write_weights_h5)
    page.run()
    page.selectbox(key="weights").set_value("silent").run()
    assert "The Evaluate page finds out." not in text_of(classify(page))


def test_what_tells_long_names_apart_stays():
    names = ["picture-of-a-rather-" + "long-" * 12 + end for end in ("a.png", "b.png")]
    first, second = map(_shortened, names)
    assert len(first) == len(second) == 60
    assert (first[-5:], second[-5:]) == ("a.png", "b.png")
    assert _shortened("short.png") == "short.png"


def test_what_is_assumed_of_a_file_is_said(page, models):
    assumed = "does not say how its images were preprocessed"
    assert assumed not in text_of(classify(page))
    write_weights(models / "silent.weights.h5", write=weight_files.write_weights_h5)
    page.run()
    page.selectbox(key="weights").set_value("silent").run()
    assert text_of(page).count(assumed) == 1
    assert "The Evaluate page finds out." in text_of(page)


def test_a_number_without_an_image_is_refused_in_words(page, dataset):
    page.number_input(key="picture_number").set_value(9_999).run()
    app = classify(page)
    assert f"below {len(dataset.test)}" in app.error[0].value


def test_a_layer_and_a_class_can_be_chosen(page):
    app = classify(page)
    layers = app.selectbox(key="maps_layer").options
    app.selectbox(key="maps_layer").set_value(layers[-1]).run()
    app.selectbox(key="cam_class").set_value(CLASS_NAMES[0]).run()
    assert not app.exception
    assert "64 of 64 channels, 8×8 each" in text_of(app)


def test_own_pictures(page):
    page.button_group(key="picture_kind").set_value("My own pictures").run()
    assert [b.disabled for b in page.button if b.label == "Classify"] == [True]
    file = io.BytesIO()
    Image.new("RGB", (300, 200), "navy").save(file, "JPEG")
    page.file_uploader(key="picture_files").upload("![x](y).jpg", file.getvalue()).run()
    app = classify(page)
    assert CLASS_NAMES[ANSWER].capitalize() in app.header[0].value
    assert "![x](y).jpg, ours" in text_of(app)


def test_a_file_that_is_no_picture_is_refused_in_words(page):
    page.button_group(key="picture_kind").set_value("My own pictures").run()
    page.file_uploader(key="picture_files").upload("a.png", b"not a picture").run()
    app = classify(page)
    assert "one of the formats" in app.error[0].value


def test_tiles_put_each_picture_in_its_place():
    pictures = np.arange(5 * 2 * 2, dtype=np.uint8).reshape(5, 2, 2)
    sheet = tiles(pictures, scale=1, columns=3)
    assert sheet.shape == (2 * 6, 3 * 6, 4)
    np.testing.assert_array_equal(sheet[6:8, 6:8, 0], pictures[4])
    assert (sheet[6:8, 6:8, 3] == 255).all()
    assert (sheet[:, 12:, 3][6:] == 0).all()  # No sixth picture.


@pytest.mark.parametrize("channels", [3, 4])
def test_an_address_holds_the_picture(channels):
    picture = np.random.default_rng(0).integers(0, 256, (8, 5, channels), np.uint8)
    kind, content = data_address(picture).split(",")
    assert kind == "data:image/png;base64"
    read = Image.open(io.BytesIO(base64.b64decode(content)))
    np.testing.assert_array_equal(np.asarray(read), picture)


def test_enlarged_and_blended_have_the_side_that_is_asked_for():
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    np.testing.assert_array_equal(enlarged(image, 128)[::4, ::4], image)
    heat = np.zeros((8, 8), np.float32)
    cold = blended(image, heat, 128)
    # Without heat it is the picture in gray.
    np.testing.assert_allclose(cold[..., 0], enlarged(image, 128).mean(axis=-1), atol=1)
    heat[2, 2] = 1
    warm = blended(image, heat, 128)
    assert warm[40, 40, 0] > warm[40, 40, 2] + 50


def test_it_is_the_class_chosen_that_is_looked_for(page, monkeypatch):
    asked = []

    def grad_cam(classifier, image, number):
        asked.append(number)
        return np.zeros((8, 8), np.float32)

    monkeypatch.setattr("wrn.evaluation.explain.grad_cam", grad_cam)
    app = classify(page)
    app.selectbox(key="cam_class").set_value(CLASS_NAMES[7]).run()
    assert not app.exception
    assert asked == [ANSWER, 7]


def test_of_many_channels_the_first_are_shown_and_all_counted(models):
    def script(path):
        from pathlib import Path

        import numpy as np

        from ui.choices.picture import Picture
        from ui.chosen_weights import ChosenWeights
        from ui.evaluation.classification import show

        image = np.zeros((32, 32, 3), np.uint8)
        chosen = ChosenWeights("wide", "wide", path=Path(path))
        show(chosen, Picture("a", lambda: (image, None)), ())

    path = models / "wide.weights.h5"
    layers = weight_files.wide_resnet(10, 2)
    weight_files.write_weights_h5(path, layers, own_names=True)
    app = AppTest.from_function(script, args=(str(path),), default_timeout=120).run()
    app.selectbox(key="maps_layer").set_value("group3_block1_conv1").run()
    assert not app.exception
    assert "64 of 128 channels, 8×8 each" in text_of(app)


def test_the_picture_shown_is_the_one_asked_for(page, dataset, monkeypatch):
    seen = []

    def classify_images(classifier, images):
        seen.append(images)
        return np.eye(10, dtype=np.float32)[:1]

    monkeypatch.setattr("wrn.evaluation.explain.classify", classify_images)
    page.number_input(key="picture_number").set_value(2).run()
    app = classify(page)
    np.testing.assert_array_equal(seen[-1], dataset.test.images[2:3])
    app.number_input(key="picture_number").set_value(len(dataset.test)).run()
    assert not app.exception
    assert f"below {len(dataset.test)}" in app.error[0].value


def upload(page, *names: str) -> None:
    files = []
    for number, name in enumerate(names):
        file = io.BytesIO()
        Image.new("RGB", (32, 32), (0, 0, 100 + number)).save(file, "PNG")
        files.append((f"{name}.png", file.getvalue(), "image/png"))
    page.file_uploader(key="picture_files").set_value(files).run()


def test_the_second_of_several_pictures_can_be_chosen(page):
    page.button_group(key="picture_kind").set_value("My own pictures").run()
    upload(page, "one", "two")
    page.selectbox(key="picture_file").set_value("two.png").run()
    assert "two.png, ours" in text_of(classify(page))

    # A look at a test image, and they are still there, until they are removed.
    page.button_group(key="picture_kind").set_value("A test image").run()
    page.button_group(key="picture_kind").set_value("My own pictures").run()
    assert not page.file_uploader(key="picture_files").value
    assert "Uploaded before: **2 pictures**" in text_of(page)
    assert page.selectbox(key="picture_file").options == ["one.png", "two.png"]
    assert "two.png, ours" in text_of(page)
    page.button(key="remove_pictures").click().run()
    assert "Uploaded before" not in text_of(page)
    assert [b.disabled for b in page.button if b.label == "Classify"] == [True]


def test_the_chosen_picture_stays_when_another_is_removed(page):
    page.button_group(key="picture_kind").set_value("My own pictures").run()
    upload(page, "one", "two", "three")
    page.selectbox(key="picture_file").set_value("two.png").run()
    upload(page, "two", "three")
    assert page.selectbox(key="picture_file").value == "two.png"
    assert "two.png, ours" in text_of(classify(page))
    upload(page, "three", "four")
    assert page.selectbox(key="picture_file").value == "three.png"
    assert "three.png, ours" in text_of(page)


def test_pictures_of_one_name_are_told_apart(page, monkeypatch):
    seen = []

    def read(content):
        seen.append(np.asarray(Image.open(io.BytesIO(content)))[0, 0, 2])
        return np.zeros((32, 32, 3), np.uint8)

    monkeypatch.setattr("ui.choices.picture.read_picture", read)
    page.button_group(key="picture_kind").set_value("My own pictures").run()
    upload(page, "image", "image", "image (2)")
    box = page.selectbox(key="picture_file")
    assert box.options == ["image.png", "image.png (2)", "image (2).png"]
    classify(page)
    page.selectbox(key="picture_file").set_value("image.png (2)").run()
    assert seen == [100, 101]


def test_own_pictures_are_there_after_another_page(page):
    page.button_group(key="picture_kind").set_value("My own pictures").run()
    upload(page, "one", "two")
    page.selectbox(key="picture_file").set_value("two.png").run()
    page.switch_page("pages/runs.py").run()
    page.switch_page("pages/classify.py").run()
    assert page.selectbox(key="picture_file").value == "two.png"


@pytest.mark.parametrize("random", [False, True])
def test_what_an_evaluation_found_out_counts(page, models, random):
    path = models / "silent.weights.h5"
    write_weights(path, write=weight_files.write_weights_h5)
    page.run()
    page.selectbox(key="weights").set_value("silent").run()
    assert "The Evaluate page finds out." in text_of(classify(page))
    loaded = dataclasses.replace(load_weights(path), notes=("It was found out.",))
    sentence = "It was found out."
    diagnosis = SimpleNamespace(random=random, loaded=loaded, sentence=sentence)
    page.session_state["evaluated"] = SimpleNamespace(
        identity=identity(path), diagnosis=diagnosis
    )
    page.run()
    assert not page.exception
    assert ("It was found out." in text_of(page)) != random
    assert ("The Evaluate page finds out." in text_of(page)) == random
