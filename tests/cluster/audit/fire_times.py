"""Which instants a manifest names: croniter for cron, arithmetic for the rest. UTC alone, listed one by one.

Slow on purpose where slow is plain: it lists what the operator only counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from croniter import croniter

Json = Mapping[str, Any]
UNITS = {"weeks": 604_800, "days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
CRON_FIELDS = ("second", "minute", "hour", "day", "month", "dayOfWeek")
"""From the least significant to the most, in the order in which croniter wants them; ``week`` and ``year`` it lacks."""


class CannotAudit(Exception):
    """The auditor does not know this kind of manifest."""


def fire_times(spec: Json, *, created: int, after: int, until: int) -> list[int]:
    """Return every fire time t with ``after < t <= until``, ascending."""
    if spec.get("timeZone", "UTC") != "UTC":
        raise CannotAudit(f"time zone {spec['timeZone']}")
    first = max(after, instant_of(spec["startTime"]) - 1) if "startTime" in spec else after
    last = min(until, instant_of(spec["endTime"])) if "endTime" in spec else until
    if last <= first:
        return []
    if "schedule" in spec:
        named = _cron(spec["schedule"], first, last, seconds=False)
    elif "trigger" in spec:
        named = _trigger(spec["trigger"], spec, created, first, last)
    else:
        named = {created} if first < created <= last else set()
    for exclusion in spec.get("exclude", ()):
        named -= {t for t in named if _is_excluded(exclusion, t)}
    return sorted(named)


def instant_of(text: str) -> int:
    """Return the instant that an RFC 3339 text names; without an offset it is UTC."""
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _trigger(trigger: Json, spec: Json, created: int, after: int, until: int) -> set[int]:
    ((kind, value),) = trigger.items()
    match kind:
        case "cron":
            return _cron(_expression(value), after, until, seconds=True)
        case "interval":
            return _interval(value, spec, created, after, until)
        case "calendarInterval":
            return _calendar_interval(value, spec, created, after, until)
        case "date":
            at = instant_of(value["at"])
            return {at} if after < at <= until else set()
        case "anyOf":
            return set[int]().union(*(_trigger(one, spec, created, after, until) for one in value))
        case "allOf":
            return set.intersection(*(_trigger(one, spec, created, after, until) for one in value))
        case _:
            raise CannotAudit(f"trigger {kind}")


def _expression(fields: Json) -> str:
    """Return a cron line of six fields, seconds first: what is less significant than all that is given is 0 (or 1)."""
    unknown = fields.keys() - set(CRON_FIELDS)
    if unknown:
        raise CannotAudit(f"cron field {', '.join(sorted(unknown))}")
    given = [name in fields for name in CRON_FIELDS]
    least = given.index(True) if True in given else len(given)
    lowest = {"second": "0", "minute": "0", "hour": "0", "day": "1", "month": "1", "dayOfWeek": "*"}
    return " ".join(
        str(fields.get(name, lowest[name] if place < least else "*")) for place, name in enumerate(CRON_FIELDS)
    )


def _cron(expression: str, after: int, until: int, *, seconds: bool) -> set[int]:
    found: set[int] = set()
    ticks = croniter(expression, after, second_at_beginning=seconds)
    while (at := int(ticks.get_next(float))) <= until:
        found.add(at)
    return found


def _interval(value: Json, spec: Json, created: int, after: int, until: int) -> set[int]:
    period = sum(UNITS[unit] * count for unit, count in value.items())
    anchor = instant_of(spec["startTime"]) if "startTime" in spec else created
    first = anchor if "startTime" in spec else anchor + period
    if after >= first:
        first += ((after - first) // period + 1) * period
    return set(range(first, until + 1, period))


def _calendar_interval(value: Json, spec: Json, created: int, after: int, until: int) -> set[int]:
    if value.keys() - {"days", "weeks", "hour", "minute", "second"}:
        raise CannotAudit("calendarInterval of months or years")
    step = timedelta(days=value.get("days", 0) + 7 * value.get("weeks", 0))
    anchor = datetime.fromtimestamp(instant_of(spec["startTime"]) if "startTime" in spec else created, UTC)
    at = anchor.replace(hour=value.get("hour", 0), minute=value.get("minute", 0), second=value.get("second", 0))
    if at < anchor or ("startTime" not in spec and at == anchor):
        at += step
    found = set()
    while at.timestamp() <= until:
        if at.timestamp() > after:
            found.add(int(at.timestamp()))
        at += step
    return found


def _is_excluded(exclusion: Json, at: int) -> bool:
    if "cron" in exclusion:
        # Unlike a trigger, an exclusion of a minute takes all of its seconds.
        expression = " ".join(str(exclusion["cron"].get(name, "*")) for name in CRON_FIELDS)
        return at in _cron(expression, at - 1, at, seconds=True)
    begins = instant_of(exclusion["from"]) if "from" in exclusion else at
    ends = instant_of(exclusion["to"]) if "to" in exclusion else at
    return begins <= at <= ends
