"""Hostile and damaged files: each is refused in words, and nothing else happens."""

import base64
import json
import marshal
import os
import re
import signal
import struct
import textwrap
import zipfile

import h5py
import numpy as np
import pytest

from tests import weight_files as samples
from wrn import weights
from wrn.errors import WeightsError
from wrn.weights import reader

pytestmark = pytest.mark.usefixtures("quick_reading")


@pytest.fixture
def path(tmp_path):
    # The name says nothing true: only the content may decide.
    return tmp_path / "picture.png"


@pytest.fixture
def refusal(tmp_path, monkeypatch):
    """Read a file as a caller does, and return the sentence that refuses it.

    The calling process never opens the file as HDF5, keeps nothing of it, and is
    given its answer after 12 seconds at the latest.
    """
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    def forbidden(*_, **__):
        raise AssertionError("the calling process opened the file")

    def refusal(path):
        assert reader.cpu_seconds(path.stat().st_size) < 12
        with monkeypatch.context() as patch:
            patch.setattr("tempfile.tempdir", str(temporary))
            patch.setattr(h5py, "File", forbidden)
            patch.setattr(zipfile, "ZipFile", forbidden)
            with pytest.raises(WeightsError) as error:
                weights.recognize(weights.read(path))
        assert list(temporary.iterdir()) == []
        sentence = str(error.value)
        assert str(tmp_path) not in sentence
        assert len(sentence) < 700
        assert sentence.isprintable()
        return sentence

    return refusal


HOSTILE = {}


def new(path):
    return samples.write_weights_h5(path, samples.wide_resnet(10, 1))


def old(path):
    return samples.write_legacy(path, samples.wide_resnet(10, 1))


def old_model(path):
    return samples.write_legacy(path, samples.wide_resnet(10, 1), model_config={})


def keras_1(path):
    return samples.write_keras_1(path, samples.wide_resnet(10, 1))


def hostile(message, write=new):
    """Register a function that makes a valid file hostile."""

    def register(make):
        HOSTILE[make.__name__] = (write, make, message)
        return make

    return register


CONV = "layers/conv2d/vars/0"


def _replace(file, name=CONV, **options):
    del file[name]
    return file.create_dataset(name, **options)


@hostile("is a link to a file")
def external_link_at_dataset(file):
    del file[CONV]
    file[CONV] = h5py.ExternalLink("/etc/passwd", "/x")


@hostile("is a link to a file")
def external_link_at_root(file):
    file["optimizer"] = h5py.ExternalLink("other.h5", "/x")


@hostile("is a soft link")
def soft_link(file):
    del file[CONV]
    file[CONV] = h5py.SoftLink("/layers/conv2d_1/vars/0")


@hostile("is a soft link")
def soft_link_loop(file):
    file["layers/a"] = h5py.SoftLink("/layers/a")


@hostile("second name")
def hard_link_cycle(file):
    file["layers/conv2d/vars/loop"] = file["layers"]


@hostile("second name")
def alias(file):
    file["layers/conv2d/vars/1"] = file[CONV]


@hostile("in another file")
def external_storage(file):
    external = [("/etc/passwd", 0, 1728)]
    _replace(file, shape=(3, 3, 3, 16), dtype="f4", external=external)


