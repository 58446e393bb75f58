"""What has become of it: small, bounded, derived facts, written by the operator alone."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, ValidationError

from kalends.errors import InvalidStatus
from kalends.model.instants import Instant
from kalends.model.v1alpha1.base import Alias, Count, Line, ObjectName, Wire, Word, listed_by
from kalends.model.v1alpha1.spec import MOST_QUEUED

MOST_ACTIVE_LISTED = 50
MOST_HISTORY_LISTED = 20
MOST_REQUESTS_LISTED = 10
LONGEST_TOKEN = 63

Lease = Annotated[str, StringConstraints(min_length=1, max_length=320)]
"""The namespace and the name of a Lease, with `/` in between."""

Holder = Annotated[str, StringConstraints(min_length=1, max_length=640)]
"""The process of an operator, behind its Lease if it has one."""

Token = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TOKEN)]


Uid = Annotated[str, StringConstraints(min_length=1, max_length=128)]
"""A UID as the API server gives it to an object."""


class ConditionType(StrEnum):
    """The conditions that Kalends sets."""

    READY = "Ready"
    """What was asked for is being done; also when suspended or ended."""
    STALLED = "Stalled"
    """Nothing will be done until somebody mends the resource (kstatus)."""
    LAST_RUN_SUCCEEDED = "LastRunSucceeded"
    """How the last finished run ended. A failing run does not un-ready its schedule."""
    OTHER_OPERATOR = "OtherOperator"
    """Two operators with different Leases watch the resource: one decides, the other leaves it alone."""
    JOBS_IGNORED = "JobsIgnored"
    """There are Jobs that claim to be runs of this resource, and that it has not created."""
    JOB_RELABELLED = "JobRelabelled"
    """A Job of an active run has lost its label, or its controller reference, and is followed by name."""


class ConditionStatus(StrEnum):
    """Whether a condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Outcome(StrEnum):
    """How a fire time ended."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    TIMED_OUT = "TimedOut"
    """It was stopped at its deadline; counted as failed."""
    CANCELLED = "Cancelled"
    LOST = "Lost"
    """Whoever ran it went away: nobody knows how far it came."""
    MISSED = "Missed"
    """It never started: it was too late."""
    SKIPPED = "Skipped"
    """It never started: there was no room."""


class Waiting(StrEnum):
    """What the Job of an active run waits for."""

    ADMISSION = "Admission"
    """It is suspended by something else than its template, and has not started yet."""
    READMISSION = "Readmission"
    """It had started, and was suspended again."""


class Condition(Wire):
    """One claim about the resource, as metav1.Condition."""

    type: Annotated[str, StringConstraints(min_length=1, max_length=316)]
    """type of the condition: Ready, Stalled, LastRunSucceeded, JobsIgnored, JobRelabelled or OtherOperator."""
    status: ConditionStatus
    """status is whether the condition holds: True, False or Unknown."""
    observed_generation: Count | None = None
    """observedGeneration is the metadata.generation that the condition speaks of."""
    last_transition_time: Instant
    """lastTransitionTime is when status last changed."""
    reason: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    """reason is a PascalCase word for machines."""
    message: Annotated[str, StringConstraints(max_length=32_768)] = ""
    """message is a sentence for people."""


class ActiveRun(Wire):
    """A run that has started and is not over."""

    name: ObjectName
    """name of the run, and of its Job."""
    scheduled_time: Instant
    """scheduledTime is the fire time; of a run asked for by hand, the instant of the request."""
    start_time: Instant | None = None
    """startTime is when the current attempt started; of a run that waits for its next attempt, the one before."""
    executor: Alias | None = None
    """executor that the run was handed to."""
    attempt: Annotated[int, Field(strict=True, ge=1, le=1000)] = 1
    """attempt counts the tries of this run from 1. Unset: 1."""
    retry_time: Instant | None = None
    """retryTime is when this attempt may start, after the one before it failed. Unset: it has started."""
    holder: Holder | None = None
    """holder is the operator in whose pod the run goes on: its Lease's namespace and name, and its identity, with `/`
    in between. Unset: it is a Job."""
    request: Token | None = None
    """request is the token of a run that somebody asked for by hand. Unset: the schedule asked."""
    waiting: Waiting | None = None
    """waiting is what the Job waits for before it runs: Admission, where something else than its template suspends it,
    such as Kueue; Readmission, where it had run before. Unset: it does not wait."""
    cancelling: Word | None = None
    """cancelling is why the end of this run was asked for; it is listed until it is gone. Unset: it was not."""
    message: Line | None = None
    """message is the same in a sentence for people. Unset: it was not."""
    uid: Uid | None = None
    """uid of the run's Job, as in status.active of a CronJob. The Job with this uid belongs to the run, even without
    its label and its owner reference. Unset: the run has no Job, or its Job was not seen yet."""


class QueuedRun(Wire):
    """A run that waits for an earlier one to end, or for a worker of its pool."""

    name: ObjectName
    """name that the run, and its Job, will have."""
    scheduled_time: Instant
    """scheduledTime is the fire time; of a run asked for by hand, the instant of the request."""
    request: Token | None = None
    """request is the token of a run that somebody asked for by hand. Unset: the schedule asked."""


class FinishedRun(Wire):
    """A fire time whose end is known."""

    name: ObjectName
    """name of the run, and of its Job."""
    scheduled_time: Instant
    """scheduledTime is the fire time; of a run asked for by hand, the instant of the request."""
    start_time: Instant | None = None
    """startTime is when the last attempt started. Unset: none did."""
    completion_time: Instant | None = None
    """completionTime is when the outcome was known."""
    outcome: Outcome
    """outcome of the fire time."""
    reason: Word | None = None
    """reason of the outcome, a PascalCase word for machines. Unset: it went well."""
    message: Line | None = None
    """message is the reason in a sentence for people. Unset: there is no more to say."""
    attempts: Annotated[int, Field(strict=True, ge=0, le=1000)] | None = None
    """attempts is how many tries there were. Unset: none."""
    result: Line | None = None
    """result is what the run had to say: the value that a task returned, or the termination message of a pod, cut
    to 1024 characters. Unset: nothing."""
    request: Token | None = None
    """request is the token of a run that somebody asked for by hand. Unset: the schedule asked."""
    count: Count | None = None
    """count is how many fire times in a row this speaks of, scheduledTime being the last of them; they were Missed
    or Skipped for the same reason. Unset: 1."""


class Misfire(Wire):
    """Fire times that got no run, as they were too late (missed) or found no room (skipped)."""

    scheduled_time: Instant
    """scheduledTime is the last of these fire times."""
    reason: Word
    """reason is a PascalCase word for machines."""
    message: Line = ""
    """message is the reason in a sentence for people."""
    count: Count | None = None
    """count is how many fire times were decided so at once. Unset: it was not recorded."""


class Counts(Wire):
    """Every fire time since the resource was created.

    At any moment, due + requested = started + missed + coalesced + skipped + queued, and
    started = active + succeeded + failed + cancelled + lost.
    """

    due: Count = 0
    """due is how many fire times have been decided."""
    started: Count = 0
    """started is how many runs have started, those asked for by hand included."""
    missed: Count = 0
    """missed is how many fire times were too late to start."""
    coalesced: Count = 0
    """coalesced is how many fire times gave way to another one that was due at the same time."""
    skipped: Count = 0
    """skipped is how many fire times found no room."""
    queued: Count = 0
    """queued is how many fire times wait for room now."""
    active: Count = 0
    """active is how many runs go on now."""
    succeeded: Count = 0
    """succeeded is how many runs went well."""
    failed: Count = 0
    """failed is how many runs failed, those that took too long included."""
    cancelled: Count = 0
    """cancelled is how many runs were stopped before their end."""
    lost: Count = 0
    """lost is how many runs ended in the dark, because whoever ran them went away."""
    requested: Count = 0
    """requested is how many runs were asked for by hand; they were never due."""


class Status(Wire):
    """What the operator knows about a ScheduledJob."""

    observed_generation: Count | None = None
    """observedGeneration is the metadata.generation that this status speaks of."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16), listed_by("type")] = ()
    """conditions are Ready, Stalled and LastRunSucceeded; JobsIgnored, JobRelabelled and OtherOperator only while they
    hold."""
    schedule_summary: Annotated[str, StringConstraints(max_length=128)] | None = None
    """scheduleSummary says in short when runs are due, as in `0 2 * * *` or `every 6h`."""
    next_run_time: Instant | None = None
    """nextRunTime is when the next run starts, jitter included; it has passed while that one waits for a worker. Unset:
    there is none."""
    last_schedule_time: Instant | None = None
    """lastScheduleTime is the last fire time that got a run, as in CronJob; runs asked for by hand do not count. Unset:
    none has."""
    decided_until_time: Instant | None = None
    """decidedUntilTime is the cursor: every fire time up to here has been decided, whether it got a run or not. Unset:
    fire times are decided from armedTime on."""
    last_run_time: Instant | None = None
    """lastRunTime is when the run that started last did start. Unset: none has."""
    last_outcome: Outcome | None = None
    """lastOutcome is how the run that ended last did end. Unset: none has."""
    last_successful_time: Instant | None = None
    """lastSuccessfulTime is when a run last ended well. Unset: none has."""
    armed_time: Instant | None = None
    """armedTime is the instant from which fire times count: the creation, the last edit of the schedule, or the
    last resume."""
    schedule_hash: Word | None = None
    """scheduleHash is a digest of the part of spec that decides fire times; when it changes, armedTime does."""
    active: Annotated[tuple[ActiveRun, ...], Field(max_length=MOST_ACTIVE_LISTED)] = ()
    """active lists runs that go on, at most 50; counts.active is exact."""
    queued: Annotated[tuple[QueuedRun, ...], Field(max_length=MOST_QUEUED)] = ()
    """queued lists runs that were due and wait for room, oldest first."""
    history: Annotated[tuple[FinishedRun, ...], Field(max_length=MOST_HISTORY_LISTED)] = ()
    """history lists runs that are over, and fire times that got none, the newest first, at most 20."""
    last_misfire: Misfire | None = None
    """lastMisfire is the last time that fire times got no run, as they were missed or skipped; what was coalesced is
    not among them. Unset: never."""
    counts: Counts = Counts()
    """counts accounts for every fire time."""
    handled_requests: Annotated[tuple[Token, ...], Field(max_length=MOST_REQUESTS_LISTED)] = ()
    """handledRequests lists the latest values of the annotation kalends.dev/run-requested that were decided on, the
    newest first."""
    operator: Lease | None = None
    """operator is the Lease of the operator that decides on this resource, as `namespace/name`. Another operator that
    watches it leaves it alone until that Lease is known to be abandoned. Unset: whichever operator reads it decides."""
    other_operator: Lease | None = None
    """otherOperator is the Lease of another operator that watches this resource and leaves it alone. Unset: none was
    seen."""
    last_request_time: Instant | None = None
    """lastRequestTime is when a run was last asked for by hand. Unset: none was."""

    @classmethod
    def read(cls, raw: Any) -> Self:
        """Return what an object's ``status`` says; one that is not there yet says nothing.

        Raises:
            InvalidStatus: No Kalends wrote this.
        """
        try:
            return cls.model_validate(raw or {}, by_alias=True, by_name=False)
        except ValidationError as error:
            first = error.errors()[0]
            path = ".".join(str(part) for part in ("status", *first["loc"]))
            raise InvalidStatus(f"{path}: {first['msg']}") from error

    def condition(self, kind: ConditionType) -> Condition | None:
        """Return the condition of this type, if it was ever set."""
        return next((one for one in self.conditions if one.type == kind), None)
