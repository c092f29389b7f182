"""Forms made from config classes."""

import pytest
from streamlit.testing.v1 import AppTest

from wrn.config import DataConfig, OutputConfig, TrainConfig, options


def script(section: str, defaults: dict) -> None:
    import streamlit as st

    from ui.forms import config_form
    from wrn.config import SECTIONS

    config = SECTIONS[section]
    answer = config_form(config, key="form", defaults=config(**defaults))
    st.session_state["answer"] = answer and answer.to_dict()


def form(section: str, **defaults) -> AppTest:
    return AppTest.from_function(
        script, args=(section, defaults), default_timeout=30
    ).run()


@pytest.mark.parametrize("config", [DataConfig, TrainConfig, OutputConfig])
def test_untouched_form_answers_the_defaults(config):
    page = form(config.section)
    assert not page.exception
    assert page.session_state["answer"] == config().to_dict()


def test_every_field_has_a_widget_with_its_label_and_help():
    page = form("train")
    kinds = ("number_input", "slider", "selectbox", "checkbox", "text_input")
    shown = {w.key: w for kind in kinds for w in page.get(kind)}
    for option in options(TrainConfig):
        widget = shown.pop(f"form_{option.name}")
        assert widget.label == option.label
        assert widget.help == option.help
    assert not shown


def test_fractions_of_any_length_stay_as_they_are():
    thirds = (1 / 3, 2 / 3)
    page = form("train", milestones=thirds)
    assert page.session_state["answer"]["milestones"] == list(thirds)


def test_changed_answers_arrive():
    page = form("train")
    page.number_input(key="form_epochs").set_value(3)
    page.number_input(key="form_learning_rate").set_value(0.05)
    page.selectbox(key="form_schedule").set_value("one-cycle")
    page.text_input(key="form_milestones").set_value("0.5, 0.75")
    page.run()
    answer = page.session_state["answer"]
    assert answer["epochs"] == 3
    assert answer["learning_rate"] == 0.05
    assert answer["schedule"] == "one-cycle"
    assert answer["milestones"] == [0.5, 0.75]


def test_empty_optional_number_is_none():
    page = form("data", limit=100)
    assert page.session_state["answer"]["limit"] == 100
    page.number_input(key="form_limit").set_value(None).run()
    assert page.session_state["answer"]["limit"] is None


@pytest.mark.parametrize("text", ["a lot", "0.5, 7"])
def test_refusal_is_a_sentence(text):
    page = form("train")
    page.text_input(key="form_milestones").set_value(text).run()
    assert not page.exception
    assert page.session_state["answer"] is None
    assert page.error[0].value.startswith("Milestones must be a list of numbers")
