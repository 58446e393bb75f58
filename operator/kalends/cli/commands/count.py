"""``kalends next --count``: how many fire times lie between two instants, without listing them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import click
import orjson

from kalends.cli.commands.next_times import SEARCHES, armed_at, in_both_clocks
from kalends.cli.manifests.files import Manifest, named, schedule_of, zone_of
from kalends.cli.printing import one_line
from kalends.errors import InvalidManifest
from kalends.model import format_instant
from kalends.triggers import PartialTally, Tally, Trigger


@dataclass(frozen=True, slots=True)
class FireTimeCount:
    """How many fire times one manifest has, or why it can have none."""

    name: str
    zone: str
    tally: Tally | None
    counted_until: int | None = None
    """Where counting ended, if it reached its limit before the end."""
    error: str | None = None


def show_count(what: Sequence[str], after: int, until: int, *, zone: str, output: str) -> int:
    """Print the number of fire times with ``after`` < fire time <= ``until``, the first and the last of them.

    Returns:
        The exit code: 1 if one of the manifests cannot be carried out, or not all of its fire times could be counted.
    """
    counted = [_counted(manifest, after, until, zone) for manifest in named(what)]
    click.echo(
        _json(counted) if output == "json" else "\n".join(one_line(line) for one in counted for line in _lines(one))
    )
    return 1 if any(one.tally is None or one.counted_until is not None for one in counted) else 0


def _counted(manifest: Manifest, after: int, until: int, default_zone: str) -> FireTimeCount:
    zone = zone_of(manifest, default_zone)
    try:
        schedule = schedule_of(manifest, created=after, zone=default_zone)
    except InvalidManifest as error:
        return FireTimeCount(manifest.name, zone, None, error=str(error))
    tally, counted_until = _tally(schedule.trigger, armed_at(schedule, after), until)
    return FireTimeCount(manifest.name, zone, tally, counted_until)


def _tally(trigger: Trigger, after: int, until: int) -> tuple[Tally, int | None]:
    """Count, asking several times where one question does not count all; return also where counting ended before."""
    total = Tally(0, None, None)
    for _ in range(SEARCHES):
        found = trigger.tally(after, until)
        part = found.tally if isinstance(found, PartialTally) else found
        total = Tally(
            total.count + part.count,
            part.first if total.first is None else total.first,
            total.last if part.last is None else part.last,
        )
        if not isinstance(found, PartialTally):
            return total, None
        after = found.until
    return total, after


def _json(counted: Sequence[FireTimeCount]) -> str:
    entries: list[dict[str, Any]] = [
        {"name": one.name, "error": one.error}
        if one.tally is None
        else {
            "name": one.name,
            "count": one.tally.count,
            "first": None if one.tally.first is None else format_instant(one.tally.first),
            "last": None if one.tally.last is None else format_instant(one.tally.last),
            **({} if one.counted_until is None else {"countedUntil": format_instant(one.counted_until)}),
        }
        for one in counted
    ]
    return orjson.dumps(entries, option=orjson.OPT_INDENT_2).decode()


def _lines(one: FireTimeCount) -> Iterator[str]:
    if one.tally is None:
        yield one.name
        yield f"  error: {one.error}"
        return
    yield f"{one.name} ({one.zone})"
    yield f"  {one.tally.count:,} fire time{'' if one.tally.count == 1 else 's'}"
    if one.counted_until is not None:
        yield f"  counted until {format_instant(one.counted_until)} only, where the search limit was reached"
    if one.tally.first is not None and one.tally.last is not None:
        yield f"  first  {in_both_clocks(one.tally.first, one.zone)}"
        yield f"  last   {in_both_clocks(one.tally.last, one.zone)}"
