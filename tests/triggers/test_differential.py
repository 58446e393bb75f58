"""Other libraries as oracles: where they differ from Kalends, it is for a reason that stands here."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.cron import CronTrigger
from cronsim import CronSim, CronSimError
from hypothesis import given, settings
from hypothesis import strategies as st

from kalends.errors import InvalidSchedule
from kalends.triggers import find_zone
from narrowing import known
from triggers.building import at, build
from triggers.strategies import Cron, SaidDay, crons, fixed_crons, near_changes, time_crons
from triggers.walking import DAY

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from croniter import CroniterError, croniter

START = at("2023-11-17T05:00")
YEARS = 12 * 366 * DAY


def ours(text: str, zone: str, start: int, stop: int, count: int = 30, **spec: Any) -> list[int] | None:
    """Return fire times, or None if the schedule is refused."""
    try:
        trigger = build(zone, schedule=text, **spec)
    except InvalidSchedule:
        return None
    found: list[int] = []
    instant = known(trigger.next_after(start - 1))
    while instant is not None and instant < stop and len(found) < count:
        found.append(instant)
        instant = known(trigger.next_after(instant))
    return found


def cronsim(text: str, zone: str, start: int, stop: int, count: int = 30) -> list[int] | None:
    """Return what cronsim says, or None if it refuses the expression."""
    try:
        walk = CronSim(text, datetime.fromtimestamp(start - 1, ZoneInfo(zone)))
    except CronSimError:
        return None
    return upto(walk, stop, count)


def upto(walk: Iterator[datetime], stop: int, count: int) -> list[int]:
    found: list[int] = []
    for instant in (int(moment.timestamp()) for moment in walk):
        if instant >= stop or len(found) >= count:
            break
        found.append(instant)
    return found


def croniter_says(text: str, zone: str, start: int, stop: int, count: int = 30) -> list[int] | None:
    """Return what croniter says, or None if it refuses the expression or gives up."""
    try:
        walk = croniter(text, datetime.fromtimestamp(start - 1, ZoneInfo(zone)), max_years_between_matches=13)
        return upto((walk.get_next(datetime) for _ in range(count + 1)), stop, count)
    except CroniterError:
        return None


def apscheduler_says(fields: dict[str, str], zone: str, start: int, stop: int, count: int = 30) -> list[int]:
    spelt = {"day_of_week" if name == "dayOfWeek" else name: text for name, text in fields.items()}
    trigger = CronTrigger(**spelt, timezone=ZoneInfo(zone), end_date=datetime.fromtimestamp(stop - 1, ZoneInfo(zone)))
    found: list[int] = []
    previous = None
    now = datetime.fromtimestamp(start, ZoneInfo(zone))
    while len(found) < count:
        previous = trigger.get_next_fire_time(previous, previous or now)
        if previous is None:
            break
        found.append(int(previous.timestamp()))
    return found


# --- in UTC, where nothing excuses a difference but a difference of grammar ------------------------------------------


def cronsim_reads_otherwise(cron: Cron) -> str | None:
    """Say why cronsim may differ."""
    if any(first == last and step for text in cron.texts for first, last, step in ranges(text)):
        return "to cronsim, 5-5/2 is 5/2, which runs on to the end"
    if cron.day.everything != cron.day.text.startswith("*") or cron.weekday.everything != cron.weekday.text.startswith(
        "*"
    ):
        return "Debian's cron takes a day field for no restriction if its first character is a star, and only then"
    return None


def croniter_reads_otherwise(cron: Cron) -> str | None:
    """Say why croniter may differ."""
    if any(first == last for text in cron.texts for first, last, _ in ranges(text)):
        return "to croniter, 0-0 or sun-sun is everything"
    if any(field.everything and field.text not in {"*", "?"} for field in (cron.day, cron.weekday)):
        return "croniter takes */1, or a list with a star in it, for a restriction"
    if any(names_all(field) and not field.everything for field in (cron.day, cron.weekday)):
        return "croniter takes 0-6 and 1-31 for a star"
    if "#" in cron.weekday.text and ("," in cron.weekday.text or not cron.day.everything):
        return "croniter takes mon#2 for one more restriction, also beside other days that would do"
    if re.search(r"(29|30|31)W", cron.day.text) or (re.search(r"\dW", cron.day.text) and not cron.weekday.everything):
        return "croniter moves 31W into shorter months, and takes 15W beside days of the week for one more restriction"
    return None


def names_all(field: SaidDay) -> bool:
    return all(field.names(date(2024, 1, number)) for number in range(1, 32))


def ranges(text: str) -> Iterator[tuple[str, str, str]]:
    for item in text.split(","):
        span, _, step = item.partition("/")
        first, dash, last = span.partition("-")
        if dash and first != "L":
            yield first.lower(), last.lower(), step


@given(crons)
@settings(max_examples=60, deadline=None)
def test_in_utc_cronsim_agrees(cron: Cron) -> None:
    if cronsim_reads_otherwise(cron) is None:
        expected = cronsim(cron.text, "UTC", START, START + YEARS, 12)
        if expected is not None:
            assert ours(cron.text, "UTC", START, START + YEARS, 12) in ([expected] if expected else ([], None))


@given(crons)
@settings(max_examples=60, deadline=None)
def test_in_utc_croniter_agrees(cron: Cron) -> None:
    if croniter_reads_otherwise(cron) is None:
        expected = croniter_says(cron.text, "UTC", START, START + YEARS, 12)
        if expected is not None:
            assert ours(cron.text, "UTC", START, START + YEARS, 12) in ([expected] if expected else ([], None))


numbers_of: dict[str, tuple[int, int]] = {"month": (1, 12), "day": (1, 31), "week": (1, 53), "hour": (0, 23)}
names_of_weekdays = st.sampled_from(["mon", "TUE", "sat,sun", "mon-fri", "wed-Sat", "*", "*/3"])
names_of_days = st.sampled_from(["last", "1st mon", "2nd fri", "5th thu", "last sun", "3rd wed,last", "1st sat, 10"])


@st.composite
def aps_expressions(draw: st.DrawFn, low: int, high: int) -> str:
    kind = draw(st.sampled_from(("*", "*/n", "n", "n", "a-b", "a-b/n", "n/n", "list")))
    one, other = sorted((draw(st.integers(low, high)), draw(st.integers(low, high))))
    step = draw(st.integers(1, max(1, other - one)))
    written = {
        "*": "*",
        "*/n": f"*/{draw(st.integers(1, high - low))}",
        "n": str(one),
        "a-b": f"{one}-{other}",
        "a-b/n": f"{one}-{other}/{step}" if one < other else str(one),
        "n/n": f"{one}/{step}" if one < high and step <= high - one else str(one),
        "list": f"{one}, {other}",
    }
    return written[kind]


aps_fields = st.fixed_dictionaries(
    {},
    optional={
        "month": aps_expressions(1, 12),
        "day": aps_expressions(1, 31) | names_of_days,
        "week": aps_expressions(1, 53),
        "dayOfWeek": names_of_weekdays,
        "hour": aps_expressions(0, 23),
        "minute": aps_expressions(0, 59),
        "second": aps_expressions(0, 59),
    },
).filter(bool)


@given(aps_fields)
@settings(max_examples=40, deadline=None)
def test_in_utc_apscheduler_agrees(fields: dict[str, str]) -> None:
    stop = START + 2 * 366 * DAY
    expected = apscheduler_says(fields, "UTC", START, stop, 8)
    try:
        trigger = build("UTC", trigger={"cron": fields})
    except InvalidSchedule:
        assert not expected
        return
    assert fire_times_until(trigger, START, stop, 8) == expected


def fire_times_until(trigger: Any, start: int, stop: int, count: int) -> list[int]:
    found: list[int] = []
    instant = known(trigger.next_after(start - 1))
    while instant is not None and instant < stop and len(found) < count:
        found.append(instant)
        instant = known(trigger.next_after(instant))
    return found


# --- where the clocks change ---------------------------------------------------------------------------------------


def difference(ours: list[int], theirs: list[int]) -> set[tuple[str, int]]:
    """Return who alone names which instant, as far as both were asked."""
    end = min([*ours[499:], *theirs[499:], 2**40])
    return {("ours", instant) for instant in {*ours} - {*theirs} if instant <= end} | {
        ("theirs", instant) for instant in {*theirs} - {*ours} if instant <= end
    }


def kind_of(zone: str, instant: int) -> str:
    """Say what is special about an instant."""
    span = find_zone(zone).span_at(instant)
    gap = span.start + span.offset - span.shown
    if instant + span.offset < span.shown:
        return "shown before"
    if gap > 0 and instant == span.start:
        return "right after a gap"
    if gap > 0 and instant - span.start < gap:
        return "soon after a gap"
    if gap > 0 and instant - span.start < 26 * 3600:
        return "the day after a gap"
    return "nothing"


DIFFERENCES_IN_ZONES = {
    ("croniter", "theirs", "shown before"): "croniter runs a fixed time twice when it is shown twice",
    ("croniter", "ours", "shown before"): "croniter forgets the second showing where a fold is half an hour long",
    ("croniter", "ours", "right after a gap"): "croniter takes 0-23 for a star, and follows the clock",
    ("croniter", "theirs", "right after a gap"): "croniter also moves the first of */5 out of a gap of whole hours",
    ("apscheduler", "theirs", "shown before"): "APScheduler runs a fixed time twice when it is shown twice",
    (
        "apscheduler",
        "theirs",
        "soon after a gap",
    ): "APScheduler answers 02:30 of a gap, which does not exist: it is 03:30",
    ("apscheduler", "theirs", "right after a gap"): "... and 02:00, which is 03:00",
    ("apscheduler", "ours", "right after a gap"): "... and so does not run right after the gap",
    ("apscheduler", "ours", "soon after a gap"): "... nor at times of the same hour that do exist",
    ("apscheduler", "ours", "the day after a gap"): "APScheduler loses what follows on the next midnight after a gap",
}


def unexplained(library: str, zone: str, ours: list[int], theirs: list[int]) -> set[tuple[str, str, int]]:
    return {
        (side, kind_of(zone, instant), instant)
        for side, instant in difference(ours, theirs)
        if (library, side, kind_of(zone, instant)) not in DIFFERENCES_IN_ZONES
    }


@given(fixed_crons, near_changes)
@settings(max_examples=40, deadline=None)
def test_at_fixed_times_cronsim_agrees_in_all_zones(cron: Cron, near: tuple[str, int]) -> None:
    """Both keep Debian's rule; cronsim names an instant twice where two times fall into one gap."""
    zone, change = near
    if cronsim_reads_otherwise(cron) is None:
        expected = cronsim(cron.text, zone, change - DAY, change + 2 * DAY, 500)
        if expected is not None:
            assert not difference(asked(cron, near), expected)


