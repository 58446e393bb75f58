"""``IntervalTrigger``, ``DateTrigger`` and ``CalendarIntervalTrigger``: to the microsecond, in every zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger as CalendarOracle
from apscheduler.triggers.date import DateTrigger as DateOracle
from apscheduler.triggers.interval import IntervalTrigger as IntervalOracle
from hypothesis import given
from hypothesis import strategies as st

from kalends.errors import InvalidTrigger
from kalends.triggers.calendarinterval import CalendarIntervalTrigger
from kalends.triggers.date import DateTrigger
from kalends.triggers.interval import IntervalTrigger
from triggers.program_triggers import BERLIN, NOW, chain

QUARTER = timedelta(milliseconds=250)


# --- intervals --------------------------------------------------------------------------------------------------------


def test_an_interval_of_a_quarter_of_a_second_is_exact() -> None:
    start = NOW + timedelta(microseconds=1)
    found = chain(IntervalTrigger(seconds=0.25, start_date=start), NOW, 4)
    assert found == [start + QUARTER * number for number in range(4)]


def test_after_years_an_interval_is_still_exact_to_the_microsecond() -> None:
    start = datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    trigger = IntervalTrigger(seconds=0.1, start_date=start)
    expected = start + timedelta(seconds=0.1) * (10 * 86_400 * 365)
    assert trigger.get_next_fire_time(None, expected) == expected


SIXTY_FOURTHS = st.integers(0, 64 * 86_400 * 3).map(lambda count: timedelta(seconds=count / 64))
"""Durations that APScheduler's floating-point numbers of seconds hold exactly."""


@given(SIXTY_FOURTHS.filter(bool), SIXTY_FOURTHS, SIXTY_FOURTHS)
def test_apscheduler_has_the_same_fire_times_where_its_floating_point_is_exact(
    interval: timedelta, since_start: timedelta, since_now: timedelta
) -> None:
    start, now = NOW + since_start, NOW + since_now
    ours = IntervalTrigger(seconds=interval.total_seconds(), start_date=start, timezone=BERLIN)
    theirs = IntervalOracle(seconds=interval.total_seconds(), start_date=start, timezone=BERLIN)
    assert chain(ours, now, 4) == chain(theirs, now, 4)


def test_without_a_start_the_first_fire_time_is_an_interval_from_now() -> None:
    before = datetime.now(UTC)
    trigger = IntervalTrigger(hours=1, timezone="UTC")
    assert before <= trigger.start_date - timedelta(hours=1) <= datetime.now(UTC)
    assert trigger.start_is_default


def test_units_are_added_up() -> None:
    trigger = IntervalTrigger(1, 2, 3, 4, 5.5)
    assert trigger.interval == timedelta(weeks=1, days=2, hours=3, minutes=4, seconds=5.5)
    assert trigger.interval_length == trigger.interval.total_seconds()


def test_an_interval_counts_from_the_previous_fire_time() -> None:
    trigger = IntervalTrigger(minutes=1, start_date=NOW, timezone="UTC")
    previous = NOW + timedelta(seconds=7)
    assert trigger.get_next_fire_time(previous, NOW) == previous + timedelta(minutes=1)


def test_jitter_moves_no_later_fire_time() -> None:
    trigger = IntervalTrigger(minutes=1, start_date=NOW, timezone="UTC", jitter=10)
    found = chain(trigger, NOW, 50)
    for number, moment in enumerate(found):
        assert timedelta(0) <= moment - NOW - timedelta(minutes=number) <= timedelta(seconds=10)


def test_jitter_keeps_the_second_showing_of_an_hour() -> None:
    start = datetime(2026, 10, 25, 2, 35, tzinfo=BERLIN, fold=1)
    found = IntervalTrigger(hours=1, start_date=start, jitter=5).get_next_fire_time(None, NOW)
    assert found is not None
    assert timedelta(0) <= found.astimezone(UTC) - start.astimezone(UTC) <= timedelta(seconds=5)


def test_an_interval_is_elapsed_time_where_the_clocks_change() -> None:
    trigger = IntervalTrigger(days=1, start_date="2026-03-28 12:00:00", timezone="Europe/Berlin")
    found = chain(trigger, NOW, 2)
    assert [moment.hour for moment in found] == [12, 13]
    assert found[1].timestamp() - found[0].timestamp() == 86_400


def test_the_end_is_inclusive() -> None:
    trigger = IntervalTrigger(seconds=0.25, start_date=NOW, end_date=NOW + QUARTER)
    assert chain(trigger, NOW, 9) == [NOW, NOW + QUARTER]


@pytest.mark.parametrize(
    "arguments",
    [{}, {"seconds": 0}, {"seconds": -5}, {"hours": 1, "minutes": -60}, {"seconds": 1e-7}, {"weeks": 1e12}],
)
def test_an_interval_must_be_longer_than_nothing(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="the interval must be"):
        IntervalTrigger(**arguments)


@given(st.integers(1, 10**6), st.booleans())
def test_str_and_repr_of_intervals_are_those_of_apscheduler(seconds: int, bounded: bool) -> None:
    arguments: dict[str, Any] = {"seconds": seconds, "start_date": "2026-01-01 00:00:00", "timezone": BERLIN}
    if bounded:
        arguments["end_date"] = "2027-01-01 00:00:00"
    ours, theirs = IntervalTrigger(**arguments), IntervalOracle(**arguments)
    assert (str(ours), repr(ours)) == (str(theirs), repr(theirs))


