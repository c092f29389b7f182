"""The report as a page, read back with an HTML parser."""

import base64
import io
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from wrn.evaluation import Evaluation, wilson_interval
from wrn.evaluation.html_report import MISTAKES, to_html

NAMES = ["cat", "dog", "<script>alert(1)</script>"]


class Reader(HTMLParser):
    """Collects tags, addresses and words."""

    def __init__(self):
        super().__init__()
        self.tags, self.addresses, self.words = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [v for k, v in attributes if k in ("src", "href")]

    def handle_data(self, data):
        self.words.append(data.strip())


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), np.uint8)


@pytest.fixture
def evaluation():
    rng = np.random.default_rng(1)
    probabilities = rng.dirichlet([1, 1, 1], 40).astype(np.float32)
    return Evaluation(probabilities, rng.integers(0, 2, 40), 1.25)


@pytest.fixture
def page(evaluation, images):
    report = {
        "name": "WRN-10-1",
        **evaluation.to_dict(),
        "data": "Some & images",
        "synthetic": False,
        "class_names": NAMES,
        "weights": "<b>mine</b>.h5",
        "precision": "float32",
        "published": [
            {"source": "a table", "preprocessing": "mean-std", "test_error": 0.0631}
        ],
        "notes": ["A note."],
        "flip": False,
        "asked": 50,
    }
    return to_html(report, evaluation, images)


@pytest.fixture
def read(page):
    reader = Reader()
    reader.feed(page)
    return reader


def test_figures_are_those_of_the_evaluation(read, evaluation):
    hits = evaluation.probabilities.argmax(1) == evaluation.labels
    for words in (f"{hits.mean():.2%}", "1.2500", "93.69%", "A note.", "no images"):
        assert words in read.words
    assert "Stopped after 40 of\n50 images." in read.words
    counts = [word for word in read.words if word.isdigit()]
    # The confusion matrix, whose zeros are left blank, then calibration's counts.
    matrix = np.zeros((3, 3), int)
    np.add.at(matrix, (evaluation.labels, evaluation.predictions), 1)
    filled = [str(count) for count in matrix.ravel() if count]
    assert counts[: len(filled)] == filled


def test_what_comes_from_outside_is_text(page, read):
    assert "script" not in read.tags
    assert "b" not in read.tags
    assert "<script>alert(1)</script>" in read.words


def test_it_needs_nothing_else(page, read):
    assert read.addresses
    assert all(a.startswith("data:image/png;base64,") for a in read.addresses)
    assert "link" not in read.tags
    assert "url(" not in page


def test_pictures_are_the_most_confident_mistakes(read, evaluation, images):
    order = evaluation.most_confident(correct=False)[:MISTAKES]
    assert len(read.addresses) == len(order) > 2
    for address, index in zip(read.addresses, order, strict=True):
        content = base64.b64decode(address.partition(",")[2])
        np.testing.assert_array_equal(Image.open(io.BytesIO(content)), images[index])


def words_of(read):
    return [" ".join(word.split()) for word in read.words if word]


def test_each_figure_stands_beside_its_name(read, evaluation):
    hits = evaluation.probabilities.argmax(1) == evaluation.labels
    low, high = wilson_interval(int(hits.sum()), len(hits))
    shown = dict(pairwise(words_of(read)))
    assert shown["95% interval"] == f"{low:.2%} – {high:.2%}"
    assert shown["Calibration error"] == f"{evaluation.calibration.error:.2%}"


def test_calibration_tells_how_sure_and_how_often_right(read, evaluation):
    words = words_of(read)
    first = words.index("Probability given") + 3
    found = evaluation.calibration
    rows = zip(found.confidence, found.accuracy, found.counts, strict=True)
    expected = [
        word
        for sure, right, count in rows
        if count
        for word in (f"{sure:.1%}", f"{right:.1%}", f"{count}")
    ]
    assert words[first : first + len(expected)] == expected


def test_a_mistake_tells_what_it_is_and_what_it_was_taken_for(read, evaluation):
    words = words_of(read)
    captions = words[words.index("Most confident mistakes") + 1 :]
    wrong = evaluation.probabilities.argmax(1) != evaluation.labels
    order = sorted(wrong.nonzero()[0], key=lambda i: -evaluation.probabilities[i].max())
    for number, index in enumerate(order[:MISTAKES]):
        shares = evaluation.probabilities[index]
        told = captions[2 * number : 2 * number + 2]
        assert told == [
            f"{NAMES[shares.argmax()]} {shares.max():.0%}",
            f"is {NAMES[evaluation.labels[index]]}",
        ]


def test_each_class_and_each_confusion_has_its_share(page, read, evaluation):
    words = words_of(read)
    first = words.index("Accuracy by class") + 1
    shares = zip(NAMES, evaluation.per_class_accuracy, strict=True)
    assert words[first : first + 6] == [
        word
        for name, share in shares
        for word in (name, "no images" if share is None else f"{share:.1%}")
    ]
    confusion = evaluation.confusion
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    drawn = [int(part.partition("%")[0]) for part in page.split("var(--bar) ")[1:]]
    assert drawn == (100 * shares).round().astype(int).ravel().tolist()
    assert len(read.addresses) == 24
