"""What several commands accept in the same words: files, instants, zones, durations."""

from __future__ import annotations

import re
from pathlib import Path

import click

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?", re.ASCII)


def instant(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Read an instant: RFC 3339 outside, seconds since the epoch inside."""
    from kalends.model import parse_instant
    from kalends.triggers.zones.zone import LAST_INSTANT

    if value is None:
        return None
    try:
        found = parse_instant(value.upper())
    except ValueError:
        accepted = "must be RFC 3339, as in '2027-01-01T00:00:00Z'"
        raise click.BadParameter(f"{accepted}, got '{value}'", ctx=ctx, param=param) from None
    if not 0 <= found <= LAST_INSTANT:
        raise click.BadParameter(f"must be from 1970 to 9999, got '{value}'", ctx=ctx, param=param)
    return found


def zone_name(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Read the name of a time zone."""
    from kalends.errors import InvalidSchedule
    from kalends.triggers import find_zone

    try:
        return None if value is None else find_zone(value).name
    except InvalidSchedule as error:
        raise click.BadParameter(error.message, ctx=ctx, param=param) from error


def duration(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Read a length of time: ``90``, ``90s``, ``5m``, ``1h30m`` outside, seconds inside."""
    if value is None:
        return None
    found = _DURATION.fullmatch(value)
    if not value or found is None:
        raise click.BadParameter(f"must be like '90s', '5m' or '1h30m', got '{value}'", ctx=ctx, param=param)
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


FILES = click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
FILES_OR_CRON = click.argument("what", nargs=-1, required=True, metavar="[FILE… | CRON]")
CONFIG = click.option(
    "--config",
    envvar="KALENDS_CONFIG",
    type=click.Path(path_type=Path, dir_okay=False),
    help="YAML file with settings; KALENDS_… in the environment overrides it.",
)
ZONE = click.option(
    "--time-zone", metavar="ZONE", callback=zone_name, help="IANA time zone of manifests without timeZone."
)
OUTPUT = click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
