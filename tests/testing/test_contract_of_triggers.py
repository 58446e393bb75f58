"""The contract of triggers, for those of Kalends and for classes of a program."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from kalends.testing.contracts.triggers import *  # noqa: F403 - pytest collects the claims where it finds them
from kalends.triggers.base import BaseTrigger
from kalends.triggers.calendarinterval import CalendarIntervalTrigger
from kalends.triggers.combining import AndTrigger, OrTrigger
from kalends.triggers.cron import CronTrigger
from kalends.triggers.date import DateTrigger
from kalends.triggers.interval import IntervalTrigger

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 10, 24, 12, tzinfo=UTC)
"""The clocks of Berlin are put back in the night that follows."""


@dataclass
class EveryOtherHour(BaseTrigger):
    """A trigger of a program."""

    minute: int

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        if previous_fire_time is not None:
            return (previous_fire_time.astimezone(UTC) + timedelta(hours=2)).astimezone(previous_fire_time.tzinfo)
        found = now.astimezone(UTC).replace(minute=self.minute, second=0, microsecond=0)
        return (found if found >= now else found + timedelta(hours=1)).astimezone(now.tzinfo)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture(
    params=[
        CronTrigger(minute="*/20", timezone=BERLIN),
        CronTrigger(hour=2, minute=30, timezone=BERLIN, jitter=5),
        IntervalTrigger(seconds=0.25, start_date=NOW),
        DateTrigger(NOW + timedelta(seconds=1)),
        CalendarIntervalTrigger(days=1, hour=2, minute=30, start_date="2026-10-20", timezone=BERLIN),
        OrTrigger([CronTrigger(hour=3, timezone="UTC"), IntervalTrigger(hours=5, start_date=NOW)]),
        AndTrigger([CronTrigger(hour="*/2", timezone="UTC"), CronTrigger(hour="*/3", timezone="UTC")]),
        EveryOtherHour(17),
    ],
    ids=str,
)
def trigger(request: pytest.FixtureRequest) -> BaseTrigger:
    found: BaseTrigger = request.param
    return found
