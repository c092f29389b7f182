"""The settings of a new training, in the order in which a person decides them."""

import math
import os

import streamlit as st

from ui import state
from ui.charts import schedule_curve
from ui.choices.images import choose_source
from ui.forms import AnyConfig, config_form, model_form, refused_in_address
from ui.live_chart import live_chart
from ui.text import changes_with_labels, literal, refusal
from ui.train.samples import samples
from wrn import naming
from wrn.config import (
    DataConfig,
    OutputConfig,
    RunConfig,
    TrainConfig,
    options,
)
from wrn.config.recipes import RECIPES, Recipe, note
from wrn.config.schedule import image_growth, learning_rate
from wrn.errors import ConfigError, WrnError
from wrn.jobs import JobManager
from wrn.training import feasibility

#: What most people set; the rest is folded away.
DATA_FIRST = ("limit",)
TRAIN_FIRST = ("epochs", "batch_size", "learning_rate", "schedule", "precision")

#: The schedule is drawn from at least this many values.
SCHEDULE_VALUES = 400

SOURCE_NOTES = {
    "cifar10": "60,000 photographs of 32×32 pixels in ten classes. Downloaded once "
    "(170 MB) where this machine has no copy yet.",
    "synthetic": "Pictures that the program draws, to try everything without a "
    "download. Results on them say nothing about real images.",
}


def run_form() -> RunConfig | None:
    """Ask for all settings of a training.

    Returns:
        The settings; or `None` if some are refused, with the reason on the page.
    """
    st.markdown("**Network**")
    model = model_form()
    st.markdown("**Images**")
    data = _data_form()
    st.markdown("**Training**")
    recipe = _recipe()
    # Each recipe has widgets of its own, which start at its values.
    data_key, train_key = (f"{key}_{recipe.name}" for key in (state.DATA, state.TRAIN))
    train = config_form(
        TrainConfig,
        key=train_key,
        defaults=recipe.config(TrainConfig),
        only=TRAIN_FIRST,
        within=st.grid(len(TRAIN_FIRST), min_column_width=150, key="train_first"),
    )
    with st.expander("More settings"):
        given = data and recipe.config(DataConfig).replace(
            source=data.source, limit=data.limit
        )
        data = _rest(DataConfig, given, data_key, ("source", *DATA_FIRST))
        train = _rest(TrainConfig, train, train_key, TRAIN_FIRST)
        output = _rest(OutputConfig, OutputConfig(), state.OUTPUT, ("runs_folder",))
        st.text_input(
            "Name of the run",
            placeholder="The network and the time",
            help=f"{naming.RULE}. The run's folder has this name.",
            max_chars=naming.LONGEST,
            key=state.RUN_NAME,
            persist_state="session",
        )
    # Wide enough on the right for a row of eight samples.
    left, right = st.columns([6, 7], gap="medium")
    if train:
        with left:
            _schedule(train)
    if data and train:
        with right:
            samples(data, train)
    if not (data and train and output):
        return None
    config = note(
        RunConfig(model=model, data=data, train=train, output=output), recipe.name
    )
    if config.changed:
        st.caption(
            "Changed against the recipe: "
            + literal("; ".join(map(changes_with_labels, config.changed)))
        )
    _tell_missing(train)
    try:
        feasibility.check_settings(config)
    except ConfigError as error:
        st.error(refusal(error))
        return None
    return config


def _recipe() -> Recipe:
    """Ask for the recipe and tell about it."""
    name = st.selectbox(
        "Recipe",
        RECIPES,
        help="Where the settings below start. Each can be changed; the run records "
        "what was.",
        key=state.RECIPE,
        persist_state="session",
    )
    chosen = RECIPES[name]
    st.caption(
        f"{chosen.summary}  \n**Source:** {chosen.source}. **To expect:** "
        f"{chosen.expected}. **Cost:** {chosen.cost}."
    )
    return chosen


def acknowledge(jobs: JobManager) -> None:
    """Unfold the form where nothing is trained, fold it at a start; tell of the queue.

    Who comes with settings from another page finds it unfolded, too, and who is to be
    told of refused ones. It is decided on arrival and at a start: a training that ends
    leaves the page alone.
    """
    name, waits = st.session_state.pop(state.SUBMITTED, ("", False))
    if name:
        st.session_state[state.RUN_NAME] = ""
    if waits:
        st.toast(f"{literal(name)} was added to the queue.")
    visit = st.session_state[state.VISIT]
    asked = st.session_state.pop(state.FORM_ASKED, False) or bool(refused_in_address())
    arrived = asked or st.session_state.get(state.FORM_VISIT) != visit
    if arrived or (name and not waits):
        st.session_state[state.FORM] = asked or not jobs.live()
    st.session_state[state.FORM_VISIT] = visit


def start_button(jobs: JobManager, config: RunConfig | None) -> None:
    """Offer to start the training, or to queue it behind the one that runs."""
    waiting = bool(jobs.live())
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            "Add to the queue" if waiting else "Start training",
            type="primary",
            disabled=config is None,
            key="start",
        )
        if config is None:
            st.caption("A setting above needs another value first.", width="stretch")
        elif waiting:
            st.caption(
                "A training is under way; this one will start after it.",
                width="stretch",
            )
    if pressed and config:
        try:
            run = jobs.submit(config, st.session_state[state.RUN_NAME].strip() or None)
        except WrnError as error:
            st.error(refusal(error))
        else:
            st.session_state[state.SUBMITTED] = run.name, waiting
            st.rerun()


def _data_form() -> DataConfig | None:
    left, right = st.columns([3, 1], gap="medium")
    with left:
        source = choose_source("Source", state.TRAIN_SOURCE)
        if source in SOURCE_NOTES or os.path.exists(os.path.expanduser(source)):
            st.caption(SOURCE_NOTES.get(source, "A path on this machine."))
        else:
            st.markdown(":small[:red[There is no such path on this machine.]]")
    with right:
        return config_form(
            DataConfig,
            key=state.DATA,
            defaults=DataConfig(source=source),
            only=DATA_FIRST,
        )


def _tell_missing(train: TrainConfig) -> None:
    """Tell of weight files that are not there: a training before may yet write them."""
    for path in dict.fromkeys((*train.initial_files, *train.teachers)):
        if not os.path.isfile(path):
            missing = f"There is no weight file {literal(path)} on this machine yet."
            st.markdown(f":small[:red[{missing}]]")


def _rest(
    config: type[AnyConfig],
    answered: AnyConfig | None,
    key: str,
    without: tuple[str, ...],
) -> AnyConfig | None:
    """Ask for the settings that are not asked for elsewhere."""
    names = tuple(o.name for o in options(config) if o.name not in without)
    st.caption(config.section.capitalize())
    grid = st.grid(4, min_column_width=180, key=f"rest_{key}")
    answer = config_form(config, key=key, defaults=answered, only=names, within=grid)
    return answer if answered else None


def _schedule(train: TrainConfig) -> None:
    """Draw the learning rate that the training will have; tell how images grow."""
    st.markdown("**Schedule**")
    steps_per_epoch = math.ceil(SCHEDULE_VALUES / train.epochs)
    rates = [
        learning_rate(train, step, steps_per_epoch)
        for step in range(train.epochs * steps_per_epoch)
    ]
    live_chart(
        schedule_curve(rates, train.epochs),
        key="schedule",
        height=190,
        alt=f"Learning rate over {train.epochs} epochs, at most {max(rates):g}",
    )
    growth = image_growth(train)
    if len(growth) > 1:
        st.caption(
            "Images grow: "
            + ", ".join(f"{size} pixels from epoch {n}" for n, size in growth)
            + "."
        )
