"""How a schedule is followed: the choices, each a word of the API."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from kalends.model.v1alpha1.base import Flag, Wire

LONGEST_BACKOFF = 86_400
"""Seconds; a retry that waits longer than a day is a schedule of its own."""


class DaylightSaving(StrEnum):
    """What happens to wall times that a change of the clocks leaves out or repeats."""

    ADJUST = "Adjust"
    """Left out: once, right after the gap. Repeated: once, the first time. Debian cron's rule."""
    LITERAL = "Literal"
    """Left out: not at all. Repeated: twice. What CronJob does."""


class Coalesce(StrEnum):
    """Which of several missed fire times get a run."""

    LATEST = "Latest"
    EARLIEST = "Earliest"
    ALL = "All"


class ConcurrencyPolicy(StrEnum):
    """What happens to a run that finds no room."""

    FORBID = "Forbid"
    """It is skipped."""
    ALLOW = "Allow"
    """It starts all the same."""
    REPLACE = "Replace"
    """The oldest one is cancelled, and it starts once that is gone."""
    QUEUE = "Queue"
    """It waits until there is room."""


class Retry(Wire):
    """How a failed run is tried again; it stays active, and keeps its place among maxInstances, until its last try."""

    limit: Annotated[int, Field(strict=True, ge=0, le=100)] = 3
    """limit is how many more attempts a failed run gets. Unset: 3."""
    backoff_seconds: Annotated[int, Field(strict=True, ge=0, le=LONGEST_BACKOFF)] = 10
    """backoffSeconds is how long the first retry waits, in seconds, and up to a quarter more. Unset: 10."""
    factor: Annotated[int, Field(strict=True, ge=1, le=10)] = 2
    """factor multiplies the wait after each retry; 1 keeps it the same. Unset: 2."""
    max_backoff_seconds: Annotated[int, Field(strict=True, ge=0, le=LONGEST_BACKOFF)] = 300
    """maxBackoffSeconds is the longest wait between two attempts, in seconds. Unset: 300."""
    on_lost: Flag = False
    """onLost says whether a run is tried again when the operator that ran it went away, so that nobody knows how
    far it came. Set it only for tasks that may safely run twice. Unset: false, such a run ends as Lost."""
