"""An uploaded file: lent under a name of ours, kept by no cache, within a limit."""

import gc
import tempfile
import weakref

import pytest
import streamlit as st

from tests.pages.weights import empty_models, write_weights
from ui.choices.weights import MEBIBYTE
from ui.chosen_weights import ChosenWeights
from ui.evaluation.converted_download import converted
from ui.loading import inspect_weights, load_diagnosis, load_network
from wrn import weights
from wrn.errors import WeightsError
from wrn.weights.reader import MAX_FILE_BYTES

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def models(tmp_path, monkeypatch):
    """Nothing stored, and nothing kept from other tests."""
    empty_models(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/passwd.h5",
        "/etc/passwd.h5",
        "C:\\x.h5",
        "x" * 300 + ".h5",
        "\0.h5",
    ],
)
def test_name_of_an_upload_is_never_a_path(tmp_path, temporary, name):
    content = write_weights(tmp_path / "file").read_bytes()
    chosen = ChosenWeights(name, "any", content=content)
    with chosen.file() as path:
        assert path.parent.parent == temporary
        assert path.read_bytes() == content
    assert list(temporary.iterdir()) == []


def test_server_admits_what_the_page_and_the_reader_admit():
    limit = st.get_option("server.maxUploadSize") * MEBIBYTE
    # The largest known file of 2016: a WRN-28-10 with its optimizer's state.
    assert 295_571_584 < limit <= MAX_FILE_BYTES


def test_no_cache_keeps_an_upload(tmp_path):
    content = write_weights(tmp_path / "file").read_bytes()
    chosen = ChosenWeights("x.h5", "any", content=content)
    inspect_weights(chosen.identity, chosen)
    load_network(chosen)
    converted(chosen)
    kept = weakref.ref(chosen)
    del chosen
    gc.collect()
    assert kept() is None


def test_a_diagnosis_is_of_one_file_and_of_some_images(monkeypatch):
    found = []

    def diagnose(path, dataset, on_progress):
        found.append((path.read_bytes(), dataset))
        return len(found)

    monkeypatch.setattr("wrn.evaluation.diagnosis.diagnose", diagnose)
    monkeypatch.setattr("ui.loading.source_version", lambda source: f"{source}, now")

    def asked(content, source):
        chosen = ChosenWeights("x.h5", f"SHA {content}", content=content)
        return load_diagnosis(chosen, source, f"images of {source}")

    assert asked(b"a", "one") == 1
    assert asked(b"b", "one") == 2
    assert asked(b"b", "two") == 3
    # The last two are known.
    assert (asked(b"b", "two"), asked(b"b", "one")) == (3, 2)
    names = ["one", "one", "two"]
    images = [f"images of {name}" for name in names]
    assert found == list(zip([b"a", b"b", b"b"], images, strict=True))


def test_upload_is_deleted_although_reading_it_fails(temporary):
    chosen = ChosenWeights("x.h5", "any", content=b"x")
    with pytest.raises(WeightsError), chosen.file() as path:
        weights.read(path)
    assert list(temporary.iterdir()) == []


def test_no_room_for_an_upload_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    chosen = ChosenWeights("x.h5", "any", content=b"x")
    with pytest.raises(WeightsError, match=r"TMPDIR.*No such file"), chosen.file():
        pass
