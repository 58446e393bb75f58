"""``kalends next``: the coming fire times of manifests, or of a cron expression."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import orjson

from kalends.cli.manifests import Manifest, UnreadableFile, read_manifests, schedule_of
from kalends.clock import SystemClock
from kalends.engine.schedule import Schedule
from kalends.errors import InvalidSpec
from kalends.model import API_VERSION, KIND, format_instant, parse_instant
from kalends.settings import Settings


@dataclass(frozen=True, slots=True)
class Coming:
    """What comes next for one manifest, or why nothing can."""

    name: str
    zone: str
    fire_times: tuple[int, ...] = ()
    ends: bool = False
    """Whether nothing comes after these."""
    error: str | None = None


def show_next(what: Sequence[str], *, time_zone: str | None, after: str | None, count: int, output: str) -> int:
    """Print the next fire times; return the exit code: 1 if one of the manifests has none to show for an error."""
    try:
        since = parse_instant(after) if after else int(SystemClock().now())
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--after") from error
    zone = Settings.load(None, time_zone=time_zone).time_zone
    coming = list(_all(what, since, zone, count))
    click.echo(_json(coming) if output == "json" else _table(coming))
    return 1 if any(one.error is not None for one in coming) else 0


def _all(what: Sequence[str], since: int, zone: str, count: int) -> Iterator[Coming]:
    for text in what:
        if not _is_file(text):
            spec = {"schedule": text, "task": {"name": "none"}}
            obj = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": "cron"}, "spec": spec}
            yield _coming(Manifest("", text, obj, ()), since, zone, count)
            continue
        try:
            for manifest in read_manifests([Path(text)]):
                yield _coming(manifest, since, zone, count)
        except UnreadableFile as error:
            yield Coming(text, zone, error=str(error))


def _is_file(text: str) -> bool:
    return text == "-" or text.endswith((".yaml", ".yml", ".json")) or (" " not in text and Path(text).exists())


def _coming(manifest: Manifest, since: int, zone: str, count: int) -> Coming:
    spec: Any = manifest.obj.get("spec")
    named = spec.get("timeZone") if isinstance(spec, dict) else None
    own = named if isinstance(named, str) else zone
    try:
        schedule = schedule_of(manifest, created=since, zone=zone)
    except InvalidSpec as error:
        return Coming(manifest.name, own, error=str(error))
    return _listed(manifest.name, own, schedule, since, count)


def _listed(name: str, zone: str, schedule: Schedule, since: int, count: int) -> Coming:
    # One without a trigger fires at its creation: seen from there, that is still to come.
    at = schedule.trigger.next_after(schedule.first_armed if schedule.created == since else since)
    found: list[int] = []
    while at is not None and len(found) < count:
        found.append(at)
        at = schedule.trigger.next_after(at)
    return Coming(name, zone, tuple(found), ends=at is None)


def _json(coming: Sequence[Coming]) -> str:
    told = [
        {"name": one.name, "error": one.error}
        if one.error is not None
        else {"name": one.name, "fireTimes": [format_instant(t) for t in one.fire_times], "ends": one.ends}
        for one in coming
    ]
    return orjson.dumps(told, option=orjson.OPT_INDENT_2).decode()


def _table(coming: Sequence[Coming]) -> str:
    lines: list[str] = []
    for one in coming:
        lines.append(f"{one.name} ({one.zone})")
        if one.error is not None:
            lines.append(f"  error: {one.error}")
            continue
        zone = ZoneInfo(one.zone)
        for instant in one.fire_times:
            wall = datetime.fromtimestamp(instant, zone)
            lines.append(f"  {format_instant(instant)}  {wall:%a %Y-%m-%d %H:%M:%S %Z}")
        if one.ends:
            lines.append("  and no more" if one.fire_times else "  never")
    return "\n".join(lines)
