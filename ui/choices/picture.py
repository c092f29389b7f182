"""Which picture: one of the test images, or one of the person's own."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from ui import state
from ui.choices.images import choose_source
from ui.choices.uploads import forget, uploaded_before
from ui.loading import load_images
from wrn.data.pictures import FORMATS, MAX_PICTURE_BYTES, read_picture
from wrn.errors import DataError

TEST, OWN = "A test image", "My own pictures"


@dataclass(frozen=True)
class Picture:
    """A picture to classify.

    Attributes:
        name: What to call it.
        load: Returns it as the network sees it, uint8 (32, 32, 3), and the number of
            its class and the names of all classes, where these are known. May raise a
            `WrnError`.
    """

    name: str
    load: Callable[[], tuple[NDArray[np.uint8], tuple[int, Sequence[str]] | None]]


def choose_picture() -> Picture | None:
    """Ask for a picture; `None` as long as there is none."""
    kind = st.segmented_control(
        "Picture",
        (TEST, OWN),
        default=TEST,
        required=True,
        key=state.PICTURE_KIND,
        persist_state="session",
    )
    return _test_image() if kind == TEST else _own_picture()


def _test_image() -> Picture:
    left, right = st.columns([3, 2], gap="small")
    with left:
        source = choose_source("Images", state.EVALUATE_SOURCE)
    number = right.number_input(
        "Number",
        min_value=0,
        step=1,
        help="Which of the test images, from 0.",
        key=state.PICTURE_NUMBER,
        persist_state="session",
    )

    def load() -> tuple[NDArray[np.uint8], tuple[int, Sequence[str]]]:
        dataset = load_images(source)
        count = len(dataset.test)
        if number >= count:
            raise DataError(
                f"The number must be below {count:,}, the test images of "
                f"{dataset.name}. Received: {number:,}"
            )
        label = int(dataset.test.labels[number])
        return dataset.test.images[number], (label, dataset.class_names)

    return Picture(f"Test image {number:,}", load)


def _own_picture() -> Picture | None:
    files = st.file_uploader(
        "Pictures",
        [kind.lower() for kind in (*FORMATS, "jpg", "tif")],
        accept_multiple_files=True,
        # In mebibytes; what is a little larger is refused when it is read.
        max_upload_size=-(-MAX_PICTURE_BYTES // 2**20),
        help="Any size. The square in the middle is what the network sees, in 32 by 32 "
        "pixels. Nothing leaves this machine.",
        key=state.PICTURE_FILES,
        on_change=forget,
        args=(state.PICTURES,),
    )
    if files:
        st.session_state[state.PICTURES] = files
    else:
        files = st.session_state.get(state.PICTURES, [])
        if not files:
            return None
        names = files[0].name[:120] if len(files) == 1 else f"{len(files):,} pictures"
        uploaded_before(state.PICTURES, names)
    label, *others = labels = told_apart(_shortened(file.name) for file in files)
    if others:
        # Not by their numbers, which change when another one is removed.
        label = st.selectbox(
            "Which of them", labels, key=state.PICTURE_FILE, persist_state="session"
        )
    chosen = files[labels.index(label)]
    return Picture(label, lambda: (read_picture(chosen.getvalue()), None))


def _shortened(name: str) -> str:
    """Leave out the middle of a long name: what tells files apart is often the end."""
    return name if len(name) <= 60 else f"{name[:29]}…{name[-30:]}"


def told_apart(names: Iterable[str]) -> list[str]:
    """Return names with a number behind those that came before."""
    labels: list[str] = []
    for name in names:
        label, count = name, 1
        while label in labels:
            count += 1
            label = f"{name} ({count})"
        labels.append(label)
    return labels
