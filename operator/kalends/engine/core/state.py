"""The record of a ScheduledJob: the engine's memory, and all of it that survives a crash.

A ``State`` is a value. Stores write it as the resource's status and read it back; nothing else is remembered between
two decisions, so that a restarted operator continues where the record ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kalends.engine.core.copying import replace
from kalends.model.values import Outcome

Instant = int
"""Units since 1970-01-01T00:00:00Z: seconds for ScheduledJobs, microseconds for the jobs of a program
(``Clock.second``). Fire times are whole units, so equality and names are exact."""


@dataclass(frozen=True, slots=True)
class Ref:
    """Names a ScheduledJob: the key by which the engine knows it, and the UID that distinguishes a re-creation."""

    namespace: str
    name: str
    uid: str

    @property
    def key(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Counts:
    """How every fire time was decided, and how every run ended, since the resource was created.

    At any moment, after any crash: ``due + requested == started + missed + coalesced + skipped + queued`` and
    ``started == active + succeeded + failed + cancelled + lost``. A time-out is a failure.
    """

    due: int = 0
    requested: int = 0
    started: int = 0
    missed: int = 0
    coalesced: int = 0
    skipped: int = 0
    queued: int = 0
    active: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    lost: int = 0

    def imbalance(self) -> str | None:
        """Return which of the two equations does not hold, in words, or None."""
        decided = self.started + self.missed + self.coalesced + self.skipped + self.queued
        if self.due + self.requested != decided:
            return (
                f"counts must satisfy due + requested = started + missed + coalesced + skipped + queued, "
                f"got {self.due} + {self.requested} and {decided}"
            )
        ended = self.active + self.succeeded + self.failed + self.cancelled + self.lost
        if self.started != ended:
            return (
                f"counts must satisfy started = active + succeeded + failed + cancelled + lost, "
                f"got {self.started} and {ended}"
            )
        return None


@dataclass(frozen=True, slots=True)
class ActiveRun:
    """A run that was started and is not recorded as ended; between two attempts it waits for the next attempt."""

    name: str
    """Of this attempt, and of its Job."""
    fire_time: Instant
    started: Instant
    """When this attempt started, or the previous attempt while it waits."""
    executor: str
    attempt: int = 1
    holder: str = ""
    """Who runs it: ``<namespace>/<lease>/<process>``, just the process where it has no Lease, or empty for a Kubernetes
    Job, which outlives every operator."""
    request: str = ""
    """The token of the request, for a requested run."""
    retry_at: Instant | None = None
    """When this attempt may start. None: it has started."""
    cancelling: str = ""
    """Why its end was asked for, if it was: it ends when it is gone."""
    message: str = ""
    """The same in a sentence."""
    waiting: str = ""
    """What its Job waits for before it runs, if it does (``Waiting``)."""
    job_uid: str = ""
    """The UID of its Job, by which the Job is recognised even if its labels or owner references change. Empty: it
    is not known yet, or the run has no Job."""


@dataclass(frozen=True, slots=True)
class QueuedRun:
    """A run that was due, or asked for, and waits: for an earlier one to end, or for a worker of its pool."""

    name: str
    fire_time: Instant
    request: str = ""


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run that has ended; or, with ``Missed`` and ``Skipped``, fire times in a row that got none."""

    name: str
    fire_time: Instant
    started: Instant | None
    completed: Instant
    outcome: Outcome
    reason: str = ""
    message: str = ""
    attempts: int = 1
    result: str | None = None
    request: str = ""
    count: int = 1
    """How many fire times this entry covers, up to ``fire_time``; more than one only where they got no run."""


@dataclass(frozen=True, slots=True)
class Misfire:
    """The latest fire time that got no run although the schedule kept it."""

    fire_time: Instant
    reason: str
    message: str
    count: int = 1
    """How many were decided so at once."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A ``metav1.Condition`` without its times, which belong to the record."""

    type: str
    status: bool
    reason: str
    message: str
    since: Instant = 0
    observed_generation: int = 0


HOURS_AHEAD = 48
"""How far ahead of the clock a record may be: one that was stepped back by a day trips nothing. Beyond that the record
was edited, and to wait until 2099 without a word would be no answer."""


@dataclass(frozen=True, slots=True)
class State:
    """The whole record of a ScheduledJob."""

    armed: Instant
    """Fire times count from here: the creation, the last edit of the schedule, or the last resume."""
    schedule_hash: str = ""
    """Which schedule ``armed`` belongs to."""
    observed_generation: int = 0
    cursor: Instant | None = None
    """Every fire time up to here has been decided."""
    last_scheduled: Instant | None = None
    """The last fire time that got a run: CronJob's ``lastScheduleTime``."""
    next_run: Instant | None = None
    last_successful: Instant | None = None
    active: tuple[ActiveRun, ...] = ()
    queued: tuple[QueuedRun, ...] = ()
    """Oldest first."""
    history: tuple[FinishedRun, ...] = ()
    """Newest first."""
    last_misfire: Misfire | None = None
    counts: Counts = field(default_factory=Counts)
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    summary: str = ""
    handled_requests: tuple[str, ...] = ()
    """Tokens of requests that have been decided on, the newest first."""
    operator: str = ""
    """The Lease of the operator that decides, as ``<namespace>/<name>``. Empty: of whichever operator reads it."""
    other_operator: str = ""
    """The Lease of another operator that watches the resource and leaves it alone."""
    last_requested: Instant | None = None
    """The instant of the newest of them; the next one has a later one."""

    @property
    def decided_until(self) -> Instant:
        """The instant after which fire times are still to be decided. It never goes back."""
        return self.armed if self.cursor is None else max(self.armed, self.cursor)

    def last_with(self, fire_time: Instant) -> Instant:
        """Return ``last_scheduled`` once a fire time has got a run."""
        return fire_time if self.last_scheduled is None else max(fire_time, self.last_scheduled)

    def with_conditions(self, *conditions: Condition, now: float, generation: int) -> State:
        """Return this state with each condition as given; its last transition moves only with its status."""
        merged: dict[str, Condition] | None = None
        for new in conditions:
            old = (merged or self.conditions).get(new.type)
            since = old.since if old is not None and old.status == new.status else int(now)
            dated = replace(new, since=since, observed_generation=generation)
            if dated != old:
                merged = dict(self.conditions) if merged is None else merged
                merged[new.type] = dated
        return self if merged is None else replace(self, conditions=merged)

    def without_condition(self, type_: str) -> State:
        """Return this state without a condition that no longer applies."""
        if type_ not in self.conditions:
            return self
        return replace(self, conditions={name: one for name, one in self.conditions.items() if name != type_})
