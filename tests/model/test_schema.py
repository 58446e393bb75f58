"""The schema of a class is that of the class itself, whatever other classes are called."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from kalends.errors import InvalidSchedule
from kalends.model import ScheduledJobSpec
from kalends.model.forms import MOMENT, SCHEDULE
from kalends.model.rules import Rule, at_least_one_of
from kalends.model.v1alpha1.base import Wire
from kalends.model.validation.rule_tree import rule_tree
from kalends.model.validation.schema import RULES, structural_schema
from kalends.triggers import find_zone
from kalends.triggers.cron.five_fields import MACROS, parse_schedule
from kalends.triggers.text.instants import read_moment
from triggers.strategies import crons

if TYPE_CHECKING:
    from collections.abc import Collection


class Interval(Wire):
    """A class that is called like another one of the model, as the next version of the API has it."""

    ages: int | None = None
    """ages between two fire times."""

    @classmethod
    @override
    def rules(cls, members: Collection[str]) -> tuple[Rule, ...]:
        return (at_least_one_of(*members),)


class Outer(Wire):
    """A class that contains it."""

    interval: Interval | None = None
    """interval is of this module."""


def test_two_classes_of_one_name_keep_their_rules() -> None:
    def messages(model: type[Wire], *path: str) -> list[str]:
        schema = structural_schema.__wrapped__(model)
        for name in path:
            schema = schema["properties"][name]
        return [rule.message for rule in schema[RULES]]

    assert messages(Outer, "interval") == ["at least one of `ages` must be set"]
    assert messages(ScheduledJobSpec, "trigger", "interval")[0].startswith("at least one of `weeks`, `days`")


def test_the_rules_of_texts_are_not_asked_of_every_object() -> None:
    assert "schedule" not in rule_tree(ScheduledJobSpec).members


spaces = st.text(" \t\n\r\x0b\x0c\x1c\x1f\x85\xa0\u2003\u2028\u3000", min_size=1, max_size=3)


@st.composite
def spaced(draw: st.DrawFn, words: st.SearchStrategy[list[str]]) -> str:
    """Write words between any white space of Unicode, some of it before and after them."""
    text = draw(spaces | st.just(""))
    for word in draw(words):
        text += word + draw(spaces)
    return text if draw(st.booleans()) else text.rstrip()


durations = st.lists(
    st.tuples(
        st.sampled_from(["", "+"]),
        st.sampled_from(["1", "90", "1.5", ".5", "1."]),
        st.sampled_from(["h", "µs", "μs", "ms"]),
    ),
    min_size=1,
    max_size=3,
).map(lambda parts: "".join("".join(part[1:]) for part in parts))
macros = st.sampled_from(sorted(MACROS)).flatmap(lambda macro: st.sampled_from([macro, macro.upper(), macro.title()]))
valid_schedules = spaced(crons.map(lambda cron: list(cron.texts))) | spaced(
    macros.map(lambda macro: [macro]) | durations.map(lambda duration: ["@every", duration])
)


@given(valid_schedules | st.text(max_size=30) | st.text("0123456789*/,-@LWHa# \n", max_size=30))
@settings(max_examples=300, deadline=None)
def test_a_schedule_that_the_parser_reads_has_the_form_that_the_api_server_asks_for(text: str) -> None:
    try:
        parse_schedule(text)
    except InvalidSchedule:
        return
    assert SCHEDULE.fits(text)


moments = st.builds(
    lambda *parts: "".join(parts),
    st.dates().map(str),
    st.sampled_from(["", "T", "t", " "]),
    st.times().map(str) | st.sampled_from(["", "00:00", "23:59", "24:00", "12:60"]),
    st.sampled_from(["", ".5", ".000", ".", ".123456789"]),
    st.sampled_from(["", "Z", "z", "+00:00", "-23:59", "+24:00", "+0100"]),
)


@given(moments | st.text("0123456789-:TZ+. ", max_size=40))
@settings(max_examples=300, deadline=None)
def test_a_moment_that_the_parser_reads_has_the_form_that_the_api_server_asks_for(text: str) -> None:
    try:
        read_moment(text, find_zone("Europe/Berlin"), "spec.startTime")
    except InvalidSchedule:
        return
    assert MOMENT.fits(text)


@pytest.mark.parametrize("form", [SCHEDULE, MOMENT])
def test_a_pattern_has_nothing_that_go_reads_otherwise(form: object) -> None:
    pattern = getattr(form, "pattern", "")
    assert pattern.startswith("^")
    assert pattern.endswith("$")
    assert pattern.isascii()
    assert "'" not in pattern
    # Look-around, back-references and possessive quantifiers do not exist in RE2.
    assert not re.search(r"\(\?[=!<]|\(\?P=|\\[1-9]|[*+?}]\+", pattern.replace("(?P<", "("))
