"""Intervals of elapsed time, and intervals of the calendar."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kalends.errors import InvalidSchedule
from kalends.triggers import Tally, When, build_trigger
from kalends.triggers.build import period_of
from kalends.triggers.rules.calendar_interval import days_apart
from kalends.triggers.rules.interval import IntervalRule
from kalends.triggers.wall_clock.days import LAST_DAY
from kalends.triggers.when import CalendarIntervalSpec, IntervalSpec, TriggerSpec
from triggers.building import CREATED, at, build, coming
from triggers.walking import DAY, EPOCH, fire_times


def days_of(calendar: dict[str, int], created: str, count: int, **spec: Any) -> list[str]:
    trigger = build(created=at(created), trigger={"calendarInterval": calendar}, **spec)
    return [text[:10] for text in coming(trigger, at(created) - 1, count)]


def test_an_interval_counts_from_the_creation_which_does_not_fire() -> None:
    trigger = build(trigger={"interval": {"hours": 6}}, created=CREATED + 17)
    assert coming(trigger, CREATED, 2) == ["2024-01-01 06:00:17+0000", "2024-01-01 12:00:17+0000"]


def test_an_interval_counts_from_the_start_which_fires() -> None:
    trigger = build(trigger={"interval": {"hours": 6}}, startTime="2024-05-01T00:00:00Z")
    assert coming(trigger, CREATED, 2) == ["2024-05-01 00:00:00+0000", "2024-05-01 06:00:00+0000"]


def test_the_parts_of_an_interval_add_up() -> None:
    interval = IntervalSpec(weeks=1, days=2, hours=3, minutes=4, seconds=5)
    assert period_of(interval, "") == ((7 + 2) * 24 + 3) * 3600 + 4 * 60 + 5


@pytest.mark.parametrize(
    "interval",
    [
        {},
        {"seconds": 0},
        {"seconds": -1},
        {"hours": 1, "minutes": -1},
        {"days": 10**9},
        {"weeks": 5218},
        {"days": 36525, "seconds": 1},
    ],
)
def test_an_interval_out_of_bounds_is_refused(interval: dict[str, Any]) -> None:
    with pytest.raises(InvalidSchedule, match="must be from 1 second to 36525 days in all") as refused:
        period_of(IntervalSpec(**interval), "spec.trigger.interval")
    assert refused.value.path == "spec.trigger.interval"


@given(st.integers(0, 10**6), st.integers(1, 10**5), st.integers(-10, 10**6), st.integers(0, 10**5))
@settings(max_examples=60)
def test_an_interval_is_a_grid(first: int, period: int, start: int, length: int) -> None:
    trigger = IntervalRule(first, period)
    expected = [instant for instant in range(first, start + length, period) if instant >= start]
    assert fire_times(trigger, start, start + length) == expected
    assert trigger.tally(start - 1, start + length - 1) == Tally(
        len(expected), expected[0] if expected else None, expected[-1] if expected else None
    )
    bits = trigger.pattern(start, start + min(length, DAY))
    assert [start + place for place in range(bits.bit_length()) if bits >> place & 1] == [
        instant for instant in expected if instant < start + min(length, DAY)
    ]


def test_an_interval_ends_with_the_calendar() -> None:
    trigger = IntervalRule(0, 36_525 * DAY)
    assert trigger.next_after(10**12) is None
    assert trigger.tally(-1, 10**15).count == 81


@pytest.mark.parametrize(
    ("calendar", "created", "expected"),
    [
        ({"days": 1}, "2024-02-28", ["2024-02-28", "2024-02-29", "2024-03-01"]),
        ({"weeks": 2}, "2024-01-01", ["2024-01-01", "2024-01-15", "2024-01-29"]),
        ({"months": 1}, "2024-01-15", ["2024-01-15", "2024-02-15", "2024-03-15"]),
        ({"months": 1}, "2024-01-31", ["2024-01-31", "2024-03-31", "2024-05-31", "2024-07-31", "2024-08-31"]),
        ({"months": 2}, "2023-12-30", ["2023-12-30", "2024-04-30", "2024-06-30"]),
        ({"years": 1}, "2024-02-29", ["2024-02-29", "2028-02-29", "2032-02-29"]),
        ({"years": 1, "months": 1}, "2024-01-31", ["2024-01-31", "2026-03-31", "2028-05-31"]),
        ({"months": 1, "days": 1}, "2024-01-31", ["2024-01-31", "2024-04-01", "2024-05-02"]),
        ({"years": 100}, "2024-02-29", ["2024-02-29", "2124-02-29"]),
    ],
)
def test_a_calendar_interval_keeps_the_day_and_passes_over_months_that_lack_it(
    calendar: dict[str, int], created: str, expected: list[str]
) -> None:
    assert days_of(calendar, created, len(expected)) == expected


def test_a_calendar_interval_has_one_time_of_day() -> None:
    trigger = build(
        "Asia/Kathmandu",
        trigger={"calendarInterval": {"days": 2, "hour": 3, "minute": 4, "second": 5}},
        created=CREATED,
    )
    assert coming(trigger, CREATED, 2, "Asia/Kathmandu") == ["2024-01-03 03:04:05+0545", "2024-01-05 03:04:05+0545"]


def test_a_calendar_interval_counts_from_the_day_of_the_start() -> None:
    """The start itself is at noon, so that day's 03:00 lies before it."""
    assert days_of({"weeks": 1, "hour": 3}, "2024-01-01", 2, startTime="2024-01-31T12:00") == [
        "2024-02-07",
        "2024-02-14",
    ]
    assert days_of({"weeks": 1, "hour": 13}, "2024-01-01", 2, startTime="2024-01-31T12:00") == [
        "2024-01-31",
        "2024-02-07",
    ]