@given(time_crons, near_changes)
@settings(max_examples=40, deadline=None)
def test_croniter_differs_only_in_folds_and_after_gaps(cron: Cron, near: tuple[str, int]) -> None:
    zone, change = near
    if croniter_reads_otherwise(cron) is None:
        expected = croniter_says(cron.text, zone, change - DAY, change + 2 * DAY, 500)
        if expected is not None:
            assert not unexplained("croniter", zone, asked(cron, near), expected)


@given(time_crons, near_changes)
@settings(max_examples=30, deadline=None)
def test_apscheduler_differs_only_in_folds_and_after_gaps(cron: Cron, near: tuple[str, int]) -> None:
    zone, change = near
    start, stop = change - DAY, change + 2 * DAY
    fields = {"hour": cron.hour.text, "minute": cron.minute.text, "second": "0"}
    try:
        trigger = build(zone, trigger={"cron": fields})
    except InvalidSchedule:
        return  # a step that APScheduler refuses as well
    expected = apscheduler_says(fields, zone, start, stop, 500)
    assert not unexplained("apscheduler", zone, fire_times_until(trigger, start, stop, 500), expected)


def asked(cron: Cron, near: tuple[str, int]) -> list[int]:
    zone, change = near
    return fire_times_until(build(zone, schedule=cron.text), change - DAY, change + 2 * DAY, 500)


