"""The first images of a training as the network will see them."""

import sys
from contextlib import nullcontext

import streamlit as st

from ui.loading import load_images
from ui.pictures import enlarged
from ui.text import literal, refusal
from wrn.config import FULL_SIZE, DataConfig, TrainConfig
from wrn.config.schedule import image_size
from wrn.data import is_loaded, needs_download, source_version
from wrn.data.pictures import data_address
from wrn.errors import WrnError

#: How many are shown, and in how many columns where there is room.
COUNT, COLUMNS = 16, 8

#: Side of the pictures in pixels at least; each pixel of an image becomes a square.
_SIDE = 96


def samples(data: DataConfig, train: TrainConfig) -> None:
    """Show augmented samples; where that would take long, offer to."""
    st.markdown("**Augmented samples**")
    if needs_download(data.source):
        st.caption(
            "CIFAR-10 is not on this machine yet. The training downloads it (170 MB); "
            "then samples can be shown."
        )
        return
    _samples(data, train)


@st.fragment
def _samples(data: DataConfig, train: TrainConfig) -> None:
    ready = "tensorflow" in sys.modules and is_loaded(data.source)
    offer = st.empty()
    if not ready and not offer.button("Show samples", key="show_samples"):
        st.caption(
            f"The first {COUNT} images as the network will see them. TensorFlow and "
            "the images have to be loaded for it, which takes some seconds."
        )
        return
    size = image_size(train, 0)
    try:
        if not is_loaded(data.source):
            load_images(data.source)
        with nullcontext() if ready else st.spinner("Loading TensorFlow…"):
            pictures, names = _pictures(
                data, source_version(data.source), train.batch_size, train.seed, size
            )
    except WrnError as error:
        st.error(refusal(error))
        return
    offer.empty()
    with st.grid(COLUMNS, min_column_width=60, gap="xsmall", key="samples"):
        for picture, name in zip(pictures, names, strict=True):
            with st.container(gap=None):
                st.image(picture, width="stretch", alt=name)
                st.caption(f":small[{literal(name)}]")
    st.caption(
        f"The first {COUNT} images as the network will see them, before "
        + ("mixup and normalization" if train.mixup else "normalization")
        + (f", shrunk to {size}×{size} pixels." if size < FULL_SIZE else ".")
    )


# What else is set changes nothing in the samples.
@st.cache_data(max_entries=16, show_spinner=False)
def _pictures(
    data: DataConfig, version: str, batch_size: int, seed: int, size: int
) -> tuple[list[str], list[str]]:
    """Return the enlarged samples, as addresses, and the names of their classes."""
    # Loads TensorFlow: only now.
    from wrn.data import load_cached
    from wrn.training.samples import first_samples

    dataset = load_cached(data.source)
    train = TrainConfig(
        batch_size=batch_size, seed=seed, first_size=size, full_size_from=1.0
    )
    images, labels = first_samples(dataset, data, train, COUNT)
    # So that the browser does not blur the pixels.
    times = -(-_SIDE // size)
    return (
        [data_address(enlarged(image, times * size)) for image in images],
        [dataset.class_names[label] for label in labels],
    )
