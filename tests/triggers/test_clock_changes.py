"""What happens when the clocks change, case by case, as wall times that people can check against a calendar."""

from __future__ import annotations

from typing import Any

import pytest

from kalends.triggers import Tally, Trigger, find_zone
from narrowing import known
from triggers.building import at, build, coming, shown

# (zone, schedule, from, expected under Adjust, expected under Literal); None: the same
CASES: list[tuple[str, str, str, list[str], list[str] | None]] = [
    # Berlin, spring: 02:00 to 03:00 is left out on 2024-03-31
    ("Europe/Berlin", "30 2 * * *", "2024-03-30T12:00", ["31 03:00+0200", "01 02:30+0200"], ["01 02:30+0200"]),
    ("Europe/Berlin", "0 2 * * *", "2024-03-30T12:00", ["31 03:00+0200", "01 02:00+0200"], ["01 02:00+0200"]),
    ("Europe/Berlin", "0 3 * * *", "2024-03-30T12:00", ["31 03:00+0200", "01 03:00+0200"], None),
    ("Europe/Berlin", "0 2,3 * * *", "2024-03-30T12:00", ["31 03:00+0200", "01 02:00+0200"], None),
    ("Europe/Berlin", "0-59 2 * * *", "2024-03-30T12:00", ["31 03:00+0200", "01 02:00+0200"], ["01 02:00+0200"]),
    (
        "Europe/Berlin",
        "30 1,2,3 * * *",
        "2024-03-31T00:00",
        ["31 01:30+0100", "31 03:00+0200", "31 03:30+0200"],
        ["31 01:30+0100", "31 03:30+0200"],
    ),
    ("Europe/Berlin", "*/30 2 * * *", "2024-03-31T00:00", ["01 02:00+0200", "01 02:30+0200"], None),
    ("Europe/Berlin", "*/30 * * * *", "2024-03-31T01:00", ["31 01:30+0100", "31 03:00+0200", "31 03:30+0200"], None),
    ("Europe/Berlin", "0 */2 * * *", "2024-03-31T00:00", ["31 04:00+0200", "31 06:00+0200"], None),
    # Berlin, autumn: 02:00 to 03:00 is repeated on 2024-10-27
    (
        "Europe/Berlin",
        "30 2 * * *",
        "2024-10-26T12:00",
        ["27 02:30+0200", "28 02:30+0100"],
        ["27 02:30+0200", "27 02:30+0100", "28 02:30+0100"],
    ),
    (
        "Europe/Berlin",
        "*/30 2 * * *",
        "2024-10-27T00:00",
        ["27 02:00+0200", "27 02:30+0200", "27 02:00+0100", "27 02:30+0100", "28 02:00+0100"],
        None,
    ),
    ("Europe/Berlin", "0 * * * *", "2024-10-27T01:00", ["27 02:00+0200", "27 02:00+0100", "27 03:00+0100"], None),
    ("Europe/Berlin", "0 3 * * *", "2024-10-27T00:00", ["27 03:00+0100", "28 03:00+0100"], None),
    # the first of the month right after the change: lost every year by APScheduler
    ("Europe/Berlin", "0 0 1 * *", "2024-03-01T12:00", ["01 00:00+0200", "01 00:00+0200"], None),
    ("America/New_York", "0 0 1 * *", "2024-03-01T12:00", ["01 00:00-0400", "01 00:00-0400"], None),
    # New York
    ("America/New_York", "30 2 * * *", "2024-03-09T12:00", ["10 03:00-0400", "11 02:30-0400"], ["11 02:30-0400"]),
    (
        "America/New_York",
        "30 1 * * *",
        "2024-11-02T12:00",
        ["03 01:30-0400", "04 01:30-0500"],
        ["03 01:30-0400", "03 01:30-0500", "04 01:30-0500"],
    ),
    # gaps at midnight: the day begins at 01:00
    ("America/Santiago", "0 0 * * *", "2024-09-07T12:00", ["08 01:00-0300", "09 00:00-0300"], ["09 00:00-0300"]),
    ("Asia/Beirut", "0 0 * * *", "2024-03-30T12:00", ["31 01:00+0300", "01 00:00+0300"], ["01 00:00+0300"]),
    ("Asia/Beirut", "30 0 L * *", "2024-03-30T12:00", ["31 01:00+0300", "30 00:30+0300"], ["30 00:30+0300"]),
    ("Asia/Beirut", "0 5 L * *", "2024-03-30T12:00", ["31 05:00+0300", "30 05:00+0300"], None),
    # ... and a fold before midnight: 23:00 to 24:00 comes twice
    (
        "America/Santiago",
        "30 23 * * *",
        "2024-04-06T12:00",
        ["06 23:30-0300", "07 23:30-0400"],
        ["06 23:30-0300", "06 23:30-0400", "07 23:30-0400"],
    ),
    # half an hour
    ("Australia/Lord_Howe", "15 2 * * *", "2024-10-05T12:00", ["06 02:30+1100", "07 02:15+1100"], ["07 02:15+1100"]),
    ("Australia/Lord_Howe", "31 2 * * *", "2024-10-05T12:00", ["06 02:31+1100", "07 02:31+1100"], None),
    (
        "Australia/Lord_Howe",
        "45 1 * * *",
        "2024-04-06T12:00",
        ["07 01:45+1100", "08 01:45+1030"],
        ["07 01:45+1100", "07 01:45+1030", "08 01:45+1030"],
    ),
    # a whole day: 2011-12-30 never was in Apia
    (
        "Pacific/Apia",
        "0 9 * * *",
        "2011-12-29T00:00",
        ["29 09:00-1000", "31 00:00+1400", "31 09:00+1400"],
        ["29 09:00-1000", "31 09:00+1400"],
    ),
    ("Pacific/Apia", "0 9 30 * *", "2011-12-01T00:00", ["31 00:00+1400", "30 09:00+1400"], ["30 09:00+1400"]),
    ("Pacific/Apia", "0 * 30 12 *", "2011-12-01T00:00", ["30 00:00+1400"], None),
    # Ramadan: the clocks go back for a month, and forward again
    (
        "Africa/Casablanca",
        "30 2 * * *",
        "2024-03-09T12:00",
        ["10 02:30+0100", "11 02:30+0000"],
        ["10 02:30+0100", "10 02:30+0000"],
    ),
    ("Africa/Casablanca", "30 2 * * *", "2024-04-13T12:00", ["14 03:00+0100", "15 02:30+0100"], ["15 02:30+0100"]),
    # odd offsets, and a permanent change of half an hour
    ("Asia/Kathmandu", "0 0 * * *", "2024-01-01T12:00", ["02 00:00+0545", "03 00:00+0545"], None),
    ("America/Caracas", "45 2 * * *", "2016-04-30T12:00", ["01 03:00-0400", "02 02:45-0400"], ["02 02:45-0400"]),
    (
        "America/Caracas",
        "45 2 * * *",
        "2007-12-08T12:00",
        ["09 02:45-0400", "10 02:45-0430"],
        ["09 02:45-0400", "09 02:45-0430", "10 02:45-0430"],
    ),
    ("UTC", "30 2 * * *", "2024-03-30T12:00", ["31 02:30+0000", "01 02:30+0000"], None),
]  # fmt: skip


