"""What a network says of one picture, where it looks, and what its layers see."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from ui import charts, state
from ui.choices.picture import Picture
from ui.chosen_weights import ChosenWeights
from ui.evaluation.result import found_out
from ui.live_chart import live_chart
from ui.loading import load_network
from ui.pictures import blended, enlarged, tiles
from ui.text import literal
from wrn.data.pictures import data_address

if TYPE_CHECKING:
    from wrn.inference import Classifier

#: Side, in pixels, of the pictures on the page.
SIDE = 256

#: Channels of a layer that are shown, and how many in a row.
CHANNELS = 64
COLUMNS = 8


def show(chosen: ChosenWeights, picture: Picture, told: Sequence[str]) -> None:
    """Classify a picture and show what there is to see.

    Args:
        chosen: The weights.
        picture: The picture.
        told: Notes on the weights that the page has shown already.

    Raises:
        WrnError: If the picture or the weights cannot be had, or these answer no
            finite numbers.
    """
    image, told_of = picture.load()
    known = found_out(st.session_state.get(state.EVALUATED), chosen.identity)
    loaded = known.loaded if known else load_network(chosen)
    # Loads TensorFlow: only now.
    from wrn.evaluation.explain import classify, first_filters, grad_cam, top_classes

    (probabilities,) = classify(loaded.classifier, image[None])
    names = loaded.class_names
    top = top_classes(probabilities, names)
    label, classes = told_of or (None, names)
    true = None if label is None else classes[label]
    same = tuple(classes) == names
    st.header(_verdict(top[0], true if same else None), anchor=False)
    st.caption(f"{literal(picture.name)}, {literal(chosen.label)}")
    if true is not None and not same:
        st.caption(
            f"The image is of the class {literal(true)}. The network was taught other "
            "classes than those of the images, or in another order, so no answer of "
            "its counts as right or wrong."
        )
    for note in loaded.notes:
        if note not in told:
            # It refuses images of another number of classes.
            finds_out = not known and len(classes) == len(names)
            how = " The Evaluate page finds out." if finds_out else ""
            st.caption(f"{literal(note)}{how}")
    seen, looked, guessed = st.columns([2, 2, 3], gap="medium")
    with seen:
        st.markdown("**As the network sees it**")
        st.image(
            data_address(enlarged(image, SIDE)),
            width="stretch",
            alt=f"{picture.name}, 32x32",
        )
    with looked:
        asked = st.session_state.get(state.CAM_CLASS)
        number = names.index(asked if asked in names else top[0][0])
        st.markdown("**Where it looks**")
        st.image(
            data_address(
                blended(image, grad_cam(loaded.classifier, image, number), SIDE)
            ),
            width="stretch",
            alt=f"Grad-CAM for {names[number]}: warm where it speaks for the class",
        )
        st.selectbox(
            "For the class",
            names,
            index=None,
            placeholder=f"{top[0][0]}, the most probable",
            help="Grad-CAM over the last group: the warmer, the more that place speaks "
            "for the class.",
            key=state.CAM_CLASS,
        )
    with guessed:
        st.markdown("**Top five**")
        live_chart(
            charts.top_classes(top),
            key="top_classes",
            height=300,
            alt=", ".join(f"{name} {share:.1%}" for name, share in top),
        )
    st.markdown("**Filters of the first convolution**")
    filters = first_filters(loaded.classifier.model)
    st.image(
        data_address(
            tiles((filters * 255).astype(np.uint8), scale=12, columns=COLUMNS)
        ),
        alt=f"{len(filters)} filters of 3x3 pixels",
    )
    _maps(loaded.classifier, image)


def _verdict(best: tuple[str, float], true: str | None) -> str:
    guess = f"{literal(best[0]).capitalize()}, {best[1]:.1%}"
    if true is None:
        return guess
    if true == best[0]:
        return f":green[✓] {guess}"
    return f":red[✗] {guess} :small[is {literal(true)}]"


def _maps(classifier: "Classifier", image: NDArray[np.uint8]) -> None:
    """Show the maps of a layer that the person chooses."""
    from wrn.evaluation.explain import feature_maps, layers_with_maps, stretched

    st.markdown("**Maps of a layer**")
    names = layers_with_maps(classifier.model)
    layer = st.selectbox(
        "Layer",
        names,
        help="What each channel of the layer makes of the picture.",
        width=260,
        key=state.MAPS_LAYER,
    )
    maps = feature_maps(classifier, image, layer)
    channels = np.moveaxis(maps, -1, 0)[:CHANNELS]
    gray = (255 * stretched(channels)).astype(np.uint8)
    st.image(
        data_address(tiles(gray, scale=max(1, 64 // gray.shape[1]), columns=COLUMNS)),
        alt=f"{len(gray)} maps of {layer}",
    )
    height, width, count = maps.shape
    st.caption(
        f"{len(gray):,} of {count:,} channels, {height}×{width} each, from its lowest "
        "value (black) to its highest."
    )
