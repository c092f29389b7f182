"""Weight files that are hostile or damaged, and what is said of each."""

import json

import h5py
import numpy as np

from tests import weight_files as samples

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


def _replace(file, **options):
    del file[CONV]
    return file.create_dataset(CONV, **options)


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
    _replace(file, data=np.zeros(3, "V3"))


@hostile("empty dataset")
def null_dataspace(file):
    _replace(file, data=h5py.Empty("f4"))


@hostile("empty dataset")
def no_filters(file):
    _replace(file, data=np.zeros((3, 3, 3, 0), "f4"))


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
