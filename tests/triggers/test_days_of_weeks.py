"""``calendarInterval.daysOfWeek``: every so many weeks, on several days of the week."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kalends.errors import InvalidSchedule
from kalends.triggers import Tally, When, build_trigger, explain, summary
from kalends.triggers.rules.calendar_interval import DaysOfNthWeek
from kalends.triggers.wall_clock.days import LAST_DAY
from kalends.triggers.when import CalendarIntervalSpec, TriggerSpec
from triggers.building import CREATED, at, build, coming, described
from triggers.walking import DAY, EPOCH, fire_times

NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
names = st.lists(st.sampled_from(NAMES), min_size=1, max_size=7, unique=True)


def days_of(calendar: dict[str, Any], count: int, zone: str = "UTC", **spec: Any) -> list[str]:
    trigger = build(zone, trigger={"calendarInterval": calendar}, **spec)
    return [text[:10] for text in coming(trigger, CREATED - 1, count, zone)]


def test_the_weeks_of_the_turn_of_the_year_are_counted_on() -> None:
    """2026 has 53 weeks of ISO 8601, so that `week: "*/2"` has two such weeks side by side."""
    found = days_of({"weeks": 2, "daysOfWeek": ["tue", "thu"]}, 7, startTime="2026-12-01")
    assert found == [
        "2026-12-01",
        "2026-12-03",
        "2026-12-15",
        "2026-12-17",
        "2026-12-29",
        "2026-12-31",
        "2027-01-12",
    ]


def test_the_first_week_is_that_of_the_start_and_what_lies_before_it_does_not_count() -> None:
    # 2024-05-01 is a Wednesday
    found = days_of({"weeks": 3, "daysOfWeek": ["mon", "wed", "sun"]}, 4, startTime="2024-05-01")
    assert found == ["2024-05-01", "2024-05-05", "2024-05-20", "2024-05-22"]


def test_without_a_start_the_first_week_is_that_of_the_creation_in_the_zone() -> None:
    # Sunday evening in UTC, and Monday in Apia
    created = at("2024-01-07T20:00")
    utc = build(trigger={"calendarInterval": {"weeks": 2, "daysOfWeek": ["mon"]}}, created=created)
    apia = build("Pacific/Apia", trigger={"calendarInterval": {"weeks": 2, "daysOfWeek": ["mon"]}}, created=created)
    assert coming(utc, created, 1) == ["2024-01-15 00:00:00+0000"]
    assert coming(apia, created, 1, "Pacific/Apia") == ["2024-01-22 00:00:00+1300"]


def test_the_time_of_day_is_adjusted_where_the_clocks_change() -> None:
    calendar = {"weeks": 1, "daysOfWeek": ["sun", "mon"], "hour": 2, "minute": 30}
    found = coming(
        build("Europe/Berlin", trigger={"calendarInterval": calendar}), at("2024-03-30T12:00"), 2, "Europe/Berlin"
    )
    assert found == ["2024-03-31 03:00:00+0200", "2024-04-01 02:30:00+0200"]


@given(st.integers(-1, 25_000), st.integers(1, 60), names, st.integers(-500, 4000), st.integers(0, 3000))
@settings(max_examples=120, deadline=None)
def test_days_are_as_a_walk_through_the_calendar_finds_them(
    anchor: int, weeks: int, weekdays: list[str], start: int, length: int
) -> None:
    first = EPOCH + timedelta(days=anchor)
    first_monday = first - timedelta(days=first.weekday())

    def names_day(number: int) -> bool:
        day = EPOCH + timedelta(days=number)
        monday = day - timedelta(days=day.weekday())
        in_week = (monday - first_monday).days // 7 % weeks == 0
        return day >= first and in_week and NAMES[day.weekday()] in weekdays

    start, stop = anchor + start, anchor + start + length
    expected = [number for number in range(start, stop) if names_day(number)]
    rule = DaysOfNthWeek(anchor, weeks, [NAMES.index(name) for name in weekdays])
    found = []
    day = rule.first_from(start)
    while day is not None and day < stop:
        found.append(day)
        day = rule.first_from(day + 1)
    assert found == expected
    assert rule.count(start, stop) == len(expected)


@given(
    st.sampled_from(["UTC", "Europe/Berlin", "America/Santiago", "Pacific/Apia"]),
    st.integers(at("2009-01-01"), at("2027-01-01")),
    st.integers(1, 5),
    names,
    st.integers(0, 23),
)
@settings(max_examples=60, deadline=None)
def test_fire_times_and_their_tally_agree(zone: str, created: int, weeks: int, weekdays: list[str], hour: int) -> None:
    trigger = build(
        zone,
        trigger={"calendarInterval": {"weeks": weeks, "daysOfWeek": weekdays, "hour": hour}},
        created=created,
        startTime=None,
    )
    start, stop = created - 40 * DAY, created + 400 * DAY
    expected = fire_times(trigger, start, stop)
    assert trigger.tally(start - 1, stop - 1) == Tally(len(expected), expected[0], expected[-1])


def test_the_days_end_with_the_calendar() -> None:
    rule = DaysOfNthWeek(0, 2, [0, 6])
    assert rule.first_from(LAST_DAY + 1) is None
    assert rule.count(0, 10 * LAST_DAY) == rule.count(0, LAST_DAY + 1)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        # every other Tuesday that is the first of a month
        ([{"calendarInterval": {"weeks": 2, "daysOfWeek": ["tue", "thu"]}}, {"cron": {"day": 1}}], "2024-02-01"),
        ([{"calendarInterval": {"weeks": 2, "daysOfWeek": ["tue"]}}, {"calendarInterval": {"days": 3}}], "2024-01-16"),
    ],
)
def test_they_agree_with_other_rules(members: list[dict[str, Any]], expected: str) -> None:
    trigger = build(trigger={"allOf": members})
    assert [text[:10] for text in coming(trigger, CREATED, 1)] == [expected]


def test_they_never_agree_with_days_of_the_week_that_they_lack() -> None:
    members = [{"calendarInterval": {"weeks": 2, "daysOfWeek": ["tue", "thu"]}}, {"cron": {"dayOfWeek": "mon"}}]
    with pytest.raises(InvalidSchedule, match="must have members that agree"):
        build(trigger={"allOf": members})


@pytest.mark.parametrize(
    ("calendar", "sentence", "short"),
    [
        (
            {"weeks": 2, "daysOfWeek": ["thu", "tue"], "hour": 3},
            (
                "at 03:00 every 2 weeks on Tuesday and Thursday, counted from the week of 2024-01-01, from 2024-01-03 "
                "on, UTC"
            ),
            "every 2 weeks on thu,tue at 03:00",
        ),
        (
            {"weeks": 1, "daysOfWeek": ["mon", "tue", "wed", "thu", "fri"]},
            "at 00:00 every week from Monday to Friday, counted from the week of 2024-01-01, from 2024-01-03 on, UTC",
            "every 1 week on mon,tue,wed,thu,fri at …",  # a column has 40 characters
        ),
    ],
)
def test_they_are_explained(calendar: dict[str, Any], sentence: str, short: str) -> None:
    when = described({"trigger": {"calendarInterval": calendar}})
    assert explain(when, created=at("2024-01-03"), zone="UTC", identity="a/b") == sentence
    assert summary(when) == short


@pytest.mark.parametrize("calendar", [{"days": 1}, {"weeks": 1, "months": 1}, {"weeks": 1, "days": 1}, {"years": 1}])
def test_they_go_with_weeks_alone(calendar: dict[str, Any]) -> None:
    when = When(trigger=TriggerSpec(calendar_interval=CalendarIntervalSpec(**calendar, days_of_week=("tue",))))
    with pytest.raises(InvalidSchedule, match="must be set only with weeks") as refused:
        build_trigger(when, created=0, zone="UTC", identity="a/b")
    assert refused.value.path == "spec.trigger.calendarInterval.daysOfWeek"


def test_the_example_of_a_bulletin() -> None:
    """What a calendar on the wall says, day by day, for a year."""
    trigger = build(
        "Europe/Berlin",
        trigger={"calendarInterval": {"weeks": 2, "daysOfWeek": ["mon", "fri"], "hour": 8}},
        startTime="2026-01-05",
    )
    found = {text[:10] for text in coming(trigger, at("2026-01-01"), 52, "Europe/Berlin")}
    wanted = {
        str(day)
        for day in (date(2026, 1, 5) + timedelta(days=number) for number in range(52 * 7))
        if (day - date(2026, 1, 5)).days // 7 % 2 == 0 and day.weekday() in {0, 4}
    }
    assert found == wanted