@hostile("virtual dataset")
def virtual_dataset(file):
    layout = h5py.VirtualLayout((432,), dtype="f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (432,))
    del file[CONV]
    file.create_virtual_dataset(CONV, layout)


@hostile("promises")
def huge_chunked_shape(file):
    _replace(file, shape=(2**40,), dtype="f4", chunks=(1024,))


@hostile("promises")
def huge_contiguous_shape(file):
    _replace(file, shape=(2**30,), dtype="f4")


@hostile("promises")
def gzip_bomb(file):
    _replace(file, data=np.zeros(2**25, "f4"), compression="gzip", chunks=(2**20,))


@hostile("at most 1024 MiB")
def many_bombs(file):
    for i in range(90):
        file.create_dataset(
            f"layers/x{i}/vars/0",
            shape=(2**22,),
            dtype="f4",
            chunks=(2**22,),
            compression="gzip",
        )
        # A stored size that passes the test of each dataset alone.
        file[f"layers/x{i}/vars/0"].id.write_direct_chunk((0,), bytes(2**17))


@hostile("at most 4 axes")
def many_axes(file):
    _replace(file, data=np.ones((1,) * 32, "f4"))


@hostile("finite numbers.*1 of 432")
def nan(file):
    file[CONV][0, 0, 0, 0] = np.nan


@hostile("finite numbers")
def infinity_after_conversion(file):
    _replace(file, data=np.full((3, 3, 3, 16), 1e300))


@hostile("variance.*negative")
def negative_variance(file):
    file["layers/batch_normalization/vars/3"][0] = -0.5


@hostile("whole numbers")
def integers(file):
    _replace(file, data=np.ones((3, 3, 3, 16), np.int64))


@hostile("text")
def strings(file):
    _replace(file, data=np.array([b"a"] * 9))


@hostile("references")
def references(file):
    _replace(file, shape=(3,), dtype=h5py.ref_dtype)


@hostile("varying length")
def vlen(file):
    _replace(file, shape=(3,), dtype=h5py.vlen_dtype("f4"))


@hostile("records")
def compound(file):
    _replace(file, data=np.zeros(3, [("r", "f4"), ("i", "f4")]))


@hostile("enumeration")
def booleans(file):
    _replace(file, data=np.ones(3, bool))


@hostile("opaque")
def opaque(file):
    _replace(file, data=np.zeros(3, "V2"))


@hostile("empty dataset")
def null_dataspace(file):
    _replace(file, data=h5py.Empty("f4"))


@hostile("scalar")
def scalar(file):
    _replace(file, data=np.float32(1))


@hostile("named data type")
def committed_type(file):
    file["layers/type"] = np.dtype("f4")


@hostile("HDF5 filter 32")
def unknown_filter(file):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((16,))
    plist.set_filter(32004, h5py.h5z.FLAG_OPTIONAL, ())
    space = h5py.h5s.create_simple((16,))
    h5py.h5d.create(file.id, b"lz4", h5py.h5t.IEEE_F32LE, space, plist)


@hostile("nested at most")
def deep_nesting(file):
    group = file
    for _ in range(3000):
        group = group.create_group("g")


@hostile("at most 5,000 items")
def wide_group(file):
    for i in range(6000):
        file.create_group(f"layers/g{i}")


@hostile("at most 5,000 items")
def many_groups(file):
    for i in range(80):
        for j in range(80):
            file.create_group(f"layers/g{i}/{j}")


@hostile("must hold text")
def attribute_of_numbers(file):
    file["layers/conv2d/vars"].attrs["name"] = np.arange(1000.0)


@hostile("must hold text")
def attribute_of_references(file):
    file.attrs["layer_names"] = np.array([file.ref] * 3, dtype=h5py.ref_dtype)


@hostile("at most 8 MiB")
def huge_attribute(file):
    file.attrs["model_config"] = "x" * 2**24


@hostile("which the file does not hold")
def absolute_layer_name(file):
    file.attrs["layer_names"] = ["/layers/conv2d"]


@hostile("which the file does not hold")
def dotted_layer_name(file):
    file.attrs["layer_names"] = ["../layers"]


@hostile("which the file does not hold")
def missing_weight(file):
    file.attrs["layer_names"] = ["layers"]
    file["layers"].attrs["weight_names"] = [b"\xff\xfe", b"../conv2d/vars/0"]


@hostile("no weight file of Keras")
def foreign_hdf5(file):
    del file["layers"]
    file["measurements"] = np.ones(3)


@hostile("is a link to a file")
def external_link_at_layer(file):
    del file["layers/conv2d"]
    file["layers/conv2d"] = h5py.ExternalLink("other.h5", "/layers/conv2d")


@hostile("is a soft link")
def dangling_soft_link(file):
    file["layers/a"] = h5py.SoftLink("/nothing")


@hostile("second name")
def many_aliases(file):
    for i in range(3000):
        file[f"layers/conv2d_{i + 99}"] = file["layers/conv2d"]


@hostile("promises")
def chunk_larger_than_its_dataset(file):
    _replace(
        file,
        data=np.zeros(4, "f4"),
        chunks=(2**24,),
        maxshape=(None,),
        compression="gzip",
    )


@hostile("HDF5 filter 6")
def numeric_filter(file):
    _replace(file, data=np.ones(64, "f4"), scaleoffset=3)


@hostile("of another size")
def long_doubles(file):
    _replace(file, data=np.ones(9, np.longdouble))


@hostile("must be printable text")
def name_that_is_no_utf_8(file):
    file["layers"].create_group(b"\xff\xfe")


@hostile("must be printable text")
def name_with_control_characters(file):
    file.create_group("layers/\x1b[2J")


@hostile("must hold text")
def attribute_of_one_number(file):
    file["layers/conv2d/vars"].attrs["name"] = 1.5


@hostile("All attributes together")
def much_text_in_many_attributes(file):
    for i in range(12):
        group = file.create_group(f"layers/x{i}/vars")
        group.attrs["layer_names"] = ["x" * 2**20]


@hostile("at most 5,000 texts")
def many_texts(file):
    file.attrs["layer_names"] = np.full(6000, b"")


@hostile("which the file does not hold")
def name_of_the_group_itself(file):
    file.attrs["layer_names"] = ["."]


# Legacy files, which list the names of their layers and weights.


@hostile("is a link to a file", old_model)
def external_link_at_the_models_weights(file):
    del file["model_weights"]
    file["model_weights"] = h5py.ExternalLink("/etc/passwd", "/model_weights")


@hostile("each layer to be listed once.*'conv2d_1'", old)
def layer_listed_twice(file):
    names = file.attrs["layer_names"]
    file.attrs["layer_names"] = np.append(names, names[:1])


@hostile("each weight to be listed once.*kernel:0'", old)
def weight_listed_twice(file):
    names = file["dense_1"].attrs["weight_names"]
    file["dense_1"].attrs["weight_names"] = [names[0], *names]


@hostile("'/conv2d_1/conv2d_1/kernel:0'.*which the file does not hold", old)
def absolute_weight_name(file):
    file["conv2d_1"].attrs["weight_names"] = [b"/conv2d_1/conv2d_1/kernel:0"]


@hostile(r"'\.\./conv2d_2/.*which the file does not hold", old)
def dotted_weight_name(file):
    file["conv2d_1"].attrs["weight_names"] = [b"../conv2d_2/conv2d_2/kernel:0"]


@hostile("nested at most 64 deep", old_model)
def description_nested_without_end(file):
    file.attrs["model_config"] = "[" * 100_000


@hostile("nested at most 64 deep", old_model)
def description_nested_as_deep_as_python_reads(file):
    deep = "[" * 900 + "]" * 900
    layer = {"class_name": 0, "config": {"padding": 0}}
    text = json.dumps({"config": {"layers": [layer]}}).replace("0", deep)
    file.attrs["model_config"] = text


@hostile(r"kernel of 16x3x3x3.*while others are \(height, width, in, out\)", keras_1)
def kernels_of_two_layouts(file):
    group = file["convolution2d_2"]
    (name,) = group.attrs["weight_names"]
    kernel = group[name][()].transpose(2, 3, 1, 0)
    del group[name]
    group[name] = kernel


@hostile("has 7 batch normalizations, not 8", old)
def one_normalization_too_many(file):
    group = file.create_group("batch_normalization_99")
    names = [f"batch_normalization_99/{role}:0" for role in samples.ROLES["bn"]]
    for name in names:
        group[name] = np.ones(16, "f4")
    group.attrs["weight_names"] = names
    listed = file.attrs["layer_names"]
    file.attrs["layer_names"] = np.append(
        listed, np.array(["batch_normalization_99"], listed.dtype)
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused(path, refusal, name):
    write, make, message = HOSTILE[name]
    write(path)
    with h5py.File(path, "a") as file:
        make(file)
    assert re.search(message, refusal(path))


EVIL = "\x1b[2J" + "x" * 10_000


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("model_config", [EVIL]),
        ("wrn", {"model": {EVIL: 1}}),
        ("wrn", {"model": {"depth": EVIL}}),
        ("wrn", {"model": {"depth": 10**4000}}),
        ("wrn", {"model": {"dropout": 10**4000}}),
        ("wrn", {"model": {"classes": float("nan")}}),
        ("wrn", {"wiring": {"head": EVIL}}),
        ("wrn", {"wiring": {"epsilon": 10**4000}}),
    ],
)
def test_descriptions_that_are_evil_are_refused_in_a_short_sentence(
    path, refusal, attribute, value
):
    new(path)
    with h5py.File(path, "a") as file:
        file.attrs[attribute] = json.dumps(value)
    assert "Received" in refusal(path) or "own description" in refusal(path)


