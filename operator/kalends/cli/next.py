"""``kalends next``: the coming fire times of manifests, or of a cron expression."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click
import orjson

from kalends.cli.manifests import InvalidManifest, Manifest, named, schedule_of, zone_of
from kalends.engine.schedule import Schedule
from kalends.model import format_instant

AT_MOST = 10_000
"""How many fire times are listed of one manifest."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which fire times are asked for: those with ``after`` < fire time <= ``until``."""

    after: int
    until: int | None


@dataclass(frozen=True, slots=True)
class Coming:
    """What comes next for one manifest, or why nothing can."""

    name: str
    zone: str
    fire_times: tuple[int, ...] = ()
    ends: bool = False
    """Whether nothing comes after these, ever."""
    more: bool = False
    """Whether there are more that were asked for than can be listed."""
    suspended: bool = False
    error: str | None = None


def show_next(what: Sequence[str], window: Window, *, zone: str, number: int, output: str) -> int:
    """Print the next fire times; return the exit code: 1 if one of the manifests has none to show for an error."""
    coming = [_coming(manifest, window, zone, number) for manifest in named(what)]
    click.echo(_json(coming) if output == "json" else "\n".join(line for one in coming for line in _lines(one, window)))
    return 1 if any(one.error is not None for one in coming) else 0


def armed_at(schedule: Schedule, after: int) -> int:
    """Return the instant after which fire times count.

    A manifest that was never applied is taken to be created at ``after``: if it fires at its creation, that is still
    to come.
    """
    return schedule.first_armed if schedule.created == after else after


def told(instant: int, zone: str) -> str:
    """Return an instant in UTC and as the clocks of a zone show it."""
    return f"{format_instant(instant)}  {datetime.fromtimestamp(instant, ZoneInfo(zone)):%a %Y-%m-%d %H:%M:%S %Z}"


def _coming(manifest: Manifest, window: Window, default_zone: str, number: int) -> Coming:
    zone = zone_of(manifest, default_zone)
    try:
        schedule = schedule_of(manifest, created=window.after, zone=default_zone)
    except InvalidManifest as error:
        return Coming(manifest.name, zone, error=str(error))
    at = schedule.trigger.next_after(armed_at(schedule, window.after))
    found: list[int] = []
    while at is not None and len(found) < number and (window.until is None or at <= window.until):
        found.append(at)
        at = schedule.trigger.next_after(at)
    more = at is not None and window.until is not None and at <= window.until
    return Coming(manifest.name, zone, tuple(found), ends=at is None, more=more, suspended=schedule.suspended)


def _json(coming: Sequence[Coming]) -> str:
    entries: list[dict[str, Any]] = [
        {"name": one.name, "error": one.error}
        if one.error is not None
        else {"name": one.name, "fireTimes": [format_instant(t) for t in one.fire_times], "ends": one.ends}
        for one in coming
    ]
    return orjson.dumps(entries, option=orjson.OPT_INDENT_2).decode()


def _lines(one: Coming, window: Window) -> Iterator[str]:
    if one.error is not None:
        yield one.name
        yield f"  error: {one.error}"
        return
    yield f"{one.name} ({one.zone})" + (", suspended" if one.suspended else "")
    yield from (f"  {told(instant, one.zone)}" for instant in one.fire_times)
    if one.ends:
        yield "  and no more" if one.fire_times else "  never"
    elif one.more:
        yield "  and more: `--count` says how many"
    elif not one.fire_times and window.until is not None:
        yield f"  none until {format_instant(window.until)}"
