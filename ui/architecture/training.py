"""What a training of the shown network would take, and the way to it."""

import streamlit as st

from ui import state
from ui.address import open_page
from ui.text import refusal
from wrn import speed
from wrn.config import DataConfig, ModelConfig, RunConfig, TrainConfig, options
from wrn.errors import ConfigError
from wrn.jobs import manager
from wrn.speed.estimate import activation_bytes, estimate
from wrn.text import estimated_duration, file_size, gigabytes


def cost_of_training(network: ModelConfig) -> None:
    """Tell what a training of the paper's recipe would take, at a batch size."""
    (option,) = (o for o in options(TrainConfig) if o.name == "batch_size")
    refused = ""
    with st.grid(4, min_column_width=150, key="training"):
        # Beyond a bound of its own the box would keep the number to itself.
        batch_size = st.number_input(
            option.label,
            step=1,
            value=option.default,
            help=option.help,
            key=state.BATCH_SIZE,
            persist_state="session",
        )
        try:
            train = TrainConfig(batch_size=batch_size)
        except ConfigError as error:
            refused = refusal(error)
        else:
            for label, (value, help) in _costs(network, train).items():
                st.metric(label, value, help=help, border=True)
    if refused:
        st.error(refused)
    if st.button("Train this network", key="train_this"):
        st.session_state[state.FORM_ASKED] = True
        open_page("pages/train.py")


def _costs(network: ModelConfig, train: TrainConfig) -> dict[str, tuple[str, str]]:
    """Return what a training takes by its label, each with where it comes from."""
    data = DataConfig(source="cifar10")
    config = RunConfig(model=network, data=data, train=train)
    told = estimate(config, speed.known(config, manager().store))
    return {
        "Activations": (
            file_size(activation_bytes(config, told.precision)),
            "What one batch leaves in memory for the backward pass: inputs of "
            "batch normalizations and outputs of ReLUs"
            + (", and what dropout keeps" if network.dropout else "")
            + f", in {told.precision}.",
        ),
        "Peak memory": (
            gigabytes(told.memory_bytes),
            "Of a training on CIFAR-10, with weights, optimizer, images"
            + (", on each GPU. " if told.gpus else " and the program itself. ")
            + told.warning,
        ),
        "Time per epoch": (
            "–"
            if told.seconds_per_epoch is None
            else estimated_duration(told.seconds_per_epoch),
            str(told.speed)
            if told.speed
            else "Not known yet on this device; the Train page can measure it.",
        ),
    }