def test_the_day_of_the_creation_is_that_of_the_zone() -> None:
    trigger = build(
        "Pacific/Apia", trigger={"calendarInterval": {"days": 7, "hour": 14}}, created=at("2024-01-01T12:00")
    )
    assert coming(trigger, at("2024-01-01T12:00"), 1, "Pacific/Apia") == ["2024-01-02 14:00:00+1300"]


def stepped(anchor: date, months: int, days: int, stop: date) -> list[date]:
    """Return what APScheduler's documentation describes, in the plainest way."""
    found = []
    day = anchor
    while day < stop:
        found.append(day)
        year, month = day.year, day.month
        while months:
            year, month = year + (month - 1 + months) // 12, (month - 1 + months) % 12 + 1
            if day.day <= monthrange(year, month)[1]:
                break
        day = date(year, month, day.day) + timedelta(days=days)
    return found


@given(
    st.integers(10_000, 25_000), st.integers(0, 30), st.integers(0, 40), st.integers(-500, 4000), st.integers(0, 4000)
)
@settings(max_examples=90, deadline=None)
def test_days_apart_are_as_stepping_finds_them(anchor: int, months: int, days: int, start: int, length: int) -> None:
    if not months + days:
        days = 1
    start, stop = anchor + start, anchor + start + length
    wanted = stepped(EPOCH + timedelta(days=anchor), months, days, EPOCH + timedelta(days=stop))
    expected = [number for number in ((day - EPOCH).days for day in wanted) if number >= start]
    rule = days_apart(anchor, months, days)
    found = []
    day = rule.first_from(start)
    while day is not None and day < stop:
        found.append(day)
        day = rule.first_from(day + 1)
    assert found == expected
    assert rule.count(start, stop) == len(expected)


def test_calendar_intervals_end_with_the_calendar() -> None:
    for rule in (days_apart(0, 0, 36_525), days_apart(0, 1200, 0), days_apart(0, 1, 1)):
        assert rule.first_from(LAST_DAY + 1) is None
        assert rule.count(0, 10 * LAST_DAY) < 100_000


@pytest.mark.parametrize(
    ("calendar", "says"),
    [
        ({}, "at least one of years, months, weeks, days above 0"),
        ({"hour": 3}, "at least one of years, months, weeks, days above 0"),
        ({"days": -1}, "at least one of years, months, weeks, days above 0"),
        ({"months": 1, "days": -1}, "at least one of years, months, weeks, days above 0"),
        ({"years": 101}, "must be at most a hundred years"),
        ({"days": 1, "hour": 24}, "hour must be from 0 to 23, got '24'"),
        ({"days": 1, "minute": -1}, "minute must be from 0 to 59, got '-1'"),
        ({"days": 1, "second": 60}, "second must be from 0 to 59, got '60'"),
    ],
)
def test_a_calendar_interval_out_of_bounds_is_refused(calendar: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidSchedule, match="must ") as refused:
        build_constructed(CalendarIntervalSpec(**calendar))
    assert says in refused.value.message


def build_constructed(calendar: CalendarIntervalSpec) -> None:
    """Build from what a schema would have refused already."""
    when = When(trigger=TriggerSpec(calendar_interval=calendar))
    build_trigger(when, created=0, zone="UTC", identity="a/b")
