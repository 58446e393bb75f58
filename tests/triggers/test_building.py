"""From a spec to a trigger: errors that say where, zones by default, and parts that are shared."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kalends.errors import InvalidSchedule
from kalends.triggers import Trigger
from kalends.triggers.rules.wall_clock import WallRule
from narrowing import known
from triggers.building import CREATED, at, build, coming


def test_the_zone_of_the_spec_goes_before_the_default() -> None:
    assert coming(build("UTC", schedule="0 9 * * *", timeZone="Asia/Kathmandu"), CREATED, 1) == [
        "2024-01-01 03:15:00+0000"
    ]
    assert coming(build("Asia/Kathmandu", schedule="0 9 * * *"), CREATED, 1) == ["2024-01-01 03:15:00+0000"]


@pytest.mark.parametrize(
    ("spec", "path", "message"),
    [
        ({"schedule": "* * * *"}, "spec.schedule", "must be five fields"),
        ({"schedule": "* * * * *", "timeZone": "Berlin"}, "spec.timeZone", "must be an IANA time zone name"),
        ({"schedule": "* * * * *", "startTime": "soon"}, "spec.startTime", "must be RFC 3339"),
        ({"schedule": "* * * * *", "endTime": "late"}, "spec.endTime", "must be RFC 3339"),
        ({"trigger": {"cron": {"minute": "61"}}}, "spec.trigger.cron.minute", "minute must be"),
        ({"trigger": {"cron": {"dayOfWeek": "1"}}}, "spec.trigger.cron.dayOfWeek", "dayOfWeek must be"),
        ({"trigger": {"date": {"at": "soon"}}}, "spec.trigger.date.at", "must be RFC 3339"),
        (
            {"trigger": {"anyOf": [{"cron": {"hour": 1}}, {"allOf": [{"cron": {"hour": 99}}]}]}},
            "spec.trigger.anyOf[1].allOf[0].cron.hour",
            "hour must be",
        ),
        (
            {"trigger": {"anyOf": [{"cron": {"hour": 1}}, {"allOf": [{"cron": {"day": 1}}, {"cron": {"day": 2}}]}]}},
            "spec.trigger.anyOf[1].allOf",
            "must have members that agree at some instant",
        ),
        ({"schedule": "* * * * *", "exclude": [{"cron": {"hour": "x"}}]}, "spec.exclude[0].cron.hour", "hour must be"),
        ({"schedule": "* * * * *", "exclude": [{"to": "x"}]}, "spec.exclude[0].to", "must be RFC 3339"),
        (
            {"schedule": "0 0 * * *", "exclude": [{"to": "9999-01-01"}], "endTime": "2025-01-01"},
            "spec.schedule",
            "must have a fire time, but has none with exclude and endTime",
        ),
    ],
)  # fmt: skip
def test_an_error_says_where_it_is(spec: dict[str, Any], path: str, message: str) -> None:
    with pytest.raises(InvalidSchedule) as refused:
        build(**spec)
    assert refused.value.path == path
    assert message in refused.value.message
    assert refused.value.reason == ("UnknownTimeZone" if path == "spec.timeZone" else "InvalidSchedule")


def test_a_literal_time_that_only_ever_fell_into_a_gap_is_refused() -> None:
    cron = {"year": 2024, "month": 3, "day": 31, "hour": 2, "minute": 30}
    assert coming(build("Europe/Berlin", trigger={"cron": cron}), 0, 1) == ["2024-03-31 01:00:00+0000"]
    with pytest.raises(InvalidSchedule, match="must have a fire time"):
        build("Europe/Berlin", trigger={"cron": cron}, daylightSaving="Literal")


SIMPLE: list[dict[str, Any]] = [
    {"schedule": "*/5 * * * *"},
    {"schedule": "0 0 29 2 *"},
    {"trigger": {"cron": {"year": "2000-2010", "second": "*"}}},
    {"trigger": {"interval": {"days": 36525}}},
    {"trigger": {"calendarInterval": {"months": 1, "days": 3}}},
    {"trigger": {"date": {"at": "2030-01-01"}}},
    {"schedule": "30 2 * * *", "startTime": "1970-01-01"},
    {"schedule": "30 2 * * *", "daylightSaving": "Literal"},
    {},
]
COMBINED: list[dict[str, Any]] = [
    {"trigger": {"anyOf": [{"cron": {"hour": 3}}, {"interval": {"hours": 7}}]}},
    {"trigger": {"allOf": [{"cron": {"day": 13}}, {"cron": {"dayOfWeek": "fri"}}]}},
    {"schedule": "0 0 * * *", "exclude": [{"cron": {"month": 7}}], "startTime": "2025-01-01", "endTime": "2100-01-01"},
]


SOME_ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/Santiago", "Pacific/Apia", "Pacific/Pago_Pago"])
END = at("9999-12-31T12:00")
instants = st.integers(-(2**70), 2**70) | st.integers(END - 7 * 86_400, END) | st.integers(-86_400, 86_400)


@given(st.sampled_from([*SIMPLE, *COMBINED]), SOME_ZONES, instants)
@settings(max_examples=70, deadline=None)
def test_any_instant_may_be_asked_about(spec: dict[str, Any], zone: str, instant: int) -> None:
    found = known(build(zone, **spec).next_after(instant))
    assert found is None or (found > instant and at("1969-12-31") < found < END)


near_instants = st.integers(-86_400, at("2100-01-01"))


@given(st.sampled_from(SIMPLE), SOME_ZONES, near_instants, near_instants)
@settings(max_examples=40, deadline=None)
def test_any_instants_may_be_counted_between(spec: dict[str, Any], zone: str, one: int, other: int) -> None:
    trigger = build(zone, **spec)
    after, until = min(one, other), max(one, other)
    tally = known(trigger.tally(after, until))
    first = known(trigger.next_after(after))
    assert tally.first == (first if first is not None and first <= until else None)
    assert (tally.count > 0) == (tally.first is not None)
    assert tally.last is None or (tally.last <= until and known(trigger.next_after(tally.last - 1)) == tally.last)


def test_equal_schedules_share_their_parts() -> None:
    one, other = wall("0 9 * * mon-fri"), wall("0 9 * * 1-5")
    assert one.days is other.days
    assert one.times is other.times
    assert one.zone is other.zone
    assert wall("0 9 13 * *").days is wall("30 * 13 * *").days


def wall(text: str) -> WallRule:
    trigger = build("Europe/Berlin", schedule=text)
    assert isinstance(trigger, WallRule)
    return trigger


def test_triggers_are_small_by_the_thousand() -> None:
    """APScheduler 3.11.3 takes 2.9 kB for each."""
    build_many(0, 100)
    gc.collect()
    tracemalloc.start()
    kept = build_many(100, 2_100)
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size / len(kept) < 1_000


def build_many(first: int, last: int) -> list[Trigger]:
    """Build triggers whose times all differ, and whose days often do."""
    return [
        build("Europe/Berlin", schedule=f"{number % 60} {number // 60 % 24} {number % 28 + 1} * {number % 7}")
        for number in range(first, last)
    ]


def test_one_trigger_alone_is_small() -> None:
    """Also with all that it shares: days drawn for one kind of year, times, the span of a zone."""
    trigger = wall("*/5 9-17 1-7 * mon")
    assert known(trigger.next_after(CREATED)) is not None
    parts = [trigger, trigger.days, trigger.times, trigger.times.hours, trigger.times.within, trigger.times.next_hour]
    assert sum(map(sys.getsizeof, parts)) < 2_900


def test_what_is_remembered_is_bounded() -> None:
    caches = {
        value
        for name, module in sys.modules.items()
        if name.startswith("kalends.triggers")
        for value in vars(module).values()
        if hasattr(value, "cache_parameters")
    }
    assert len(caches) >= 8
    assert all((cache.cache_parameters()["maxsize"] or 10**9) <= 1024 for cache in caches)
