"""``CronTrigger``: what APScheduler's documentation says, with APScheduler itself as the oracle where it is right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.cron import CronTrigger as Oracle
from hypothesis import given
from hypothesis import strategies as st

from kalends.errors import InvalidTrigger
from kalends.triggers.cron import CronTrigger
from triggers.program_triggers import BERLIN, NOW, ascends, chain, cron_fields, crontabs, moments, utc


def fires(trigger: CronTrigger, count: int, now: datetime = NOW) -> list[str]:
    return [moment.isoformat(sep=" ") for moment in chain(trigger, now, count)]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"month": "6-8,11-12", "day": "3rd fri", "hour": "0-3"}, "2026-06-19 00:00"),
        ({"day_of_week": "mon-fri", "hour": 5, "minute": 30}, "2026-02-12 05:30"),
        ({"day_of_week": 0}, "2026-02-16 00:00"),
        ({"day_of_week": "6"}, "2026-02-15 00:00"),
        ({"day": "last", "hour": 7}, "2026-02-28 07:00"),
        ({"day": "last sun"}, "2026-02-22 00:00"),
        ({"day": "5th thu"}, "2026-04-30 00:00"),
        ({"day": 1, "minute": 20}, "2026-03-01 00:20"),
        ({"year": "2028", "month": "feb", "day": 29}, "2028-02-29 00:00"),
        ({"week": 53}, "2026-12-28 00:00"),
        ({"month": "1", "day": "5"}, "2027-01-05 00:00"),
        ({"hour": "*/6"}, "2026-02-11 12:00"),
        ({"day_of_week": "fri-mon", "hour": "1"}, "2026-02-13 01:00"),
    ],
)
def test_fields_must_all_match_and_finer_fields_are_the_lowest(fields: dict[str, Any], expected: str) -> None:
    assert fires(CronTrigger(**fields, timezone="UTC"), 1) == [f"{expected}:00+00:00"]


def test_without_fields_every_second_is_a_fire_time() -> None:
    expected = [NOW + timedelta(seconds=number) for number in (1, 2)]
    assert chain(CronTrigger(timezone=UTC), NOW + timedelta(microseconds=1), 2) == expected


def test_digits_of_weekdays_in_a_crontab_begin_with_monday() -> None:
    assert fires(CronTrigger.from_crontab("0 9 * * 0", "UTC"), 1) == ["2026-02-16 09:00:00+00:00"]


def test_both_day_fields_of_a_crontab_must_match() -> None:
    assert fires(CronTrigger.from_crontab("0 0 1 * mon", "UTC"), 1) == ["2026-06-01 00:00:00+00:00"]


@given(cron_fields(), moments(NOW, 400))
def test_in_utc_apscheduler_has_the_same_fire_times(fields: dict[str, Any], now: datetime) -> None:
    end = now + timedelta(days=900)
    expected = chain(Oracle(**fields, timezone=UTC, end_date=end), now, 6)
    assert chain(CronTrigger(**fields, timezone="UTC", end_date=end), now, 6) == expected


@given(cron_fields(), moments(datetime(2026, 4, 1, tzinfo=UTC), 190))
def test_in_berlin_apscheduler_has_the_same_fire_times_while_no_clock_changes(
    fields: dict[str, Any], now: datetime
) -> None:
    end = datetime(2026, 10, 24, 23, tzinfo=BERLIN)
    expected = chain(Oracle(**fields, timezone=BERLIN, end_date=end), now, 6)
    assert chain(CronTrigger(**fields, timezone=BERLIN, end_date=end), now, 6) == expected


@given(crontabs(), moments(NOW, 400))
def test_apscheduler_reads_a_crontab_the_same(text: str, now: datetime) -> None:
    ours, theirs = CronTrigger.from_crontab(text, "UTC"), Oracle.from_crontab(text, UTC)
    ours.end_date = theirs.end_date = now + timedelta(days=900)
    assert chain(ours, now, 4) == chain(theirs, now, 4)


@given(cron_fields())
def test_str_and_fields_are_those_of_apscheduler(fields: dict[str, Any]) -> None:
    ours, theirs = CronTrigger(**fields, timezone="UTC"), Oracle(**fields, timezone="UTC")
    assert str(ours) == str(theirs)
    assert repr(ours) == repr(theirs)
    assert [(part.name, str(part), part.is_default) for part in ours.fields] == [
        (part.name, str(part), part.is_default) for part in theirs.fields
    ]


@given(cron_fields(), moments(datetime(2026, 3, 28, tzinfo=UTC), 2) | moments(datetime(2026, 10, 24, tzinfo=UTC), 2))
def test_fire_times_ascend_where_the_clocks_change(fields: dict[str, Any], now: datetime) -> None:
    found = chain(CronTrigger(**fields, timezone=BERLIN), now, 30)
    assert ascends(found)
    assert not found or found[0] >= now


def test_a_time_in_a_gap_becomes_the_first_instant_after_it() -> None:
    trigger = CronTrigger(hour=2, minute=30, timezone="Europe/Berlin")
    now = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert fires(trigger, 2, now) == ["2026-03-29 03:00:00+02:00", "2026-03-30 02:30:00+02:00"]


def test_a_time_that_is_shown_twice_fires_once() -> None:
    now = datetime(2026, 10, 24, 12, tzinfo=UTC)
    found = utc(chain(CronTrigger(hour=2, minute=30, timezone=BERLIN), now, 2))
    assert found == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 26, 1, 30, tzinfo=UTC)]


def test_a_midnight_in_a_gap_is_not_lost() -> None:
    now = datetime(2024, 3, 30, 12, tzinfo=UTC)
    assert fires(CronTrigger(hour=0, timezone="Asia/Beirut"), 1, now) == ["2024-03-31 01:00:00+03:00"]


def test_impossible_days_have_no_fire_time_and_need_no_search() -> None:
    for fields in ({"month": 2, "day": 30}, {"month": "mar-oct", "week": "49-50"}):
        assert CronTrigger(**fields, timezone="UTC").get_next_fire_time(None, NOW) is None


def test_bounds_are_inclusive_and_may_have_fractions_of_a_second() -> None:
    trigger = CronTrigger(second="*", timezone="UTC", start_date="2026-2-11 9:30:00.5", end_date="2026-02-11 09:30:02")
    assert fires(trigger, 9, NOW) == ["2026-02-11 09:30:01+00:00", "2026-02-11 09:30:02+00:00"]


def test_a_start_that_is_after_the_previous_fire_time_still_counts() -> None:
    trigger = CronTrigger(hour=0, timezone="UTC", start_date="2026-03-01")
    assert trigger.get_next_fire_time(NOW, NOW) == datetime(2026, 3, 1, tzinfo=UTC)


def test_the_answer_is_later_than_the_previous_fire_time_whatever_the_current_time_is() -> None:
    trigger = CronTrigger(hour=0, timezone="UTC")
    previous = NOW + timedelta(days=10)
    assert trigger.get_next_fire_time(previous, NOW) == datetime(2026, 2, 22, tzinfo=UTC)


def test_the_zone_is_that_of_a_bound_if_none_is_given() -> None:
    assert CronTrigger(hour=0, start_date=datetime(2026, 1, 1, tzinfo=BERLIN)).timezone is BERLIN
    assert CronTrigger(hour=0, end_date=datetime(2027, 1, 1, tzinfo=BERLIN)).timezone is BERLIN


def test_attributes_may_be_set_after_creation() -> None:
    trigger = CronTrigger.from_crontab("0 0 * * *", "UTC")
    assert trigger.get_next_fire_time(None, NOW) == datetime(2026, 2, 12, tzinfo=UTC)
    trigger.start_date = datetime(2026, 3, 1, tzinfo=UTC)
    assert trigger.get_next_fire_time(None, NOW) == datetime(2026, 3, 1, tzinfo=UTC)
    trigger.timezone = ZoneInfo("Asia/Tokyo")
    assert trigger.get_next_fire_time(None, NOW) == datetime(2026, 3, 1, 15, tzinfo=UTC)


@given(st.integers(0, 30))
def test_jitter_delays_by_no_more_than_it_says_and_never_beyond_the_end(jitter: int) -> None:
    end = datetime(2026, 2, 12, 0, 0, 10, tzinfo=UTC)
    trigger = CronTrigger(hour=0, timezone="UTC", end_date=end, jitter=jitter)
    found = trigger.get_next_fire_time(None, NOW)
    assert found is not None
    assert datetime(2026, 2, 12, tzinfo=UTC) <= found <= min(end, datetime(2026, 2, 12, 0, 0, jitter, tzinfo=UTC))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"minute": "60"}, "minute must be .* got '60': 60 is not from 0 to 59"),
        ({"minute": "*/60"}, "a step must be from 1 to 59"),
        ({"day_of_week": "7"}, "day_of_week must be .* 7 is not from 0 to 6"),
        ({"day_of_week": "mon-fri/2"}, "day_of_week must be .* got 'mon-fri/2'"),
        ({"month": "feb-jan"}, "a range must ascend"),
        ({"day": "1st mon-fri"}, "day must be"),
        ({"day": "lastfoo"}, "day must be"),
        ({"year": "1969"}, "year must be"),
        ({"hour": ""}, "hour must be"),
        ({"hour": "0", "jitter": -1}, "jitter must be a number of seconds from 0 on"),
        ({"hour": "0", "start_date": "tomorrow"}, "start_date must be a datetime, a date, or text"),
    ],
)
def test_what_cannot_be_carried_out_is_a_value_error_that_says_what_is_accepted(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        CronTrigger(**fields, timezone="UTC")


@pytest.mark.parametrize("text", ["* * * *", "* * * * * *", "@daily", ""])
def test_a_crontab_has_five_fields(text: str) -> None:
    with pytest.raises(InvalidTrigger, match="must have 5 fields"):
        CronTrigger.from_crontab(text)


def test_repr_shows_bounds_jitter_and_zone() -> None:
    trigger = CronTrigger(hour=1, start_date="2026-01-01", end_date="2026-12-31", timezone=BERLIN, jitter=5)
    assert repr(trigger) == (
        "<CronTrigger (hour='1', start_date='2026-01-01 00:00:00 CET', end_date='2026-12-31 00:00:00 CET', jitter=5, "
        "timezone='Europe/Berlin')>"
    )
