"""Forms made from the config classes, which hold the bounds and the help texts."""

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, TypeVar

import streamlit as st

from ui import state
from ui.address import bring_back, keep
from ui.text import literal, refusal
from wrn.architecture.published import PRESETS
from wrn.config import DEPTHS, Config, ModelConfig, Option, expectation, options
from wrn.errors import ConfigError

AnyConfig = TypeVar("AnyConfig", bound=Config)

#: The network that a first visit shows: small enough to read at first sight.
FIRST_NETWORK = ModelConfig(depth=16, widen_factor=2)

#: The most that the slider offers; a network learns little with more.
MOST_DROPOUT = 0.95

#: A range of at most this many whole numbers gets a slider.
LONGEST_SLIDER = 50


def model_form() -> ModelConfig:
    """Ask for the network. The answer lives in the URL, so a link reproduces it.

    The network goes along from page to page within a session.

    Returns:
        The network, with the default number of classes.
    """
    depth, widen_factor, dropout = (
        option for option in options(ModelConfig) if option.name != "classes"
    )
    network_keys = (state.DEPTH, state.WIDEN_FACTOR, state.DROPOUT)
    for sentence in refused_in_address():
        st.warning(sentence)
    bring_back(*network_keys)
    first, left, middle, right = st.columns([3, 4, 4, 4], gap="medium")
    network = ModelConfig(
        depth=left.select_slider(
            depth.label,
            DEPTHS,
            value=FIRST_NETWORK.depth,
            help=depth.help,
            key=state.DEPTH,
            bind="query-params",
        ),
        widen_factor=middle.slider(
            widen_factor.label,
            int(widen_factor.minimum or 1),
            int(widen_factor.maximum or 20),
            value=FIRST_NETWORK.widen_factor,
            help=widen_factor.help,
            key=state.WIDEN_FACTOR,
            bind="query-params",
        ),
        dropout=right.slider(
            dropout.label,
            0.0,
            MOST_DROPOUT,
            value=FIRST_NETWORK.dropout,
            step=0.05,
            format="%g",
            help=dropout.help,
            key=state.DROPOUT,
            bind="query-params",
        ),
    )
    keep(*network_keys)
    with first:
        _preset(network)
    return network


def refused_in_address() -> list[str]:
    """Tell which parameters of the network in the address none may have.

    The widgets, which take them, begin at their own values then.
    """
    sentences = []
    for option in options(ModelConfig):
        text = st.query_params.get(option.name)
        offered = _offered(option)
        if text is not None and not _takes(offered, text):
            must = f"{option.label} must be {expectation(offered)}"
            sentences.append(literal(f"{must}. Received: {text[:40]!r}"))
    return sentences


def _offered(option: Option) -> Option:
    """Return an option of the network with the range that its widget has."""
    if option.name == state.DEPTH:
        return replace(option, choices=DEPTHS)
    if option.name == state.DROPOUT:
        return replace(option, maximum=MOST_DROPOUT)
    return option


def _takes(option: Option, text: str) -> bool:
    """Whether the widget of an option takes a text of the address."""
    if option.choices:
        return text in map(str, option.choices)
    try:
        number = float(text)
    except ValueError:
        return False
    whole = option.type is not int or number.is_integer()
    return whole and (option.minimum or 0) <= number <= (option.maximum or math.inf)


def _preset(network: ModelConfig) -> None:
    """Offer the networks with published results; one that is chosen sets the rest."""
    names = {preset.name: preset for preset in PRESETS}

    def choose() -> None:
        preset = names.get(st.session_state[state.PRESET])
        if preset:
            st.session_state[state.DEPTH] = preset.depth
            st.session_state[state.WIDEN_FACTOR] = preset.widen_factor
            st.session_state[state.DROPOUT] = preset.dropout
        st.session_state[state.PRESET] = None

    st.selectbox(
        "Published",
        names,
        index=None,
        # The network is no value of the box: set by the program, it would look chosen
        # by the person when another change comes in before the browser has heard of it.
        placeholder=network.name
        if network == names.get(network.name)
        else "Another network",
        help="Networks whose test error on CIFAR-10 was published. Choosing one sets "
        "depth, widen factor and dropout.",
        on_change=choose,
        key=state.PRESET,
    )


def config_form(
    config: type[AnyConfig],
    *,
    key: str,
    defaults: AnyConfig | None = None,
    only: tuple[str, ...] | None = None,
    within: AbstractContextManager[Any] | None = None,
) -> AnyConfig | None:
    """Ask for the settings of a config class, one widget a field.

    Args:
        config: The config class.
        key: What the widgets' keys begin with: `{key}_{field}`.
        defaults: Where the widgets start, and the values of the fields that are
            left out. Defaults to the class's own defaults.
        only: Names of the fields to ask for. Defaults to all.
        within: The container of the widgets. A refusal stands below it.

    Returns:
        The settings; or `None` if they are refused, with the reason on the page.
    """
    defaults = defaults or config()
    with within or nullcontext():
        answers = {
            option.name: _ask(option, getattr(defaults, option.name), key)
            for option in options(config)
            if only is None or option.name in only
        }
    try:
        return defaults.replace(**answers)
    except ConfigError as error:
        st.error(refusal(error))
        return None


def prefill(answer: Config, key: str) -> None:
    """Set the widgets of `config_form` to given settings.

    Args:
        answer: The settings.
        key: What the widgets' keys begin with.
    """
    for option in options(type(answer)):
        value = getattr(answer, option.name)
        if option.type is tuple:
            value = _written(value)
        st.session_state[f"{key}_{option.name}"] = value


def _ask(option: Option, value: Any, key: str) -> Any:
    """Show the widget that suits a field."""
    common: dict[str, Any] = {
        "label": option.label,
        "help": option.help,
        "key": f"{key}_{option.name}",
        "persist_state": "session",
    }
    if option.choices:
        index = option.choices.index(value)
        return st.selectbox(options=option.choices, index=index, **common)
    if option.type is bool:
        return st.checkbox(value=value, **common)
    if option.type is tuple:
        text = st.text_input(value=_written(value), **common)
        return _numbers(text)
    if option.type is str:
        return st.text_input(value=value, **common).strip()
    if option.type is int and _is_short(option):
        return st.slider(
            min_value=option.minimum, max_value=option.maximum, value=value, **common
        )
    if option.type is float:
        common |= {"step": None, "format": "%g"}
    if option.optional:
        # A number input can be emptied only if it started empty.
        st.session_state.setdefault(common["key"], value)
        value = None
    if option.type is int:
        common["step"] = 1
    # Bounds are left to the config, which says so in words: beyond a bound of its own
    # the box would keep the number to itself, and the page go on with the last one.
    return st.number_input(value=value, **common)


def _is_short(option: Option) -> bool:
    return (
        not option.optional
        and option.minimum is not None
        and option.maximum is not None
        and option.maximum - option.minimum <= LONGEST_SLIDER
    )


def _written(numbers: tuple[float, ...]) -> str:
    return ", ".join(map(repr, numbers))


def _numbers(text: str) -> list[float] | str:
    """Read `0.3, 0.6`; text that is no list of numbers is left for the refusal."""
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        return text
