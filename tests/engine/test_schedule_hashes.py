"""Hashes of schedules stay what they are: another hash of the same schedule would arm every resource anew."""

from __future__ import annotations

from typing import Any

import pytest

from doubles import JOB, resource, snapshot_of

CRON = {"cron": {"dayOfWeek": "mon-fri", "hour": 2}}
EVERY_SIX_HOURS = {"interval": {"hours": 6}}
TUESDAYS = {"calendarInterval": {"weeks": 2, "daysOfWeek": ["tue", "thu"], "hour": 3}}

HASHES: list[tuple[dict[str, Any], str]] = [
    ({"schedule": "0 2 * * *"}, "712ff8e8505b1c9f"),
    ({"schedule": "0 2 * * *", "timeZone": "Europe/Berlin"}, "a3ad3a69cf375ee2"),
    ({"schedule": "@every 90m"}, "c7fa0f5989ec4d39"),
    ({"schedule": "H H * * mon", "daylightSaving": "Literal"}, "17bafec7d4730063"),
    ({"schedule": "0 2 * * *", "suspend": True}, "223ee0b4d12f779c"),
    ({"schedule": "0 2 * * *", "startTime": "2027-01-01", "endTime": "2027-12-31T23:59:59Z"}, "82e64e3254f20364"),
    ({}, "95b54b405e359f08"),
    ({"startTime": "2027-01-01T00:00:00Z"}, "7301319f98d684a3"),
    ({"trigger": CRON}, "083944a3b6163748"),
    (
        {"trigger": {"cron": {"second": "*/5", "minute": "10-20/2", "day": "last fri", "year": 2027}}},
        "98440fe5d82a8b17",
    ),
    ({"trigger": {"cron": {"month": "jan", "week": "1-10"}}, "timeZone": "Asia/Kathmandu"}, "709760937f181bf2"),
    ({"trigger": EVERY_SIX_HOURS}, "546ac14cbc80e27f"),
    (
        {"trigger": {"interval": {"weeks": 1, "seconds": 1}}, "startTime": "2027-01-01T00:00:00+01:00"},
        "cabd3c72f3f2c80e",
    ),
    ({"trigger": {"calendarInterval": {"months": 1, "hour": 3}}}, "be613ec8e19fd668"),
    ({"trigger": TUESDAYS}, "d84da6bdf095499a"),
    ({"trigger": {"date": {"at": "2027-01-01T00:00:00"}}}, "9d592adff018a44a"),
    ({"trigger": {"date": {"at": "2027-01-01T00:00:00+01:00"}}}, "93c4ba170232e252"),
    ({"trigger": {"anyOf": [CRON, {"timeZone": "Europe/Berlin", **TUESDAYS}]}}, "f343ae4f4ad27193"),
    ({"trigger": {"allOf": [CRON, {"anyOf": [EVERY_SIX_HOURS, CRON]}]}}, "4c0857dd11c628a0"),
    (
        {"trigger": {"anyOf": [{"startTime": "2027-01-01T00:00:00Z", "endTime": "2028-01-01", **EVERY_SIX_HOURS}]}},
        "559b57f495a34506",
    ),
    ({"schedule": "*/5 * * * *", "exclude": [{"from": "2027-12-24", "to": "2027-12-26"}]}, "6597e84ae5f7ddd7"),
    (
        {"trigger": EVERY_SIX_HOURS, "exclude": [{"cron": {"dayOfWeek": "sat,sun"}}, {"to": "2026-12-01T00:00:00Z"}]},
        "71011e5880d487af",
    ),
    ({"schedule": "0 2 * * *", "maxRuns": 5}, "2c5899289e18bfbe"),
    ({"trigger": EVERY_SIX_HOURS, "maxRuns": 1, "jobTemplate": JOB}, "d65b3004a88dafb0"),
]


@pytest.mark.parametrize(("spec", "expected"), HASHES)
def test_the_hash_of_a_schedule_is_the_one_that_earlier_releases_recorded(spec: dict[str, Any], expected: str) -> None:
    schedule = snapshot_of(resource(**spec)).schedule
    assert schedule is not None
    assert schedule.hash == expected


def test_what_does_not_decide_fire_times_is_not_part_of_the_hash() -> None:
    plain = snapshot_of(resource(schedule="0 2 * * *")).schedule
    other = snapshot_of(
        resource(schedule="0 2 * * *", coalesce="All", retry={"limit": 1}, concurrencyPolicy="Allow", jitterSeconds=5)
    ).schedule
    assert plain is not None
    assert other is not None
    assert plain.hash == other.hash
