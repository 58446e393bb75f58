"""Hypothesis strategies for triggers and schedules: ``pip install 'kalends[testing]'``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from kalends.triggers.base import BaseTrigger
from kalends.triggers.calendarinterval import CalendarIntervalTrigger
from kalends.triggers.combining import OrTrigger
from kalends.triggers.cron import CronTrigger
from kalends.triggers.cron.expressions import FIELD_NAMES
from kalends.triggers.date import DateTrigger
from kalends.triggers.interval import IntervalTrigger
from kalends.triggers.programs.datetimes import SECOND

START = datetime(2026, 2, 11, 9, 30, tzinfo=UTC)
"""Triggers of these strategies have fire times soon after it."""
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "America/Santiago",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "America/Caracas",
    "America/St_Johns",
    "UTC",
)
"""Names of zones whose clocks change in different ways, and of some whose clocks do not."""
_LIMITS = {
    "year": (2026, 2029),
    "month": (1, 12),
    "day": (1, 28),
    "week": (1, 52),
    "day_of_week": (0, 6),
    "hour": (0, 23),
    "minute": (0, 59),
    "second": (0, 59),
}
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def zones() -> st.SearchStrategy[ZoneInfo]:
    """Return time zones: half-hour changes, changes at midnight, changes of the date, negative daylight saving."""
    return st.sampled_from(ZONES).map(ZoneInfo)


@st.composite
def _items(draw: st.DrawFn, name: str) -> str:
    low, high = _LIMITS[name]
    first = draw(st.integers(low, high))
    last = draw(st.integers(first, high))
    kinds = ["value", "range", "star"]
    kinds += ["step"] if last > first else []
    kinds += ["name"] if name in {"month", "day_of_week"} else []
    kinds += ["special"] if name == "day" else []
    match draw(st.sampled_from(kinds)):
        case "value":
            return str(first)
        case "range":
            return f"{first}-{last}"
        case "star":
            return draw(st.sampled_from(["*", f"*/{draw(st.integers(1, high - low))}"]))
        case "step":
            return f"{first}-{last}/{draw(st.integers(1, last - first))}"
        case "name":
            names = _WEEKDAYS if name == "day_of_week" else _MONTHS
            begin, end = names[first - low], names[last - low]
            return draw(st.sampled_from([begin, f"{begin}-{end}"]))
    place = draw(st.sampled_from(["1st", "2nd", "3rd", "4th", "5th", "last"]))
    return draw(st.sampled_from(["last", f"{place} {draw(st.sampled_from(_WEEKDAYS))}"]))


@st.composite
def cron_fields(draw: st.DrawFn) -> dict[str, Any]:
    """Return arguments of a ``CronTrigger`` that has fire times which APScheduler finds soon."""
    names = draw(st.sets(st.sampled_from(FIELD_NAMES), min_size=1, max_size=4))
    if "week" in names:
        names -= {"month", "day"}
    fields = {}
    for name in sorted(names):
        fields[name] = ",".join(draw(st.lists(_items(name), min_size=1, max_size=2)))
    return fields


@st.composite
def crontabs(draw: st.DrawFn) -> str:
    """Return a crontab expression that APScheduler reads too."""
    names = ("minute", "hour", "day", "month", "day_of_week")
    items = [draw(st.sampled_from(["*", "item"])) for _ in names]
    texts = [
        "*" if item == "*" else draw(_items(name).filter(lambda text: " " not in text))
        for name, item in zip(names, items, strict=True)
    ]
    return " ".join(texts)


def moments(start: datetime, days: int) -> st.SearchStrategy[datetime]:
    """Return moments to the microsecond within some days."""
    return st.integers(0, days * 86_400 * SECOND).map(lambda since: start + timedelta(microseconds=since))


def schedules() -> st.SearchStrategy[str]:
    """Return texts of ``schedule`` of a ScheduledJob: five fields, or ``@every`` and a duration."""
    every = st.integers(1, 100_000).map(lambda seconds: f"@every {seconds}s")
    return crontabs() | every


def cron_triggers(timezones: st.SearchStrategy[Any] | None = None) -> st.SearchStrategy[CronTrigger]:
    """Return cron triggers, in ``zones()`` or other time zones."""
    return st.builds(
        lambda fields, zone: CronTrigger(**fields, timezone=zone),
        cron_fields(),
        zones() if timezones is None else timezones,
    )


def interval_triggers() -> st.SearchStrategy[IntervalTrigger]:
    """Return intervals from a millisecond to a day, in their grids since about ``START``."""
    return st.builds(
        lambda period, start: IntervalTrigger(seconds=period / 1000, start_date=start),
        st.integers(1, 10**8),
        moments(START - timedelta(days=1), 2),
    )


def date_triggers() -> st.SearchStrategy[DateTrigger]:
    """Return single moments within two days after ``START``."""
    return moments(START, 2).map(DateTrigger)


def calendar_interval_triggers(
    timezones: st.SearchStrategy[Any] | None = None,
) -> st.SearchStrategy[CalendarIntervalTrigger]:
    """Return calendar intervals, in ``zones()`` or other time zones."""
    return st.builds(
        CalendarIntervalTrigger,
        months=st.integers(0, 3),
        days=st.integers(1, 20),
        hour=st.integers(0, 23),
        minute=st.sampled_from([0, 30]),
        start_date=st.sampled_from(["2026-01-31", "2026-03-28", "2026-10-24"]),
        timezone=zones() if timezones is None else timezones,
    )


def triggers(timezones: st.SearchStrategy[Any] | None = None) -> st.SearchStrategy[BaseTrigger]:
    """Return triggers of all kinds, and unions of two of them."""
    leaves = st.one_of(
        cron_triggers(timezones), interval_triggers(), date_triggers(), calendar_interval_triggers(timezones)
    )
    return leaves | st.lists(leaves, min_size=1, max_size=2).map(OrTrigger)
