"""``exclude``, ``daylight_saving`` and H of jobs, as the engine and ``next_run_time`` read them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kalends.errors import SearchUnfinished
from kalends.triggers.base import BaseTrigger
from kalends.triggers.calendarinterval import CalendarIntervalTrigger
from kalends.triggers.combining import OrTrigger
from kalends.triggers.cron import CronTrigger
from kalends.triggers.date import DateTrigger
from kalends.triggers.interval import IntervalTrigger
from kalends.triggers.programs.compiled import compile_trigger, exact_next_fire_time
from kalends.triggers.programs.datetimes import datetime_of, microseconds_of
from kalends.triggers.programs.exclusions import excluded, exclusions_from, exclusions_state, read_exclusions
from kalends.triggers.programs.options import FireTimeOptions
from kalends.triggers.protocol import NotFound, PartialTally
from triggers.program_triggers import BERLIN, NOW

HOUR = 3_600_000_000
MIDNIGHT = datetime(2026, 3, 2, tzinfo=BERLIN)
"""A Monday."""


def options(exclude: object = None, **others: Any) -> FireTimeOptions:
    return FireTimeOptions(exclude=read_exclusions(exclude, BERLIN), **others)


def fire_times(trigger: BaseTrigger, exclude: object, number: int, since: datetime = MIDNIGHT) -> list[datetime]:
    times = compile_trigger(trigger, options=options(exclude))
    found = times.several_after(microseconds_of(since) - 1, number)
    assert not isinstance(found, NotFound)
    return [datetime_of(instant, BERLIN) for instant in found]


def every(hours: float) -> IntervalTrigger:
    return IntervalTrigger(hours=hours, start_date=MIDNIGHT, timezone=BERLIN)


def test_a_cron_excludes_all_that_its_given_fields_match() -> None:
    weekend = CronTrigger(day_of_week="sat,sun", timezone=BERLIN)
    found = fire_times(every(12), weekend, 12)
    assert [(one.day, one.hour) for one in found] == [(day, hour) for day in (2, 3, 4, 5, 6, 9) for hour in (0, 12)]


def test_a_date_excludes_its_day_in_the_zone_of_the_trigger() -> None:
    found = fire_times(every(6), [date(2026, 3, 3), "2026-03-05"], 6)
    assert [(one.day, one.hour) for one in found] == [(2, 0), (2, 6), (2, 12), (2, 18), (4, 0), (4, 6)]


def test_a_datetime_excludes_that_moment_alone() -> None:
    moment = MIDNIGHT + timedelta(hours=1)
    for given_as in (moment, DateTrigger(moment), moment.replace(tzinfo=None), "2026-03-02 01:00"):
        assert fire_times(every(0.5), given_as, 3)[1:] == [MIDNIGHT + timedelta(hours=half / 2) for half in (1, 3)]


def test_a_pair_excludes_from_its_first_to_the_end_of_its_last_day() -> None:
    found = fire_times(every(24), ("2026-03-03", date(2026, 3, 5)), 3)
    assert [one.day for one in found] == [2, 6, 7]
    assert fire_times(every(24), (None, date(2026, 3, 5)), 1)[0].day == 6
    assert len(fire_times(every(24), (date(2026, 3, 5), None), 9)) == 3


def test_an_interval_stays_in_its_grid_after_what_is_excluded() -> None:
    night = CronTrigger(hour="0-6", timezone=BERLIN)
    found = fire_times(every(5), night, 4)
    assert [one.hour for one in found] == [10, 15, 20, 11]
    first = exact_next_fire_time(every(5), None, MIDNIGHT, options(night))
    assert first == found[0]


def test_what_is_excluded_follows_the_clocks_of_its_zone() -> None:
    tokyo = CronTrigger(hour=9, timezone="Asia/Tokyo")
    found = fire_times(CronTrigger(minute=0, timezone="UTC"), tokyo, 24, datetime(2026, 3, 2, tzinfo=ZoneInfo("UTC")))
    assert len({one.astimezone(ZoneInfo("UTC")).hour for one in found}) == 23


def test_a_first_fire_time_of_choice_is_never_excluded() -> None:
    times = compile_trigger(every(1), first=microseconds_of(MIDNIGHT), options=options(date(2026, 3, 2)))
    assert times.several_after(0, 2) == tuple(microseconds_of(MIDNIGHT) + HOUR * hours for hours in (0, 24))


def test_a_date_that_is_excluded_has_no_fire_time() -> None:
    assert exact_next_fire_time(DateTrigger(NOW), None, NOW, options(NOW)) is None


def test_a_trigger_that_is_always_excluded_is_refused_after_a_bounded_search() -> None:
    with pytest.raises(SearchUnfinished):
        exact_next_fire_time(every(1), None, NOW, options(CronTrigger(minute="*/20", timezone="UTC")))
    assert exact_next_fire_time(every(1), None, NOW, options((NOW, None))) is None


class _Odd(BaseTrigger):
    """Fires every seven hours after the previous fire time."""

    timezone = BERLIN

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        return now if previous_fire_time is None else previous_fire_time + timedelta(hours=7)


def test_fire_times_of_a_trigger_of_a_program_are_excluded_too() -> None:
    night = options(CronTrigger(hour="0-6", timezone=BERLIN))
    first = exact_next_fire_time(_Odd(), None, MIDNIGHT, night)
    assert first == MIDNIGHT + timedelta(hours=7)
    times = compile_trigger(_Odd(), first=microseconds_of(first), options=night)
    found = times.several_after(microseconds_of(first), 4)
    assert not isinstance(found, NotFound)
    assert [datetime_of(one, BERLIN).hour for one in found] == [14, 21, 11, 18]


@given(
    minutes=st.integers(1, 2000),
    hours=st.sets(st.integers(0, 23), min_size=1, max_size=20),
    days=st.sets(st.integers(2, 27), max_size=5),
    stretch=st.integers(0, 20 * 24),
)
@settings(max_examples=30)
def test_counts_are_those_of_the_fire_times_that_are_left(
    minutes: int, hours: set[int], days: set[int], stretch: int
) -> None:
    base = IntervalTrigger(minutes=minutes, start_date=MIDNIGHT, timezone=BERLIN)
    found = options(
        [CronTrigger(hour=",".join(map(str, sorted(hours))), timezone=BERLIN), *(date(2026, 3, day) for day in days)]
    )
    start, end = microseconds_of(MIDNIGHT), microseconds_of(MIDNIGHT) + stretch * HOUR
    left = [
        instant
        for instant in range(start, end + 1, minutes * 60_000_000)
        if datetime_of(instant, BERLIN).hour not in hours and datetime_of(instant, BERLIN).day not in days
    ]
    tally = compile_trigger(base, options=found).tally(start - 1, end)
    assert not isinstance(tally, PartialTally)
    assert (tally.count, tally.first, tally.last) == (len(left), *((left[0], left[-1]) if left else (None, None)))


def test_a_count_over_years_ends_at_a_bound_and_continues_there() -> None:
    times = compile_trigger(every(1), options=options(CronTrigger(minute=30, timezone=BERLIN)))
    start, end = microseconds_of(MIDNIGHT) - 1, microseconds_of(MIDNIGHT) + 120 * 24 * HOUR
    count = 0
    while isinstance(tally := times.tally(start, end), PartialTally):
        assert tally.until > start
        count, start = count + tally.tally.count, tally.until
    assert count + tally.count == 120 * 24 + 1


def test_exclusions_are_stored() -> None:
    given_as = [CronTrigger(hour="1-2", timezone="Asia/Tokyo"), date(2026, 12, 24), (None, NOW), (NOW, None)]
    read = read_exclusions(given_as, BERLIN)
    again = exclusions_from(exclusions_state(read))
    assert exclusions_state(again) == exclusions_state(read)
    for instant in range(microseconds_of(MIDNIGHT), microseconds_of(MIDNIGHT) + 24 * HOUR, HOUR // 2):
        assert excluded(again).end_of(instant) == excluded(read).end_of(instant)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (5, TypeError, "exclude must be a CronTrigger, a DateTrigger"),
        ([every(1)], TypeError, "exclude must be a CronTrigger"),
        ("soon", ValueError, "exclude must be a datetime, a date, or text"),
        (("2026-01-02", "2026-01-01"), ValueError, "must not end before it begins"),
        (CronTrigger(hour=1, jitter=5), ValueError, "must have no start_date, end_date or jitter"),
        (CronTrigger(month=2, day=30), ValueError, "must name a day that some year has"),
        (CronTrigger(hour="H"), ValueError, "H needs the ID of a job"),
    ],
)
def test_what_is_no_exclusion_is_refused(value: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read_exclusions(value, BERLIN)


GAP = datetime(2026, 3, 29, tzinfo=BERLIN)
FOLD = datetime(2026, 10, 25, tzinfo=BERLIN)
AT_HALF_PAST_TWO: list[BaseTrigger] = [
    CronTrigger(hour=2, minute=30, timezone=BERLIN),
    CalendarIntervalTrigger(days=1, hour=2, minute=30, start_date="2026-01-01", timezone=BERLIN),
    OrTrigger([CronTrigger(hour=2, minute=30, timezone=BERLIN)]),
]


@pytest.mark.parametrize("trigger", AT_HALF_PAST_TWO, ids=["cron", "calendarinterval", "or"])
@pytest.mark.parametrize(("day", "adjusted", "literal"), [(GAP, 1, 0), (FOLD, 1, 2)], ids=["gap", "fold"])
def test_daylight_saving_literal_follows_the_clock(
    trigger: BaseTrigger, day: datetime, adjusted: int, literal: int
) -> None:
    start, end = microseconds_of(day), microseconds_of(day) + 20 * HOUR
    for options_, wanted in ((FireTimeOptions(), adjusted), (FireTimeOptions(literal=True), literal)):
        tally = compile_trigger(trigger, options=options_).tally(start, end)
        assert not isinstance(tally, PartialTally)
        assert tally.count == wanted


@pytest.mark.parametrize("expression", ["H", "H/15", "H(0-29)", "H(0-29)/10", "7,H"])
def test_h_is_the_same_for_a_job_and_differs_between_jobs(expression: str) -> None:
    trigger = CronTrigger.from_crontab(f"{expression} 3 * * mon-fri", timezone=BERLIN)

    def minutes(identity: str) -> tuple[int, ...]:
        times = compile_trigger(trigger, options=FireTimeOptions(identity))
        found = times.several_after(microseconds_of(MIDNIGHT), 6)
        assert not isinstance(found, NotFound)
        moments = [datetime_of(instant, BERLIN) for instant in found]
        assert {moment.hour for moment in moments} == {3}
        return tuple(moment.minute for moment in moments)

    assert minutes("a") == minutes("a")
    assert len({minutes(str(number)) for number in range(20)}) > 3


def test_h_without_the_id_of_a_job_is_refused_when_it_is_asked() -> None:
    trigger = CronTrigger.from_crontab("H H * * *", timezone=BERLIN)
    assert str(trigger) == "cron[month='*', day='*', day_of_week='*', hour='h', minute='h']"
    with pytest.raises(ValueError, match=r"H needs the ID of a job.*got hour='H'"):
        trigger.get_next_fire_time(None, NOW)


def test_h_is_refused_in_fields_whose_values_some_years_lack() -> None:
    with pytest.raises(ValueError, match="year"):
        CronTrigger(year="H")
    with pytest.raises(ValueError, match="week"):
        CronTrigger(week="H")
