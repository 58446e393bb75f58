"""``kalends next``: the coming fire times of manifests, or of a cron expression."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click
import orjson

from kalends.cli.manifests.files import Manifest, named, schedule_of, zone_of
from kalends.cli.printing import one_line
from kalends.engine.core.schedule import Schedule
from kalends.errors import InvalidManifest
from kalends.model import format_instant
from kalends.triggers import NotFound, Trigger, zone_info

AT_MOST = 10_000
"""Maximum number of fire times listed for a manifest."""
SEARCHES = 4
"""Maximum number of searches in a row, each within its budget, for an answer: a fraction of a second."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which fire times are asked for: those with ``after`` < fire time <= ``until``."""

    after: int
    until: int | None


@dataclass(frozen=True, slots=True)
class NextTimes:
    """The next fire times of a manifest, or why there are none."""

    name: str
    zone: str
    fire_times: tuple[int, ...] = ()
    ends: bool = False
    """Whether nothing comes after these, ever."""
    more: bool = False
    """Whether there are more that were asked for than can be listed."""
    searched: int | None = None
    """Up to where what comes after these was searched for, if the search reached its limit."""
    suspended: bool = False
    error: str | None = None


def show_next(what: Sequence[str], window: Window, *, zone: str, number: int, output: str) -> int:
    """Print the next fire times; return the exit code: 1 if one of the manifests has none to show for an error."""
    coming = [_coming(manifest, window, zone, number) for manifest in named(what)]
    click.echo(
        _json(coming)
        if output == "json"
        else "\n".join(one_line(line) for one in coming for line in _lines(one, window))
    )
    return 1 if any(one.error is not None for one in coming) else 0


def armed_at(schedule: Schedule, after: int) -> int:
    """Return the instant after which fire times count.

    A manifest that was never applied is taken to be created at ``after``: if it fires at its creation, that is still
    to come.
    """
    return schedule.first_armed if schedule.created == after else after


def nothing_found(searched: int, what: str = "no fire time") -> str:
    """Return the sentence about a search that reached its limit."""
    return f"{what} found until {format_instant(searched)}, where the search limit was reached; there may be later ones"


def in_both_clocks(instant: int, zone: str) -> str:
    """Return an instant in UTC and as the clocks of a zone show it."""
    return f"{format_instant(instant)}  {datetime.fromtimestamp(instant, zone_info(zone)):%a %Y-%m-%d %H:%M:%S %Z}"


def _coming(manifest: Manifest, window: Window, default_zone: str, number: int) -> NextTimes:
    zone = zone_of(manifest, default_zone)
    try:
        schedule = schedule_of(manifest, created=window.after, zone=default_zone)
    except InvalidManifest as error:
        return NextTimes(manifest.name, zone, error=str(error))
    at = _search(schedule.trigger, armed_at(schedule, window.after), window)
    found: list[int] = []
    while isinstance(at, int) and len(found) < number and (window.until is None or at <= window.until):
        found.append(at)
        at = _search(schedule.trigger, at, window)
    return NextTimes(
        manifest.name,
        zone,
        tuple(found),
        ends=at is None,
        more=isinstance(at, int) and window.until is not None and at <= window.until,
        searched=at.until if isinstance(at, NotFound) and not _is_past(window, at.until) else None,
        suspended=schedule.suspended,
    )


def _search(trigger: Trigger, after: int, window: Window) -> int | NotFound | None:
    """Return the next fire time, asking several times where one search does not find it."""
    found = trigger.next_after(after)
    for _ in range(SEARCHES - 1):
        if not isinstance(found, NotFound) or _is_past(window, found.until):
            break
        found = trigger.next_after(found.until)
    return found


def _is_past(window: Window, instant: int) -> bool:
    return window.until is not None and instant >= window.until


def _json(coming: Sequence[NextTimes]) -> str:
    entries: list[dict[str, Any]] = [
        {"name": one.name, "error": one.error}
        if one.error is not None
        else {
            "name": one.name,
            "fireTimes": [format_instant(t) for t in one.fire_times],
            "ends": one.ends,
            **({} if one.searched is None else {"searchedUntil": format_instant(one.searched)}),
        }
        for one in coming
    ]
    return orjson.dumps(entries, option=orjson.OPT_INDENT_2).decode()


def _lines(one: NextTimes, window: Window) -> Iterator[str]:
    if one.error is not None:
        yield one.name
        yield f"  error: {one.error}"
        return
    yield f"{one.name} ({one.zone})" + (", suspended" if one.suspended else "")
    yield from (f"  {in_both_clocks(instant, one.zone)}" for instant in one.fire_times)
    if one.ends:
        yield "  and no more" if one.fire_times else "  never"
    elif one.searched is not None:
        yield f"  {nothing_found(one.searched, 'no more' if one.fire_times else 'none')}"
    elif one.more:
        yield "  and more: `--count` says how many"
    elif not one.fire_times and window.until is not None:
        yield f"  none until {format_instant(window.until)}"
