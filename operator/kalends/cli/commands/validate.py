"""``kalends validate``: what is wrong with a manifest, before anybody applies it; and what it means, if nothing is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kalends.cli.commands.explain import meaning_of, warnings_on
from kalends.cli.manifests.files import read_manifests
from kalends.cli.printing import show
from kalends.errors import InvalidManifest
from kalends.model.values import OPERATOR
from kalends.stores.objects import manager_of


def validate_files(files: Sequence[Path], *, now: int, zone: str) -> int:
    """Print a line for each problem of each manifest and for each valid manifest; return the exit code.

    What is valid and yet unlikely to be meant is a warning: it leaves the exit code at 0.
    """
    wrong = False
    for manifest in read_manifests(files):
        try:
            manager = manager_of(manifest.obj)
            left = "" if manager == OPERATOR else f"; the operator leaves it to {manager}"
            show(f"{manifest.label}: valid: {meaning_of(manifest, now=now, zone=zone)}{left}")
            for warning in warnings_on(manifest, now=now, zone=zone):
                show(f"{manifest.label}: warning: {warning}")
        except InvalidManifest as error:
            wrong = True
            for problem in error.problems:
                show(f"{manifest.label}: {problem}")
    return 1 if wrong else 0