@pytest.mark.parametrize(("zone", "schedule", "since", "adjust", "literal"), CASES)
def test_a_change_of_the_clocks_does_this(
    zone: str, schedule: str, since: str, adjust: list[str], literal: list[str] | None
) -> None:
    for mode, expected in (("Adjust", adjust), ("Literal", adjust if literal is None else literal)):
        trigger = build(zone, schedule=schedule, daylightSaving=mode)
        instants = listed(trigger, at(since, zone), len(expected))
        assert [f"{text[8:16]}{text[19:]}" for text in (shown(instant, zone) for instant in instants)] == expected
        assert known(trigger.tally(at(since, zone), instants[-1])) == Tally(len(expected), instants[0], instants[-1])


def listed(trigger: Trigger, instant: int, count: int) -> list[int]:
    found = []
    for _ in range(count):
        following = known(trigger.next_after(instant))
        assert following is not None
        instant = following
        found.append(instant)
    return found


@pytest.mark.parametrize(
    ("cron", "adjust"),
    [
        ({"hour": 2, "minute": 30}, ["31 03:00:00+0200", "01 02:30:00+0200"]),
        ({"hour": 2, "minute": 30, "second": "10,20"}, ["31 03:00:00+0200", "01 02:30:10+0200"]),
        ({"hour": 2, "minute": 30, "second": "*/10"}, ["31 03:00:00+0200", "01 02:30:00+0200", "01 02:30:10+0200"]),
        ({"hour": 2, "minute": 30, "second": "*"}, ["31 03:00:00+0200", "01 02:30:00+0200", "01 02:30:01+0200"]),
        ({"hour": 2, "minute": "*"}, ["01 02:00:00+0200", "01 02:01:00+0200"]),
        ({"hour": "2,*/12", "minute": 30}, ["31 00:30:00+0100", "31 03:00:00+0200", "31 12:30:00+0200"]),
        ({"hour": "*/12,2", "minute": 30}, ["31 00:30:00+0100", "31 12:30:00+0200", "01 00:30:00+0200"]),
        ({"hour": 2, "minute": "5,*/30"}, ["31 03:00:00+0200", "01 02:00:00+0200", "01 02:05:00+0200"]),
        ({"hour": "2-3"}, ["31 03:00:00+0200", "01 02:00:00+0200"]),
        ({"minute": 30}, ["31 00:30:00+0100", "31 01:30:00+0100", "31 03:30:00+0200"]),
    ],
)
def test_cron_fields_follow_the_clock_if_hour_or_minute_begins_with_a_star(
    cron: dict[str, Any], adjust: list[str]
) -> None:
    found = coming(
        build("Europe/Berlin", trigger={"cron": cron}), at("2024-03-31", "Europe/Berlin"), len(adjust), "Europe/Berlin"
    )
    assert [text[8:] for text in found] == adjust


