"""``kalends validate``: what is wrong with a manifest, before anybody applies it; and what it means, if nothing is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from kalends.cli.explain import meaning_of
from kalends.cli.manifests import InvalidManifest, read_manifests


def validate_files(files: Sequence[Path], *, now: int, zone: str) -> int:
    """Print a line for each problem of each manifest, and one for each that has none; return the exit code."""
    wrong = False
    for manifest in read_manifests(files):
        try:
            click.echo(f"{manifest.label}: valid: {meaning_of(manifest, now=now, zone=zone)}")
        except InvalidManifest as error:
            wrong = True
            for problem in error.problems:
                click.echo(f"{manifest.label}: {problem}")
    return 1 if wrong else 0
