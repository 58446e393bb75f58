"""``kalends explain``: what a schedule means, in a sentence, to be checked against what was meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kalends.cli.commands.next_times import armed_at, nothing_found
from kalends.cli.manifests.files import Manifest, job_of, named, schedule_of
from kalends.cli.printing import show
from kalends.conversion.v1alpha1 import when_of
from kalends.errors import InvalidManifest
from kalends.triggers import NotFound, explain, warnings_of


def show_meanings(what: Sequence[str], *, now: int, zone: str) -> int:
    """Print a sentence for each manifest; return the exit code: 1 if one of them cannot be carried out."""
    wrong = False
    for manifest in named(what):
        try:
            show(f"{manifest.name}: {meaning_of(manifest, now=now, zone=zone)}")
        except InvalidManifest as error:
            wrong = True
            show(f"{manifest.name}: error: {error}")
    return 1 if wrong else 0


def meaning_of(manifest: Manifest, *, now: int, zone: str) -> str:
    """Return what the schedule of a manifest means, in plain English, as if it were created now.

    Raises:
        InvalidManifest: It cannot be carried out.
    """
    schedule = schedule_of(manifest, created=now, zone=zone)
    when = when_of(job_of(manifest).spec)
    meaning = explain(when, created=schedule.created, zone=zone, identity=schedule.ref.key, jitter=schedule.jitter)
    coming = schedule.trigger.next_after(armed_at(schedule, now))
    return f"{meaning}; {nothing_found(coming.until)}" if isinstance(coming, NotFound) else meaning


def warnings_on(manifest: Manifest, *, now: int, zone: str) -> Iterator[str]:
    """Yield what is valid in a manifest and yet unlikely to be meant, as if it were created now.

    Raises:
        InvalidManifest: It cannot be carried out.
    """
    schedule = schedule_of(manifest, created=now, zone=zone)
    return warnings_of(when_of(job_of(manifest).spec), created=schedule.created, zone=zone, identity=schedule.ref.key)
