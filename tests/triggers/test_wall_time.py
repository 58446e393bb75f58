"""Which schedules mean something else in another zone."""

from __future__ import annotations

from typing import Any

import pytest

from kalends.triggers import reads_wall_time
from triggers.building import CREATED, build, coming, described

EVERY_QUARTER = {"interval": {"minutes": 15}}
SOON = "2024-01-01T12:00:00Z"
BY_THE_CLOCK: list[dict[str, Any]] = [
    {"schedule": "0 9 * * *"},
    {"schedule": "@daily"},
    {"trigger": {"cron": {"hour": 9}}},
    {"trigger": {"calendarInterval": {"days": 1}}},
    {"trigger": {"date": {"at": "2024-06-01"}}},
    {"trigger": {"anyOf": [{"interval": {"days": 1}}, {"allOf": [{"cron": {"hour": 9}}, EVERY_QUARTER]}]}},
    {"trigger": {"interval": {"hours": 1}}, "startTime": "2024-01-02"},
    {"trigger": {"interval": {"hours": 1}}, "endTime": "2024-01-02T00:00"},
    {"trigger": {"interval": {"hours": 1}}, "exclude": [{"cron": {"hour": "9-17"}}]},
    {"trigger": {"interval": {"hours": 1}}, "exclude": [{"from": "2024-01-01", "to": SOON}]},
]
ABSOLUTE: list[dict[str, Any]] = [
    {},
    {"schedule": "@every 1h"},
    {"trigger": {"interval": {"hours": 1}}},
    {"trigger": {"date": {"at": SOON}}},
    {"trigger": {"anyOf": [{"interval": {"hours": 5}}, {"date": {"at": "2024-01-01T12:00:00+05:30"}}]}},
    {"trigger": {"interval": {"hours": 7}}, "startTime": SOON, "endTime": "2025-01-01T00:00:00Z"},
    {"trigger": {"interval": {"hours": 7}}, "exclude": [{"from": SOON, "to": "2024-01-03T00:00:00Z"}]},
]


@pytest.mark.parametrize("spec", BY_THE_CLOCK)
def test_it_follows_the_clock(spec: dict[str, Any]) -> None:
    assert reads_wall_time(described(spec))
    east, west = (coming(build(zone, **spec), CREATED, 40) for zone in ("Asia/Kathmandu", "America/St_Johns"))
    assert east != west


@pytest.mark.parametrize("spec", ABSOLUTE)
def test_it_is_the_same_instant_everywhere(spec: dict[str, Any]) -> None:
    assert not reads_wall_time(described(spec))
    east, west = (coming(build(zone, **spec), CREATED - 1, 40) for zone in ("Asia/Kathmandu", "America/St_Johns"))
    assert east == west
