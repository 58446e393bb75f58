"""The same proofs at length: every zone of the database, and walks by the thousand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kalends.triggers import Tally, find_zone
from triggers.building import build
from triggers.strategies import ALL_ZONES, Cron, near_changes, time_crons
from triggers.test_combined import Rules, exclusions, intersect, leaves, rules, take_away
from triggers.test_cron_walked import walk_around
from triggers.walking import DAY, fire_times, walk

pytestmark = pytest.mark.slow

START, STOP = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (2024, 2027))


def named(hours: set[int], minutes: set[int]) -> Any:
    return lambda wall: wall // 3600 % 24 in hours and wall // 60 % 60 in minutes


ALL_HOURS, ALL_MINUTES = set(range(24)), set(range(60))
SCHEDULES = [
    ("0-59/7 0-23 * * *", named(ALL_HOURS, set(range(0, 60, 7))), True),
    ("30 0,1,2,3,23 * * *", named({0, 1, 2, 3, 23}, {30}), True),
    ("*/10 * * * *", named(ALL_HOURS, set(range(0, 60, 10))), False),
    ("0 */2 * * *", named(set(range(0, 24, 2)), {0}), False),
]


def zones_that_change() -> list[tuple[str, int]]:
    """Return each change of the clocks of three years that no zone before in the alphabet had in the same way."""
    found: dict[tuple[int, int, int], tuple[str, int]] = {}
    for name in ALL_ZONES:
        for span in find_zone(name).spans(START, STOP):
            if span.shown != span.start + span.offset:
                found.setdefault((span.start, span.offset, span.shown), (name, span.start))
    return list(found.values())


def test_in_every_zone_of_the_database_a_walk_finds_the_same() -> None:
    changes = zones_that_change()
    assert len(changes) > 60
    for zone, change in changes:
        start, stop = change - DAY, change + DAY
        for schedule, names, fixed in SCHEDULES:
            for mode in ("Adjust", "Literal"):
                expected = list(walk(zone, start, stop, names, once=fixed and mode == "Adjust", before=DAY))
                trigger = build(zone, schedule=schedule, daylightSaving=mode)
                assert fire_times(trigger, start, stop) == expected, (zone, change, schedule, mode)
                assert trigger.tally(start - 1, stop - 1) == Tally(len(expected), expected[0], expected[-1])


@given(time_crons, near_changes, st.sampled_from(("Adjust", "Literal")))
@settings(max_examples=400, deadline=None)
def test_walks_by_the_thousand(cron: Cron, near: tuple[str, int], daylight_saving: str) -> None:
    walk_around(cron, near, daylight_saving)


@given(rules, leaves, leaves)
@settings(max_examples=300, deadline=None)
def test_intersections_by_the_hundred(rules: Rules, one: Any, other: Any) -> None:
    intersect(rules, one, other)


@given(rules, leaves, exclusions, st.integers(-DAY, DAY), st.integers(0, DAY))
@settings(max_examples=120, deadline=None)
def test_exclusions_by_the_hundred(rules: Rules, leaf: Any, exclusion: Any, begin: int, length: int) -> None:
    take_away(rules, leaf, exclusion, begin, length)
