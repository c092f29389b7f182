"""The source cifar10, which looks on disk before it downloads."""

import hashlib
import http.server
import importlib.util
import os
import shutil
import threading
from pathlib import Path

import pytest

from tests.data.files import make_official, refusal, write_archive, write_folder
from wrn.data import download as download_module
from wrn.data import load, official, sources


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty Keras cache of its own."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(download_module, "TIMEOUT_SECONDS", 10)
    # A proxy of the machine must not come between the test and its server.
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path / "keras" / "datasets"


@pytest.fixture
def archive(tmp_path, small_batches, monkeypatch):
    """A small archive, declared to be the official one."""
    folder = write_folder(tmp_path / "made" / "c", small_batches)
    make_official(monkeypatch, folder)
    path = write_archive(tmp_path / "made" / "c.tar.gz", folder)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(download_module, "SHA256", digest)
    return path


@pytest.fixture
def serve(monkeypatch):
    """Return a function that serves bytes at `URL` and returns the requests."""
    servers = []

    def serve(body: bytes, length: int | None = None, status: int = 200) -> list[str]:
        requests: list[str] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                requests.append(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(length or len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = False  # so that closing waits for the answers
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        servers.append((server, thread))
        url = f"http://127.0.0.1:{server.server_address[1]}/cifar-10-python.tar.gz"
        monkeypatch.setattr(download_module, "URL", url)
        return requests

    yield serve
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def offline(monkeypatch):
    # Port 9 (discard) is closed; a connection is refused at once.
    monkeypatch.setattr(download_module, "URL", "http://127.0.0.1:9/cifar.tar.gz")


def test_what_needs_a_download_is_told(cache, archive):
    assert sources.needs_download("cifar10")
    assert not sources.needs_download("synthetic")
    assert not sources.needs_download("/nowhere")
    cache.mkdir(parents=True)
    shutil.copy(archive, cache / download_module.ARCHIVES[-1])
    assert not sources.needs_download("cifar10")


def test_what_is_loaded_is_told(monkeypatch):
    monkeypatch.setattr(sources, "_kept", {})
    monkeypatch.setattr(sources, "load", lambda source, on_progress: source)
    assert not sources.is_loaded("synthetic")
    sources.load_cached("synthetic")
    assert sources.is_loaded("synthetic")


def test_the_two_used_last_are_kept(monkeypatch):
    monkeypatch.setattr(sources, "_kept", {})
    monkeypatch.setattr(sources, "load", lambda source, on_progress: source)
    for source in ("a", "b", "a", "c"):
        sources.load_cached(source)
    assert [s for s in "abc" if sources.is_loaded(s)] == ["a", "c"]


def test_what_is_there_waits_for_nobody_who_loads(monkeypatch):
    monkeypatch.setattr(sources, "_kept", {})
    monkeypatch.setattr(sources, "load", lambda source, on_progress: source)
    sources.load_cached("there")
    with sources._loading:
        assert sources.load_cached("there") == "there"


def test_an_unreadable_copy_ends_no_search(cache, archive, serve, monkeypatch):
    cache.mkdir(parents=True)
    first, last = download_module.ARCHIVES[0], download_module.ARCHIVES[-1]
    for name in (first, last):
        shutil.copy(archive, cache / name)
    read = download_module.sha256

    def sha256(path):
        if path.name == first:
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(download_module, "sha256", sha256)
    requests = serve(b"")
    assert len(load("cifar10").train) == 100
    assert requests == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_others_may_read_what_was_downloaded(cache, archive, serve):
    serve(archive.read_bytes())
    before = os.umask(0o022)
    try:
        load("cifar10")
    finally:
        os.umask(before)
    assert (cache / download_module.ARCHIVES[0]).stat().st_mode & 0o777 == 0o644


def test_the_source_is_pinned():
    assert download_module.URL == (
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    )
    assert download_module.SHA256 == (
        "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
    )
    assert official.IMAGES_PER_BATCH == 10_000


def test_download_once_with_progress(cache, archive, serve):
    requests = serve(archive.read_bytes())
    reports = []
    dataset = load("cifar10", lambda *report: reports.append(report))
    assert (dataset.name, dataset.source, dataset.note) == ("CIFAR-10", "cifar10", "")
    assert len(dataset.train) == 100
    downloading = [fraction for fraction, doing in reports if "Downloading" in doing]
    assert downloading[-1] == 1.0
    assert all(0 <= fraction <= 1 for fraction, _ in reports)
    # Under the name that Keras 3 looks for, and nothing else beside it.
    kept = [path.name for path in cache.iterdir()]
    assert kept == ["cifar-10-batches-py-target_archive"]
    load("cifar10")
    assert len(requests) == 1


def test_keras_looks_for_the_same_file():
    # Read, not imported: Keras would bring TensorFlow.
    keras = Path(importlib.util.find_spec("keras").origin).parent
    text = (keras / "src" / "datasets" / "cifar10.py").read_text()
    assert 'dirname = "cifar-10-batches-py-target"' in text
    assert download_module.SHA256 in text


@pytest.mark.parametrize("name", download_module.ARCHIVES)
def test_an_archive_in_the_cache_is_used(cache, archive, offline, name):
    cache.mkdir(parents=True)
    archive.rename(cache / name)
    assert len(load("cifar10").train) == 100


@pytest.mark.parametrize("name", download_module.FOLDERS)
def test_a_folder_in_the_cache_is_used(cache, archive, offline, name):
    (cache / name).parent.mkdir(parents=True)
    (archive.parent / "c").rename(cache / name)
    assert load("cifar10").name == "CIFAR-10"


def test_a_foreign_folder_in_the_cache_is_not_used(cache, small_batches, offline):
    folder = write_folder(cache / "cifar-10-batches-py", small_batches)
    message = refusal("cifar10")
    assert f"{folder} (not the official files)" in message


def test_a_damaged_copy_in_the_cache_is_replaced(cache, archive, serve):
    good = archive.read_bytes()
    cache.mkdir(parents=True)
    copy = cache / download_module.ARCHIVES[0]
    copy.write_bytes(good[:-10])
    serve(good)
    assert len(load("cifar10").train) == 100
    assert copy.read_bytes() == good


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"body": b"not the archive"}, "expected the SHA-256"),
        ({"body": b"cut", "length": 1000}, "3"),
        ({"body": b"", "status": 503}, "the server answered 503"),
    ],
)
def test_a_bad_download_leaves_nothing(cache, archive, serve, answer, expected):
    serve(**answer)
    message = refusal("cifar10")
    assert expected in message
    assert download_module.URL in message
    assert list(cache.iterdir()) == []


def test_an_endless_download_is_cut(cache, archive, serve, monkeypatch):
    monkeypatch.setattr(download_module, "MAX_DOWNLOAD_BYTES", 1_000)
    serve(bytes(5_000))
    assert "expected at most 1,000 bytes" in refusal("cifar10")
    assert list(cache.iterdir()) == []


def test_offline_the_message_says_what_to_do(cache, offline):
    message = refusal("cifar10")
    for words in (
        str(cache),
        download_module.URL,
        "refused",
        "WRN_DATA",
        "cifar-10-python.tar.gz",
        "Parquet",
        "synthetic",
    ):
        assert words in message
