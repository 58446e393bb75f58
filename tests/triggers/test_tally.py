"""Counting without listing: what CronJob loses after downtime is found, at no cost."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import pytest

from kalends.triggers import Tally, Trigger
from narrowing import known
from triggers.building import CREATED, at, build
from triggers.walking import DAY

# What the CronJob controller of Kubernetes 1.36 makes of downtime: it estimates from the first gap how many runs were
# missed, jumps ahead by that, finds itself past the last of them, and drops them all.
# (schedule, last run, now, last missed, how many)
LOST_BY_CRONJOB = [
    ("30 10,11,12 * * 1-5", "2016-05-19T10:30", "2016-05-20T16:30", "2016-05-20T12:30", 5),
    ("0 8,9 * * *", "2026-06-01T09:00", "2026-06-02T20:00", "2026-06-02T09:00", 2),
    ("*/5 9-17 * * 1-5", "2026-06-05T17:55", "2026-06-08T20:00", "2026-06-08T17:55", 108),
    ("*/5 9-17 * * 1-5", "2026-06-05T12:00", "2026-06-06T10:00", "2026-06-05T17:55", 71),
    ("0 0 1,2 * *", "2026-05-02T00:00", "2026-06-20T00:00", "2026-06-02T00:00", 2),
    ("0,1 0 * * *", "2026-06-01T00:01", "2026-06-02T00:03", "2026-06-02T00:01", 2),
]
# ... and what it gets right.
KEPT_BY_CRONJOB = [
    ("0 */1 * * *", "2016-05-19T10:00", "2016-05-19T10:30", None, 0),
    ("0 */1 * * *", "2016-05-19T10:00", "2016-05-19T11:00", "2016-05-19T11:00", 1),
    ("0 */1 * * *", "2016-05-19T10:00", "2016-05-19T13:59", "2016-05-19T13:00", 3),
    ("* * * * *", "2016-05-19T10:00", "2016-05-26T10:00", "2016-05-26T10:00", 10_080),
]


@pytest.mark.parametrize(("schedule", "last", "now", "latest", "count"), [*LOST_BY_CRONJOB, *KEPT_BY_CRONJOB])
def test_what_was_missed_is_known_exactly(schedule: str, last: str, now: str, latest: str | None, count: int) -> None:
    tally = known(build(schedule=schedule).tally(at(last), at(now)))
    assert (tally.count, tally.last) == (count, None if latest is None else at(latest))


WEEK = 7 * DAY
BIG: list[tuple[dict[str, Any], int, int]] = [
    # (spec, seconds, fire times within)
    ({"trigger": {"cron": {"second": "*"}}}, WEEK, 604_800),
    ({"schedule": "* * * * *"}, 3650 * DAY, 5_256_000),
    ({"trigger": {"interval": {"seconds": 1}}}, 3650 * DAY, 315_360_000),
    ({"trigger": {"calendarInterval": {"days": 1}}}, 3650 * DAY, 3650),
    ({"trigger": {"cron": {"second": "*"}}, "endTime": "2024-01-07T23:59:59Z"}, 10 * WEEK, 604_799),
    ({"trigger": {"cron": {"second": "*"}}, "exclude": [{"from": "2024-01-02", "to": "2024-01-02"}]}, WEEK, 518_400),
    ({"trigger": {"cron": {"second": "*"}}, "exclude": [{"cron": {"hour": "0-11"}}]}, 28 * DAY, 1_209_600),
    ({"trigger": {"anyOf": [{"cron": {"second": "*/2"}}, {"cron": {"second": "*/3"}}]}}, 28 * DAY, 1_612_800),
    ({"trigger": {"allOf": [{"cron": {"second": "*/2"}}, {"interval": {"seconds": 3}}]}}, 28 * DAY, 403_200),
]


@pytest.mark.parametrize(("spec", "length", "count"), BIG, ids=str)
def test_counts_are_exact_however_many_there_are(spec: dict[str, Any], length: int, count: int) -> None:
    assert known(build(**spec).tally(CREATED, CREATED + length)).count == count


@pytest.mark.parametrize(("spec", "length", "count"), BIG, ids=str)
def test_counting_takes_constant_memory(spec: dict[str, Any], length: int, count: int) -> None:
    trigger = build(**spec)
    trigger.tally(CREATED, CREATED + length)  # draws what later counts share
    tracemalloc.start()
    trigger.tally(CREATED, CREATED + length)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200_000


def test_a_week_of_seconds_is_counted_in_less_than_20_ms() -> None:
    trigger = build("Europe/Berlin", trigger={"cron": {"second": "*"}})
    best = min(timed(trigger, CREATED, CREATED + WEEK) for _ in range(3))
    assert best < 0.020


def timed(trigger: Trigger, after: int, until: int) -> float:
    begin = time.process_time()
    assert known(trigger.tally(after, until)).count == 604_800
    return time.process_time() - begin


def test_a_year_of_seconds_in_berlin_is_as_long_as_any() -> None:
    trigger = build("Europe/Berlin", trigger={"cron": {"second": "*"}})
    assert known(trigger.tally(CREATED, CREATED + 366 * DAY)).count == 366 * DAY


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC", "America/Santiago"])
def test_a_daily_job_runs_once_a_day_for_forty_years(zone: str) -> None:
    start, stop = at("2024-01-01", zone), at("2064-01-01", zone)
    for schedule in ("30 2 * * *", "0 0 * * *", "59 23 * * *", "30 1 * * *"):
        assert known(build(zone, schedule=schedule).tally(start - 1, stop - 1)).count == 14_610


@pytest.mark.parametrize("spec", [spec for spec, _, _ in BIG], ids=str)
def test_nothing_lies_between_a_time_and_itself(spec: dict[str, Any]) -> None:
    trigger = build(**spec)
    assert known(trigger.tally(CREATED, CREATED)) == Tally(0, None, None)
    assert known(trigger.tally(CREATED, CREATED - 1)) == Tally(0, None, None)
    assert known(trigger.tally(CREATED + 100, CREATED)) == Tally(0, None, None)
