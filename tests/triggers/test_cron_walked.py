"""Cron against a walk through time: every minute near changes of the clocks, every day of years."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from kalends.errors import InvalidSchedule
from kalends.testing.strategies import ZONES
from kalends.triggers import Tally, Trigger
from narrowing import known
from triggers.building import build
from triggers.strategies import (
    CHANGES,
    EVERY_DAY,
    EVERY_MONTH,
    Cron,
    crons,
    near_changes,
    said,
    time_crons,
    zones,
)
from triggers.walking import DAY, EPOCH, MINUTE, day_of, fire_times, walk


def named_by(cron: Cron) -> Any:
    return lambda wall: cron.names_minute(day_of(wall), wall % DAY // MINUTE)


def from_walk(cron: Cron, zone: str, start: int, stop: int, *, literal: bool = False) -> list[int]:
    return list(walk(zone, start, stop, named_by(cron), once=not (literal or cron.follows_clock)))


def walk_around(cron: Cron, near: tuple[str, int], daylight_saving: str) -> None:
    """Hold a schedule to what a walk of three days around a change of the clocks finds."""
    zone, change = near
    start, stop = change - DAY, change + 2 * DAY
    trigger = build(zone, schedule=cron.text, daylightSaving=daylight_saving)
    expected = from_walk(cron, zone, start, stop, literal=daylight_saving == "Literal")
    assert fire_times(trigger, start, stop) == expected
    assert known(trigger.tally(start - 1, stop - 1)) == Tally(
        len(expected), expected[0] if expected else None, expected[-1] if expected else None
    )


@given(time_crons, near_changes, st.sampled_from(("Adjust", "Literal")))
@settings(max_examples=20, deadline=None)
def test_around_a_change_of_the_clocks_every_minute_is_as_a_walk_finds_it(
    cron: Cron, near: tuple[str, int], daylight_saving: str
) -> None:
    walk_around(cron, near, daylight_saving)


def ask_around(cron: Cron, near: tuple[str, int], shift: int) -> None:
    """Hold a schedule to a walk, from each of many instants around a change of the clocks."""
    zone, change = near
    trigger = build(zone, schedule=cron.text)
    start, stop = change - DAY, change + DAY
    walked = from_walk(cron, zone, start, stop)
    for asked in [*range(change - 9000 + shift, change + 9000, 600), change - 1, change, change + 1]:
        later = walked[bisect_right(walked, asked) :]
        found = known(trigger.next_after(asked))
        assert found == later[0] if later else found is None or found >= stop
        assert known(trigger.tally(asked, stop - 1)).count == len(later)
        assert known(trigger.tally(start - 1, asked)).count == len(walked) - len(later)


@given(time_crons, near_changes, st.integers(0, 599))
@settings(max_examples=20, deadline=None)
def test_the_answer_is_the_same_from_wherever_one_asks(cron: Cron, near: tuple[str, int], shift: int) -> None:
    ask_around(cron, near, shift)


@pytest.mark.parametrize(("minute", "hour"), [("30", "0-3,22,23"), ("0", "0-23"), ("0-59/7", "1-2"), ("*/20", "*")])
@pytest.mark.parametrize(
    "near", {(zone, instant // (180 * DAY) % 2): (zone, instant) for zone, instant in CHANGES}.values()
)
def test_the_latest_changes_of_each_zone_are_as_a_walk_finds_them(
    minute: str, hour: str, near: tuple[str, int]
) -> None:
    ask_around(Cron(said(minute, 59), said(hour, 23), EVERY_DAY, EVERY_MONTH, EVERY_DAY), near, 60)


@given(crons, st.integers(0, 25_000), st.integers(1, 1500))
@settings(max_examples=25, deadline=None)
def test_over_years_every_day_is_as_the_calendar_has_it(cron: Cron, first: int, length: int) -> None:
    days = [EPOCH + timedelta(days=number) for number in range(first, first + length)]
    named = [day for day in days if cron.names_day(day)]
    try:
        trigger = build("UTC", schedule=cron.text)
    except InvalidSchedule:
        assert not named
        return
    times = sorted(hour * 3600 + minute * 60 for hour in cron.hour.values for minute in cron.minute.values)
    start, stop = first * DAY, (first + length) * DAY
    tally = known(trigger.tally(start - 1, stop - 1))
    assert tally.count == len(named) * len(times)
    if named:
        assert tally.first == (named[0] - EPOCH).days * DAY + times[0]
        assert tally.last == (named[-1] - EPOCH).days * DAY + times[-1]
    assert [day_of(at) for at in _first_of_each_day(trigger, start, stop)] == named


def _first_of_each_day(trigger: Trigger, start: int, stop: int) -> list[int]:
    found = []
    at = known(trigger.next_after(start - 1))
    while at is not None and at < stop:
        found.append(at)
        at = known(trigger.next_after(at - at % DAY + DAY - 1))
    return found


@given(crons, zones, st.integers(0, 2_500_000_000))
@settings(max_examples=25, deadline=None)
def test_answers_ascend_and_are_wall_times_that_exist(cron: Cron, zone: str, instant: int) -> None:
    try:
        trigger = build(zone, schedule=cron.text)
    except InvalidSchedule:
        reject()
    previous = instant
    for _ in range(20):
        found = known(trigger.next_after(previous))
        if found is None:
            break
        assert found > previous
        assert found % 30 == 0
        assert known(trigger.next_after(found - 1)) == found
        previous = found


@given(time_crons, zones, st.integers(0, 2_500_000_000), st.integers(0, 40_000_000), st.integers(0, 40_000_000))
@settings(max_examples=25, deadline=None)
def test_counts_add_up(cron: Cron, zone: str, start: int, one: int, other: int) -> None:
    trigger = build(zone, schedule=cron.text)
    whole = known(trigger.tally(start, start + one + other))
    left, right = known(trigger.tally(start, start + one)), known(trigger.tally(start + one, start + one + other))
    assert whole.count == left.count + right.count
    assert whole.first == (left.first if left.count else right.first)
    assert whole.last == (right.last if right.count else left.last)


def test_the_walk_sees_the_changes_that_it_is_meant_to_see() -> None:
    assert ("Europe/Berlin", int(datetime(2024, 3, 31, 1, tzinfo=UTC).timestamp())) in CHANGES
    assert {zone for zone, _ in CHANGES} == set(ZONES) - {"UTC", "Asia/Kathmandu"}
    assert day_of(0) == date(1970, 1, 1)
