"""Policies of a schedule, each an enum of the API."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from kalends.model.v1alpha1.base import Flag, Wire

LONGEST_BACKOFF = 86_400
"""Seconds. For longer delays use a schedule."""


class DaylightSaving(StrEnum):
    """What happens to wall times that a clock change skips or repeats."""

    ADJUST = "Adjust"
    """Skipped: one run, right after the gap. Repeated: one run, the first time. The rule of Debian cron."""
    LITERAL = "Literal"
    """Skipped: no run. Repeated: two runs. The rule of CronJob."""


class Coalesce(StrEnum):
    """Which of several overdue fire times get a run."""

    LATEST = "Latest"
    EARLIEST = "Earliest"
    ALL = "All"


class ConcurrencyPolicy(StrEnum):
    """What happens to a fire time while maxInstances runs are active."""

    FORBID = "Forbid"
    """It is skipped; with startingDeadlineSeconds the latest one waits."""
    ALLOW = "Allow"
    """It starts."""
    REPLACE = "Replace"
    """The oldest run is cancelled, and the new run starts after it has ended."""
    QUEUE = "Queue"
    """It waits until a run ends."""


class Retry(Wire):
    """Further attempts of a failed run. The run stays active, and counts for maxInstances, until its last attempt."""

    limit: Annotated[int, Field(strict=True, ge=0, le=100)] = 3
    """limit is the maximum number of further attempts of a failed run. Unset: 3."""
    backoff_seconds: Annotated[int, Field(strict=True, ge=0, le=LONGEST_BACKOFF)] = 10
    """backoffSeconds is the delay before the first retry, in seconds, plus up to a quarter. Unset: 10."""
    factor: Annotated[int, Field(strict=True, ge=1, le=10)] = 2
    """factor multiplies the delay after each retry; 1 keeps it constant. Unset: 2."""
    max_backoff_seconds: Annotated[int, Field(strict=True, ge=0, le=LONGEST_BACKOFF)] = 300
    """maxBackoffSeconds is the maximum delay between two attempts, in seconds. Unset: 300."""
    on_lost: Flag = False
    """onLost also retries runs that were in progress when the operator died, so that their outcome is unknown. Use it
    only for idempotent work. Unset: false; such a run ends as Lost."""