def test_long_names_are_not_repeated(path, refusal):
    new(path)
    with h5py.File(path, "a") as file:
        file["layers/conv2d/vars"].attrs["name"] = EVIL
        file["layers/conv2d/vars/1"] = np.ones((2, 2), "f4")
    assert "Received" in refusal(path)


def test_code_in_a_file_is_never_run(path, tmp_path):
    """A `Lambda` of Keras carries marshalled code; here it is text like any other."""
    marker = tmp_path / "marker"
    code = compile(f"open({str(marker)!r}, 'w')", "lambda", "exec")
    text = base64.b64encode(marshal.dumps(code)).decode()
    layers = [
        {"class_name": "Lambda", "config": {"name": "x", "function": [text, None]}},
        {"class_name": "__import__('os').system('true')", "config": {}},
    ]
    config = {"class_name": "Functional", "config": {"layers": layers}}
    samples.write_legacy(path, samples.wide_resnet(10, 1), model_config=config)
    assert weights.inspect(path)["name"] == "WRN-10-1"
    assert not marker.exists()


def test_what_is_not_read_may_be_anything(path):
    new(path)
    with h5py.File(path, "a") as file:
        file["layers/conv2d"].attrs["unknown"] = np.arange(2000)
        file["optimizer/vars/0"] = np.int64(7)
        file["optimizer/vars/1"] = np.full(9, np.nan)
    assert weights.inspect(path)["name"] == "WRN-10-1"


