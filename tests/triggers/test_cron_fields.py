"""``trigger.cron``: APScheduler's fields, their defaults and expressions, all of which must match."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kalends.errors import InvalidSchedule
from kalends.triggers.cron.eight_fields import parse_expression, write_expression
from kalends.triggers.cron.fields import DAY_OF_MONTH, DAY_OF_WEEK, EIGHT_FIELDS, MONTH_OF_YEAR, Field
from kalends.triggers.cron.items import Item, LastDay, LastWeekday, LastWorkday, NearestWorkday, NthWeekday, Values
from triggers.building import at, build, coming
from triggers.strategies import Said, lists, near_changes, numbers
from triggers.walking import DAY, day_of, fire_times, walk


def first_of(count: int, **cron: Any) -> list[str]:
    return [text[:19] for text in coming(build(trigger={"cron": cron}), at("2024-01-01") - 1, count)]


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ({"second": "*"}, ["2024-01-01 00:00:00", "2024-01-01 00:00:01"]),
        ({"minute": "*/20"}, ["2024-01-01 00:00:00", "2024-01-01 00:20:00"]),
        ({"hour": 5}, ["2024-01-01 05:00:00", "2024-01-02 05:00:00"]),
        ({"day": 1, "minute": 20}, ["2024-01-01 00:20:00", "2024-01-01 01:20:00"]),
        ({"month": "feb"}, ["2024-02-01 00:00:00", "2025-02-01 00:00:00"]),
        ({"year": "2025-2026"}, ["2025-01-01 00:00:00", "2026-01-01 00:00:00", "never"]),
        ({"week": 10}, ["2024-03-04 00:00:00", "2024-03-05 00:00:00"]),
        ({"dayOfWeek": "sun"}, ["2024-01-07 00:00:00", "2024-01-14 00:00:00"]),
        ({"dayOfWeek": "sat-mon"}, ["2024-01-01 00:00:00", "2024-01-06 00:00:00", "2024-01-07 00:00:00"]),
        ({"dayOfWeek": "*/2"}, ["2024-01-01 00:00:00", "2024-01-03 00:00:00", "2024-01-05 00:00:00"]),
        ({"day": 13, "dayOfWeek": "fri"}, ["2024-09-13 00:00:00", "2024-12-13 00:00:00"]),
        ({"day": "2nd fri"}, ["2024-01-12 00:00:00", "2024-02-09 00:00:00"]),
        ({"day": "5th thu"}, ["2024-02-29 00:00:00", "2024-05-30 00:00:00"]),
        ({"day": "last sun"}, ["2024-01-28 00:00:00", "2024-02-25 00:00:00"]),
        ({"day": "last"}, ["2024-01-31 00:00:00", "2024-02-29 00:00:00"]),
        ({"day": "L"}, ["2024-01-31 00:00:00", "2024-02-29 00:00:00"]),
        ({"day": "last-1"}, ["2024-01-30 00:00:00", "2024-02-28 00:00:00"]),
        ({"day": "L-30"}, ["2024-01-01 00:00:00", "2024-03-01 00:00:00"]),
        ({"day": "LW, 15w", "month": 6}, ["2024-06-14 00:00:00", "2024-06-28 00:00:00", "2025-06-16 00:00:00"]),
        ({"day": "LAST , 1ST Mon"}, ["2024-01-01 00:00:00", "2024-01-31 00:00:00", "2024-02-05 00:00:00"]),
        ({"day": "1st mon, 3rd mon", "hour": 6}, ["2024-01-01 06:00:00", "2024-01-15 06:00:00"]),
        ({"month": "JAN-Mar", "day": "31"}, ["2024-01-31 00:00:00", "2024-03-31 00:00:00"]),
        ({"hour": "8-18/5", "minute": "30/15"}, ["2024-01-01 08:30:00", "2024-01-01 08:45:00", "2024-01-01 13:30:00"]),
        ({"year": 2026, "week": 53}, ["2026-12-28 00:00:00", "2026-12-29 00:00:00"]),
        ({"week": 1, "month": 12}, ["2024-12-30 00:00:00", "2024-12-31 00:00:00", "2025-12-29 00:00:00"]),
        ({"month": 2, "day": 29, "dayOfWeek": "thu"}, ["2024-02-29 00:00:00", "2052-02-29 00:00:00"]),
        ({"year": 9999, "month": 12, "day": 30}, ["9999-12-30 00:00:00", "never"]),
    ],
)  # fmt: skip
def test_these_fields_mean(cron: dict[str, Any], expected: list[str]) -> None:
    assert first_of(len(expected), **cron) == expected


def test_the_weekday_of_a_leap_day_may_be_forty_years_away() -> None:
    trigger = build(trigger={"cron": {"month": 2, "day": 29, "dayOfWeek": "mon"}})
    assert coming(trigger, at("2072-03-01"), 1) == ["2112-02-29 00:00:00+0000"]


def test_a_year_that_is_over_is_no_error() -> None:
    assert build(trigger={"cron": {"year": 2020}}).next_after(at("2024-01-01")) is None


@st.composite
def second_crons(draw: st.DrawFn) -> tuple[dict[str, str], Any, bool]:
    """Write hour, minute and second; return them, what they mean, and whether they follow the clock."""
    said: dict[str, Said] = {}
    for name, high in (("hour", 23), ("minute", 59), ("second", 59)):
        if name == "second" or draw(st.booleans()):
            said[name] = draw(lists(numbers(0, high).filter(lambda one: aps_accepts(one.text)), most=2))
    everything = Said("*", frozenset(range(60)), star=True)
    hour, minute, second = (said.get(name, everything) for name in ("hour", "minute", "second"))

    def names(wall: int) -> bool:
        rest = wall % DAY
        return rest // 3600 in hour.values and rest // 60 % 60 in minute.values and rest % 60 in second.values

    fields = {name: one.text for name, one in said.items()}
    return fields, names, hour.star or minute.star


def aps_accepts(text: str) -> bool:
    try:
        parse_expression(EIGHT_FIELDS[5], text, "")
    except InvalidSchedule:
        return False
    return True


@given(second_crons(), near_changes)
@settings(max_examples=10, deadline=None)
def test_around_a_change_of_the_clocks_every_second_is_as_a_walk_finds_it(
    cron: tuple[dict[str, str], Any, bool], near: tuple[str, int]
) -> None:
    fields, names, follows = cron
    zone, change = near
    start, stop = change - 4000, change + 8000
    expected = list(walk(zone, start, stop, names, once=not follows, step=1, before=8000))
    assert fire_times(build(zone, trigger={"cron": fields}), start, stop) == expected


@pytest.mark.parametrize("week", [1, 2, 26, 51, 52, 53])
def test_weeks_are_those_of_iso_8601(week: int) -> None:
    start, stop = at("1970-01-01"), at("2110-01-01")
    days = [day_of(instant) for instant in range(start, stop, DAY)]
    named = [day for day in days if day.isocalendar().week == week]
    assert [day_of(instant) for instant in fire_times(build(trigger={"cron": {"week": week}}), start, stop)] == named


def items_of(field: Field) -> st.SearchStrategy[Item]:
    value = st.integers(field.low, field.high)
    pair = st.tuples(value, value).map(sorted).filter(lambda ends: ends[0] < ends[1])
    plain: list[st.SearchStrategy[Item]] = [
        st.builds(lambda one: Values(one, one), value),
        st.builds(lambda ends: Values(ends[0], ends[1]), pair),
        st.builds(lambda step: Values(field.low, field.high, step, star=True), st.integers(1, field.high - field.low)),
    ]
    if field is DAY_OF_WEEK:
        plain.append(st.just(Values(5, 7)))
    else:
        plain.append(st.builds(lambda ends: Values(ends[0], ends[1], ends[1] - ends[0]), pair))
    if field is DAY_OF_MONTH:
        weekday = st.integers(0, 6)
        plain += [
            st.builds(LastDay, st.integers(0, 30)),
            st.builds(LastWorkday, st.integers(0, 30)),
            st.builds(NearestWorkday, st.integers(1, 31)),
            st.builds(LastWeekday, weekday),
            st.builds(NthWeekday, weekday, st.integers(1, 5)),
        ]
    return st.one_of(plain)


@given(st.data(), st.sampled_from(EIGHT_FIELDS))
@settings(max_examples=60, deadline=None)
def test_what_is_read_is_what_was_written(data: st.DataObject, field: Field) -> None:
    written = tuple(data.draw(st.lists(items_of(field), min_size=1, max_size=3)))
    assert parse_expression(field, write_expression(field, written), "") == written


def test_names_are_read_in_any_case() -> None:
    assert parse_expression(MONTH_OF_YEAR, "JAN,Feb-mAR", "") == (Values(1, 1), Values(2, 3))
    assert parse_expression(DAY_OF_WEEK, "MON,Fri-Sun", "") == (Values(0, 0), Values(4, 6))