# --- dates ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_date", "expected"),
    [
        ("2026-3-1", "2026-03-01T00:00:00+01:00"),
        ("2026-03-01 9:05:00", "2026-03-01T09:05:00+01:00"),
        ("2026-03-01T09:05:00.25", "2026-03-01T09:05:00.250000+01:00"),
        ("2026-03-01 09:05", "2026-03-01T09:05:00+01:00"),
        ("2026-03-01T09:05:00Z", "2026-03-01T09:05:00+00:00"),
        ("2026-03-01T09:05:00-03:30", "2026-03-01T09:05:00-03:30"),
        (date(2026, 3, 1), "2026-03-01T00:00:00+01:00"),
        (datetime(2026, 3, 1, 0, 0, 0, 1, tzinfo=UTC).replace(tzinfo=None), "2026-03-01T00:00:00.000001+01:00"),
        (datetime(2026, 3, 1, tzinfo=UTC), "2026-03-01T00:00:00+00:00"),
        ("2026-03-29 02:30:00", "2026-03-29T03:30:00+02:00"),
    ],
)
def test_moments_are_read_as_apscheduler_reads_them(given_date: Any, expected: str) -> None:
    trigger = DateTrigger(given_date, "Europe/Berlin")
    found = trigger.get_next_fire_time(None, NOW)
    assert found is not None
    assert found.isoformat() == expected
    if given_date not in {"2026-03-01 09:05", "2026-03-01T09:05:00.25"}:  # refused, and read as 25 microseconds
        assert DateOracle(given_date, BERLIN).run_date == found


def test_a_date_fires_once_also_if_it_has_passed() -> None:
    trigger = DateTrigger(NOW - timedelta(days=1))
    assert chain(trigger, NOW, 5) == [NOW - timedelta(days=1)]


def test_without_a_date_it_is_now() -> None:
    before = datetime.now(UTC)
    assert before <= DateTrigger(timezone="UTC").run_date <= datetime.now(UTC)


def test_str_and_repr_of_dates_are_those_of_apscheduler() -> None:
    ours, theirs = DateTrigger("2026-03-01", BERLIN), DateOracle("2026-03-01", BERLIN)
    assert (str(ours), repr(ours)) == (str(theirs), repr(theirs))


@pytest.mark.parametrize("text", ["", "now", "2026-02-30", "2026-01-01 25:00:00", "2026-01-01T00:00:00.1234567"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(InvalidTrigger, match="run_date must be a datetime, a date, or text such as"):
        DateTrigger(text)


def test_a_number_is_no_moment() -> None:
    with pytest.raises(TypeError, match=r"run_date must be a datetime, a date, or text such as .*, got int"):
        DateTrigger(5)  # type: ignore[arg-type]


# --- calendar intervals -----------------------------------------------------------------------------------------------


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "years": st.integers(0, 2),
            "months": st.integers(0, 14),
            "weeks": st.integers(0, 3),
            "days": st.integers(0, 40),
        },
    ).filter(lambda units: any(units.values())),
    st.dates(date(2025, 1, 1), date(2027, 12, 31)),
    st.sampled_from(["UTC", "Europe/Berlin"]),
)
def test_calendar_intervals_fire_on_the_days_that_apscheduler_names(
    units: dict[str, Any], start: date, zone: str
) -> None:
    first = datetime(start.year, start.month, start.day, tzinfo=ZoneInfo(zone))
    ours = CalendarIntervalTrigger(**units, hour=12, start_date=start, timezone=zone)
    theirs = CalendarOracle(**units, hour=12, start_date=start, timezone=zone)
    assert chain(ours, first, 12) == chain(theirs, first, 12)


def test_the_first_answer_of_a_calendar_interval_is_not_before_the_current_time() -> None:
    trigger = CalendarIntervalTrigger(days=2, start_date="2025-12-31", timezone="UTC")
    assert trigger.get_next_fire_time(None, NOW) == datetime(2026, 2, 13, tzinfo=UTC)


def test_a_month_that_lacks_the_day_is_left_out() -> None:
    trigger = CalendarIntervalTrigger(months=1, start_date="2026-01-31", timezone="UTC")
    assert [moment.month for moment in chain(trigger, datetime(2026, 1, 1, tzinfo=UTC), 4)] == [1, 3, 5, 7]


def test_a_calendar_interval_keeps_its_phase_where_a_gap_moves_a_fire_time() -> None:
    trigger = CalendarIntervalTrigger(days=2, hour=2, minute=30, start_date="2026-03-27", timezone="Europe/Berlin")
    found = chain(trigger, datetime(2026, 3, 27, tzinfo=UTC), 3)
    assert [moment.isoformat() for moment in found] == [
        "2026-03-27T02:30:00+01:00",
        "2026-03-29T03:00:00+02:00",
        "2026-03-31T02:30:00+02:00",
    ]


def test_a_calendar_interval_counts_from_a_previous_fire_time_that_is_not_its_own() -> None:
    trigger = CalendarIntervalTrigger(weeks=1, hour=8, start_date="2026-02-01", timezone="UTC")
    previous = datetime(2026, 2, 4, 15, tzinfo=UTC)
    assert trigger.get_next_fire_time(previous, previous) == datetime(2026, 2, 11, 8, tzinfo=UTC)


def test_the_last_day_is_inclusive() -> None:
    trigger = CalendarIntervalTrigger(days=1, hour=23, start_date="2026-02-11", end_date="2026-02-12", timezone="UTC")
    assert len(chain(trigger, NOW, 9)) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "at least 1 day long"),
        ({"days": -1}, "must be whole numbers from 0"),
        ({"days": 1, "hour": 24}, "hour, minute and second must be a time of day"),
        ({"days": 1, "start_date": "2026-02-02", "end_date": "2026-02-01"}, "end_date must not be before start_date"),
    ],
)
def test_what_is_no_calendar_interval_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CalendarIntervalTrigger(**arguments)