# --- files that are no HDF5, or not a whole one -----------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file"),
        (b"hello\n", "Received: text"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "PNG picture"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS pointer"),
        (b"\x80\x04\x95", "Python pickle"),
        (b"\xca\xfe\xba\xbe", "bytes ca fe ba be"),
        (bytes(512) + b"\x89HDF\r\n\x1a\n", "bytes 00 00"),
        (b"\x89HDF\r\n\x1a\n" + bytes(600), "damaged"),
        (b"PK\x03\x04" + bytes(99), "ZIP archive is damaged"),
    ],
)
def test_other_files_are_refused(path, refusal, content, message):
    path.write_bytes(content)
    assert message in refusal(path)


@pytest.mark.parametrize("write", [new, old, keras_1])
def test_truncated_file_is_called_so(path, refusal, write):
    data = write(path).read_bytes()
    for length in (len(data) - 1000, len(data) // 2):
        path.write_bytes(data[:length])
        message = f"promises {len(data):,} bytes.*Received: {length:,}"
        assert re.search(message, refusal(path))


def test_missing_file_and_folder_are_refused(tmp_path):
    with pytest.raises(WeightsError, match="No such file"):
        weights.read(tmp_path / "none.h5")
    with pytest.raises(WeightsError, match="no file"):
        weights.read(tmp_path)


# --- archives ---------------------------------------------------------------------


@pytest.fixture
def members(path):
    """Return the members of a valid archive."""
    return samples.archived(new(path))


@pytest.mark.parametrize(
    "name", ["../evil.py", "/etc/passwd", "assets/x.txt", "model.weights.h5/", "a\x1b"]
)
def test_archive_with_another_member_is_refused(path, refusal, members, name):
    samples.pack(path, members | {name: ""})
    assert re.search("not of a Keras model.*Received: ", refusal(path))


def test_archive_that_lacks_a_member_or_has_two_is_refused(path, refusal, members):
    for name in members:
        samples.pack(
            path, {other: members[other] for other in members if other != name}
        )
        assert "not of a Keras model" in refusal(path)
    samples.pack(path, members)
    warned = pytest.warns(UserWarning, match="Duplicate name")
    with zipfile.ZipFile(path, "a") as archive, warned:
        archive.writestr("model.weights.h5", "")
    assert "not of a Keras model" in refusal(path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"config.json": "[" * 10**6}, "description must be a JSON object"),
        ({"metadata.json": "3"}, "metadata must be a JSON object"),
        (
            {"config.json": " " * (2**23 + 1)},
            "config.json must unpack to at most 8 MiB",
        ),
        ({"model.weights.h5": b"no"}, "damaged"),
        ({"model.weights.h5": b"PK\x03\x04"}, "damaged"),
        ({"model.weights.h5": bytes(2**25)}, "promises 33,554,432 bytes"),
        ({"config.json": " " * 2**22}, "promises 4,194,304 bytes"),
    ],
)
def test_members_of_an_archive_are_checked(path, refusal, members, changed, message):
    samples.pack(path, members | changed, zipfile.ZIP_DEFLATED)
    assert message in refusal(path)


def test_hostile_weights_in_an_archive_are_refused(path, refusal, tmp_path):
    h5 = new(tmp_path / "weights")
    with h5py.File(h5, "a") as file:
        external_link_at_dataset(file)
    samples.pack(path, samples.archived(h5))
    assert "is a link to a file" in refusal(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_archive_of_another_compression_is_refused(path, refusal, members, method):
    samples.pack(path, members, method)
    assert f"Received: ZIP method {method}" in refusal(path)


#: Offsets in an entry of a ZIP archive's central directory.
FLAGS, CHECKSUM, SIZE = 8, 16, 24


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (FLAGS, 1, "must not be encrypted"),
        (CHECKSUM, 1, "ZIP archive is damaged"),
        (SIZE, 2**31, "must unpack to at most"),
    ],
)
def test_archive_that_belies_itself_is_refused(
    path, refusal, members, field, value, message
):
    data = bytearray(samples.pack(path, members).read_bytes())
    format = "<H" if field == FLAGS else "<I"
    entry = data.index(b"PK\x01\x02")
    struct.pack_into(format, data, entry + field, value)
    path.write_bytes(data)
    assert message in refusal(path)


