"""Triggers by alias, and in every kind of time zone that a program may give."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest

from kalends.errors import InvalidTrigger, UnknownTimeZone
from kalends.triggers.base import BaseTrigger
from kalends.triggers.cron import CronTrigger
from kalends.triggers.date import DateTrigger
from kalends.triggers.programs import aliases
from kalends.triggers.programs.aliases import create_trigger
from kalends.triggers.programs.compiled import compile_trigger
from kalends.triggers.programs.stored import state_of, trigger_of
from triggers.program_triggers import BERLIN, NOW, chain


class Counting(BaseTrigger):
    """A trigger of an installed package."""

    def __init__(self, step: int) -> None:
        self.step = step

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        return None


# --- aliases ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alias", "arguments", "expected"),
    [
        ("interval", {"seconds": 5, "start_date": "2026-01-01"}, "interval[0:00:05]"),
        ("cron", {"hour": 1}, "cron[hour='1']"),
        ("date", {"run_date": "2026-01-01"}, "date[2026-01-01 00:00:00 JST]"),
        ("or", {"triggers": [CronTrigger(hour=1)], "jitter": 3}, "or[cron[hour='1']]"),
        ("and", {"triggers": [CronTrigger(hour=1)]}, "and[cron[hour='1']]"),
    ],
)
def test_an_alias_makes_a_trigger_in_the_zone_of_the_scheduler(
    alias: str, arguments: dict[str, Any], expected: str
) -> None:
    trigger = create_trigger(alias, ZoneInfo("Asia/Tokyo"), **arguments)
    assert str(trigger) == expected
    if "triggers" not in arguments:
        assert str(trigger.timezone) == "Asia/Tokyo"  # type: ignore[attr-defined]


def test_a_zone_that_is_given_comes_first_and_an_instance_stays_as_it_is() -> None:
    made = create_trigger("calendarinterval", ZoneInfo("Asia/Tokyo"), days=1, timezone="UTC")
    assert made.timezone is UTC  # type: ignore[attr-defined]
    assert create_trigger(made, ZoneInfo("Asia/Tokyo")) is made
    assert isinstance(create_trigger(None, UTC), DateTrigger)


def test_an_unknown_alias_is_refused_with_those_that_exist() -> None:
    with pytest.raises(LookupError, match="one of and, calendarinterval, cron, date, interval, or, got 'weekly'"):
        create_trigger("weekly", UTC)
    with pytest.raises(TypeError, match=r"an instance of .*BaseTrigger or an alias, got builtins.int"):
        create_trigger(5, UTC)  # type: ignore[arg-type]


def test_entry_points_add_aliases(monkeypatch: pytest.MonkeyPatch) -> None:
    points = EntryPoints(
        [
            EntryPoint("counting", f"{__name__}:Counting", aliases.ENTRY_POINTS),
            EntryPoint("wrong", "json:JSONDecoder", aliases.ENTRY_POINTS),
        ]
    )
    monkeypatch.setattr(aliases, "entry_points", lambda group: points.select(group=group))
    trigger = create_trigger("counting", UTC, step=3)
    assert isinstance(trigger, Counting)
    assert trigger.step == 3
    with pytest.raises(TypeError, match="must name a subclass of BaseTrigger"):
        create_trigger("wrong", UTC)
    with pytest.raises(LookupError, match=r"counting, cron, .* wrong, got 'other'"):
        create_trigger("other", UTC)


# --- time zones -------------------------------------------------------------------------------------------------------


class Pytz(tzinfo):
    """A zone as pytz makes it."""

    def __init__(self, zone: str | None) -> None:
        self.zone = zone

    def utcoffset(self, moment: datetime | None) -> timedelta:
        return timedelta(hours=1)

    def dst(self, moment: datetime | None) -> None:
        return None

    def tzname(self, moment: datetime | None) -> str | None:
        return self.zone


class Winter(tzinfo):
    """A zone that changes its clocks, and of which nothing else is known."""

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        return None if moment is None else timedelta(hours=2 if 4 <= moment.month <= 9 else 1)

    def dst(self, moment: datetime | None) -> timedelta | None:
        return None if moment is None else timedelta(hours=1 if 4 <= moment.month <= 9 else 0)

    def tzname(self, moment: datetime | None) -> str:
        return "Winter"


@pytest.mark.parametrize(
    ("zone", "name", "offset"),
    [
        ("Europe/Berlin", "Europe/Berlin", 1),
        ("UTC", "UTC", 0),
        (BERLIN, "Europe/Berlin", 1),
        (Pytz("Europe/Berlin"), "Europe/Berlin", 1),
        (Pytz("UTC"), "UTC", 0),
        (Pytz(None), "UTC+01:00", 1),
        (timezone(timedelta(hours=5, minutes=30)), "UTC+05:30", 5.5),
    ],
)
def test_zones_are_converted_and_stored_by_name_or_offset(zone: Any, name: str, offset: float) -> None:
    trigger = CronTrigger(hour=0, timezone=zone)
    assert str(trigger.timezone) == name
    expected = datetime(2026, 2, 12, tzinfo=UTC) - timedelta(hours=offset)
    assert trigger.get_next_fire_time(None, NOW) == expected
    assert trigger_of(state_of(trigger)).get_next_fire_time(None, NOW) == expected


def test_any_other_tzinfo_is_asked_and_cannot_be_stored() -> None:
    trigger = CronTrigger(hour=0, timezone=Winter())
    found = chain(trigger, datetime(2026, 3, 31, 12, tzinfo=UTC), 2)
    assert [moment.utcoffset() for moment in found] == [timedelta(hours=2), timedelta(hours=2)]
    with pytest.raises(TypeError, match="timezone must have a name in the IANA database or a fixed offset"):
        state_of(trigger)
    assert compile_trigger(trigger).next_after(0) is not None


def test_an_unknown_zone_is_a_value_error_and_what_zoneinfo_raises() -> None:
    with pytest.raises(UnknownTimeZone, match=r"^timezone must be an IANA time zone name .*, got 'Berlin'$") as raised:
        CronTrigger(hour=0, timezone="Berlin")
    assert isinstance(raised.value, ZoneInfoNotFoundError)
    assert isinstance(raised.value, InvalidTrigger)
    with pytest.raises(TypeError, match=r"timezone must be .*, got int"):
        CronTrigger(hour=0, timezone=5)


def test_the_classes_need_no_other_package_than_the_library_has() -> None:
    program = (
        "import sys, kalends.triggers.programs.aliases, kalends.triggers.programs.compiled\n"
        "print(*{name.partition('.')[0] for name in sys.modules} & "
        "{'pytz', 'dateutil', 'apscheduler', 'kopf', 'kubernetes', 'aiohttp', 'pydantic_settings', 'click'})"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""
