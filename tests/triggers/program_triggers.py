"""Triggers of programs in tests: what ``kalends.testing`` has for all programs, and the moments of these tests."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from kalends.testing.fire_times import Asked, ascends, chain, counts_agree, listed, utc
from kalends.testing.strategies import START, cron_fields, crontabs, moments
from kalends.triggers.programs.datetimes import SECOND, microseconds_of

BERLIN = ZoneInfo("Europe/Berlin")
NOW = START


def instants(fire_times: list[datetime]) -> list[int]:
    """Return moments as the engine has them."""
    return [microseconds_of(moment) for moment in fire_times]


__all__ = [
    "BERLIN",
    "NOW",
    "SECOND",
    "Asked",
    "ascends",
    "chain",
    "counts_agree",
    "cron_fields",
    "crontabs",
    "instants",
    "listed",
    "moments",
    "utc",
]