def test_truncated_archive_is_refused(path, refusal, members):
    data = samples.pack(path, members).read_bytes()
    path.write_bytes(data[:-1000])
    assert "ZIP archive is damaged" in refusal(path)


def test_file_that_is_an_archive_and_hdf5_at_once_is_refused(path, refusal, members):
    """HDF5 is found behind 512 bytes of anything, a ZIP archive before its end."""
    prefix = b"PK\x03\x04" + bytes(508)
    path.write_bytes(prefix + members["model.weights.h5"])
    with h5py.File(path):
        assert "ZIP archive is damaged" in refusal(path)
    archive = samples.pack(path, members).read_bytes()
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(600) + archive)
    assert zipfile.is_zipfile(path)
    assert "damaged" in refusal(path)


# --- the child process ------------------------------------------------------------


@pytest.fixture
def child(monkeypatch, tmp_path):
    """Replace the child's program."""

    def replace(code):
        program = tmp_path / "program.py"
        program.write_text(textwrap.dedent(code))
        monkeypatch.setattr(reader, "CHILD", program)

    return replace


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_crash_of_the_library_is_one_sentence(path, child):
    child(f"import os; os.kill(os.getpid(), {int(signal.SIGSEGV)})")
    samples.write_weights_h5(path, samples.mlp())
    with pytest.raises(WeightsError, match="library failed on this file"):
        weights.read(path)


@pytest.mark.skipif(os.name != "posix", reason="limits")
def test_hang_of_the_library_is_one_sentence(path, child, monkeypatch):
    """Ended by its own limit on computing, as the true child sets it."""
    child(
        f"""
        import importlib.util, sys
        spec = importlib.util.spec_from_file_location("child", {str(reader.CHILD)!r})
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.limit_resources(int(sys.argv[2]))
        while True: pass
        """
    )
    monkeypatch.setattr(reader, "MIN_CPU_SECONDS", 0.5)
    monkeypatch.setattr(reader, "PATIENCE", 1000)
    samples.write_weights_h5(path, samples.mlp())
    with pytest.raises(WeightsError, match=r"at most 1 seconds of computing.*longer"):
        weights.read(path)


def test_a_process_that_only_waits_is_ended_by_the_clock(path, child, monkeypatch):
    child("import threading; threading.Event().wait()")
    monkeypatch.setattr(reader, "PATIENCE", 0.05)
    samples.write_weights_h5(path, samples.mlp())
    with pytest.raises(WeightsError, match="takes longer"):
        weights.read(path)


@pytest.mark.parametrize(
    "manifest",
    [
        "not JSON",
        "[]",
        "{}",
        '{"datasets": [["a", [2]]], "groups": [], "attributes": {}, "archive": {}}',
        '{"datasets": [["a", [-1]]], "groups": [], "attributes": {}, "archive": {}}',
        '{"datasets": [["a", "b"]], "groups": [], "attributes": {}, "archive": {}}',
        '{"datasets": [], "groups": [], "attributes": {"": 1}, "archive": {}}',
        '{"datasets": [["a", [1]]], "groups": 3, "attributes": {}, "archive": {}}',
    ],
)
def test_the_child_is_not_trusted(path, child, manifest):
    child(
        f"""
        open("manifest.json", "w").write({manifest!r})
        open("arrays.f32", "wb").write(bytes(4))
        """
    )
    samples.write_weights_h5(path, samples.mlp())
    with pytest.raises(WeightsError, match="library failed on this file"):
        weights.read(path)


@pytest.mark.skipif(os.name != "posix", reason="pipes")
@pytest.mark.parametrize(
    "code",
    [
        'os.mkfifo("manifest.json")',
        'os.symlink("/dev/zero", "manifest.json")',
        'open("manifest.json", "w").truncate(2**40)',
    ],
)
def test_what_the_child_leaves_is_looked_at_first(path, child, code):
    child(f"import os; {code}")
    samples.write_weights_h5(path, samples.mlp())
    with pytest.raises(WeightsError, match="library failed on this file"):
        weights.read(path)