# --- every reason of the allow-lists, with an example -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("library", "zone", "schedule", "since", "theirs_alone", "ours_alone"),
    [
        (croniter_says, "Europe/Berlin", "30 2 * * *", "2024-10-27", ["2024-10-27T01:30"], []),
        (croniter_says, "UTC", "0 0 * * sun-sun", "2024-01-01", ["2024-01-01", "2024-01-02"], []),
        (croniter_says, "UTC", "0 0 31W * *", "2024-02-01", ["2024-02-29"], []),
        (croniter_says, "UTC", "0 0 L * 0#4", "2024-01-01", [], ["2024-01-31"]),
        (croniter_says, "UTC", "0 0 */1 * mon", "2024-01-01", ["2024-01-02"], []),
        (cronsim, "UTC", "5-5/20 0 * * *", "2024-01-01", ["2024-01-01T00:25"], []),
        (cronsim, "UTC", "0 0 */2 * sun", "2024-01-01", [], ["2024-01-03", "2024-01-05"]),
    ],
)
def test_the_reasons_are_real(
    library: Any, zone: str, schedule: str, since: str, theirs_alone: list[str], ours_alone: list[str]
) -> None:
    start = at(since, zone)
    theirs, found = (
        library(schedule, zone, start, start + 60 * DAY, 60),
        ours(schedule, zone, start, start + 60 * DAY, 60),
    )
    assert found is not None
    for text in theirs_alone:
        assert at(text) in {*theirs} - {*found}
    for text in ours_alone:
        assert at(text) in {*found} - {*theirs}


@pytest.mark.parametrize(
    ("zone", "fields", "since", "theirs", "right"),
    [
        # a time that does not exist, named as if it did
        ("Europe/Berlin", {"hour": "2", "minute": "30"}, "2024-03-31", "2024-03-31T01:30", "2024-03-31T01:00"),
        # the first of April, lost every year
        ("Europe/Berlin", {"day": "1"}, "2024-03-02", "2024-04-30T22:00", "2024-03-31T22:00"),
        ("America/New_York", {"day": "1"}, "2024-03-02", "2024-05-01T04:00", "2024-04-01T04:00"),
        # a day whose midnight is left out
        ("Asia/Beirut", {"hour": "0"}, "2024-03-30T12:00", "2024-03-31T21:00", "2024-03-30T22:00"),
    ],
)
def test_where_apscheduler_is_wrong_the_answer_is_right(
    zone: str, fields: dict[str, str], since: str, theirs: str, right: str
) -> None:
    start = at(since, zone)
    trigger = CronTrigger(**fields, timezone=ZoneInfo(zone))
    answer = trigger.get_next_fire_time(None, datetime.fromtimestamp(start, ZoneInfo(zone)))
    assert answer is not None
    assert int(answer.timestamp()) == at(theirs)
    assert known(build(zone, trigger={"cron": fields}).next_after(start)) == at(right)
