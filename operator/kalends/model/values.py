"""Values that mean the same in every API version and in the engine: names and enums of the API, limits of records.

The values of the enums are the words of the API. A version that spells a word differently maps it in ``conversion``.
"""

from __future__ import annotations

from enum import StrEnum

GROUP = "kalends.dev"
VERSION = "v1alpha1"
"""The version that the operator watches, and that its Jobs name as their owner's."""
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "ScheduledJob"
PLURAL = "scheduledjobs"

OPERATOR = f"{GROUP}/operator"
"""The value of ``spec.managedBy`` that means the operator, as an unset field does."""
LONGEST_NAME = 52
"""Characters, as with CronJob: a run appends a hyphen and ten digits, and the name of a Job has at most 63."""
LONGEST_MANAGER = 63
"""Characters of ``managedBy``, as with Job."""
LONGEST_SCHEDULE = 4096
"""Characters of ``schedule``. CronJob has no limit; an expression that lists every value of all five fields has 345."""
LONGEST_TOKEN = 63
"""Characters of the token of a requested run, as in a label."""
MOST_ACTIVE_LISTED = 50
"""Active runs that a status lists; it counts all of them."""
MOST_HISTORY_LISTED = 20
"""Finished runs, and decisions without a run, that a status lists."""
MOST_QUEUED = 1000
"""The status lists every queued run, and objects of the API server must stay small."""
MOST_REQUESTS_LISTED = 10
"""Handled requests that a status lists."""


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


class Outcome(StrEnum):
    """How a fire time ended."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    TIMED_OUT = "TimedOut"
    """It was stopped at its time limit; counted as failed."""
    CANCELLED = "Cancelled"
    LOST = "Lost"
    """The operator that ran it went away: its outcome is unknown."""
    MISSED = "Missed"
    """It did not start: it was too late."""
    SKIPPED = "Skipped"
    """It did not start: maxInstances runs were active."""


class Waiting(StrEnum):
    """What the Job of an active run waits for."""

    ADMISSION = "Admission"
    """Another controller keeps it suspended, and it has not started yet."""
    READMISSION = "Readmission"
    """It had started and was suspended again."""


class ConditionType(StrEnum):
    """The conditions that Kalends sets."""

    READY = "Ready"
    """The schedule is in operation; also if it is suspended or has ended."""
    STALLED = "Stalled"
    """The schedule does not proceed until a user corrects the resource (kstatus)."""
    LAST_RUN_SUCCEEDED = "LastRunSucceeded"
    """Whether the last finished run succeeded. A failed run does not change Ready."""
    OTHER_OPERATOR = "OtherOperator"
    """Two operators with different Leases watch the resource: one decides, the other does not act on it."""
    JOBS_IGNORED = "JobsIgnored"
    """Jobs claim to be runs of this resource, and the operator did not create them."""
    JOB_RELABELLED = "JobRelabelled"
    """A Job of an active run has lost its label or its controller reference, and is followed by name."""


class ConditionStatus(StrEnum):
    """Whether a condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"
