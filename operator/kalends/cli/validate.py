"""``kalends validate``: what is wrong with a manifest, before anybody applies it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from kalends.cli.manifests import UnreadableFile, read_manifests, schedule_of
from kalends.clock import SystemClock
from kalends.errors import InvalidSpec
from kalends.settings import Settings


def validate_files(files: Sequence[Path], *, time_zone: str | None, config: Path | None) -> int:
    """Print a line for each problem of each manifest, and one for each that has none; return the exit code."""
    zone = time_zone or Settings.load(config).time_zone
    now = int(SystemClock().now())
    wrong = 0
    try:
        for manifest in read_manifests(files):
            problems = list(manifest.problems)
            if not problems:
                try:
                    schedule_of(manifest, created=now, zone=zone)
                except InvalidSpec as error:
                    problems = [str(error)]
            wrong += bool(problems)
            if not problems:
                click.echo(f"{manifest.source}: {manifest.name}: valid")
            for problem in problems:
                click.echo(f"{manifest.source}: {manifest.name}: {problem}")
    except UnreadableFile as error:
        click.echo(str(error))
        return 1
    return 1 if wrong else 0
