"""Triggers of programs in tests: expressions that APScheduler reads too, and fire times one after another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from kalends.triggers.cron.expressions import FIELD_NAMES
from kalends.triggers.datetimes import microseconds_of
from kalends.triggers.protocol import NotFound, PartialTally, Trigger

BERLIN = ZoneInfo("Europe/Berlin")
SECOND = 1_000_000
NOW = datetime(2026, 2, 11, 9, 30, tzinfo=UTC)
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


class Asked(Protocol):
    """A trigger of Kalends or of APScheduler."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> Any: ...


def chain(trigger: Asked, now: datetime, count: int) -> list[datetime]:
    """Return the first fire times, each found from the one before, as a scheduler does that wakes at each."""
    found: list[datetime] = []
    previous = None
    while len(found) < count:
        previous = trigger.get_next_fire_time(previous, previous or now)
        if previous is None:
            break
        found.append(previous)
    return found


def utc(moments: list[datetime]) -> list[datetime]:
    """Return moments in UTC: in a fold, moments of different zones are never equal to Python."""
    return [moment.astimezone(UTC) for moment in moments]


def listed(trigger: Trigger, after: int, count: int) -> list[int]:
    """Return fire times of a compiled trigger, however many looks that takes."""
    found: list[int] = []
    while len(found) < count:
        following = trigger.next_after(after)
        if isinstance(following, NotFound):
            after = following.until
            continue
        if following is None:
            break
        found.append(following)
        after = following
    return found


def counts_agree(trigger: Trigger, after: int, fire_times: list[int]) -> bool:
    """Return whether ``tally`` counts exactly the given fire times, up to each and to the microsecond before."""
    for number, fire_time in enumerate(fire_times, 1):
        for until, expected in ((fire_time - 1, number - 1), (fire_time, number)):
            tally = trigger.tally(after, until)
            while isinstance(tally, PartialTally):
                tally = trigger.tally(after, until)
            ends = (fire_times[0], fire_times[expected - 1]) if expected else (None, None)
            if (tally.count, tally.first, tally.last) != (expected, *ends):
                return False
    return True


def ascends(moments: list[datetime]) -> bool:
    """Return whether each moment is later than the one before."""
    return all(one < other for one, other in pairwise(utc(moments)))


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


def instants(fire_times: list[datetime]) -> list[int]:
    """Return moments as the engine has them."""
    return [microseconds_of(moment) for moment in fire_times]