@pytest.mark.parametrize(
    ("spec", "day", "expected"),
    [
        # 02:00 to 03:00 is left out on 2025-03-30, and repeated on 2025-10-26
        ({"trigger": {"cron": {"hour": 2, "minute": 30, "second": "*/20"}}}, "2025-03-30", ["03:00:00+0200"]),
        (
            {"trigger": {"cron": {"hour": 2, "minute": 30, "second": "*/20"}}},
            "2025-10-26",
            ["02:30:00+0200", "02:30:20+0200", "02:30:40+0200"],
        ),
        ({"schedule": "5,*/30 2 * * *"}, "2025-03-30", ["03:00:00+0200"]),
        ({"schedule": "5,*/30 2 * * *"}, "2025-10-26", ["02:00:00+0200", "02:05:00+0200", "02:30:00+0200"]),
        ({"schedule": "*/30,5 2 * * *"}, "2025-03-30", []),
        ({"schedule": "30 2,*/12 * * *"}, "2025-03-30", ["00:30:00+0100", "03:00:00+0200", "12:30:00+0200"]),
        ({"schedule": "30 2,*/12 * * *"}, "2025-10-26", ["00:30:00+0200", "02:30:00+0200", "12:30:00+0100"]),
        ({"schedule": "30 */12,2 * * *"}, "2025-03-30", ["00:30:00+0100", "12:30:00+0200"]),
    ],
)
def test_only_a_star_that_begins_the_hour_or_the_minute_follows_the_clock(
    spec: dict[str, Any], day: str, expected: list[str]
) -> None:
    trigger = build("Europe/Berlin", **spec)
    start, stop = (at(f"{day}T00:00", "Europe/Berlin"), at(f"{day}T23:59:59", "Europe/Berlin"))
    tally = known(trigger.tally(start - 1, stop))
    found = coming(trigger, start - 1, tally.count, "Europe/Berlin") if tally.count else []
    assert [text[11:] for text in found] == expected


@pytest.mark.parametrize(
    ("interval", "created", "adjust", "literal"),
    [
        (
            {"days": 1, "hour": 2, "minute": 30},
            "2024-03-30T12:00:00Z",
            ["31 03:00:00+0200", "01 02:30:00+0200"],
            ["01 02:30:00+0200", "02 02:30:00+0200"],
        ),
        (
            {"days": 2, "hour": 2, "minute": 30},
            "2024-10-25T12:00:00Z",
            ["27 02:30:00+0200", "29 02:30:00+0100"],
            ["27 02:30:00+0200", "27 02:30:00+0100", "29 02:30:00+0100"],
        ),
    ],
)
def test_calendar_intervals_are_adjusted_too(
    interval: dict[str, int], created: str, adjust: list[str], literal: list[str]
) -> None:
    for mode, expected in (("Adjust", adjust), ("Literal", literal)):
        trigger = build(
            "Europe/Berlin", created=at(created), trigger={"calendarInterval": interval}, daylightSaving=mode
        )
        found = coming(trigger, at(created), len(expected), "Europe/Berlin")
        assert [text[8:] for text in found] == expected


def test_an_interval_is_elapsed_time_and_knows_no_clocks() -> None:
    trigger = build("Europe/Berlin", trigger={"interval": {"days": 1}}, startTime="2024-03-30T02:30:00")
    assert coming(trigger, at("2024-03-29"), 3, "Europe/Berlin") == [
        "2024-03-30 02:30:00+0100",
        "2024-03-31 03:30:00+0200",
        "2024-04-01 03:30:00+0200",
    ]


@pytest.mark.parametrize(
    ("wall", "zone", "instant"),
    [
        ("2024-03-31T02:30", "Europe/Berlin", "2024-03-31T01:00"),
        ("2024-10-27T02:30", "Europe/Berlin", "2024-10-27T00:30"),
        ("2011-12-30T12:00", "Pacific/Apia", "2011-12-30T10:00"),
    ],
)
def test_a_date_in_a_gap_is_right_after_it_and_one_in_a_fold_the_first(wall: str, zone: str, instant: str) -> None:
    assert known(build(zone, trigger={"date": {"at": wall}}).next_after(0)) == at(instant)


def test_a_zone_knows_its_gaps_and_folds() -> None:
    berlin = find_zone("Europe/Berlin")
    spring, autumn = at("2024-03-31T01:00"), at("2024-10-27T01:00")
    summer, winter = berlin.span_at(spring), berlin.span_at(autumn)
    assert (summer.start, summer.end, summer.offset) == (spring, autumn, 7200)
    assert summer.start + summer.offset - summer.shown == 3600
    assert winter.start + winter.offset - winter.shown == -3600
    assert berlin.span_at(spring - 1).end == spring
    assert berlin.next_gap_end(spring - 1, autumn) == spring
    assert berlin.next_gap_end(spring, autumn + 1) is None
