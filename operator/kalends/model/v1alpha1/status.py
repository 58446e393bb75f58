"""The status of a ScheduledJob: small and bounded; only the operator writes it."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, ValidationError

from kalends.errors import InvalidStatus
from kalends.model.instants import Instant
from kalends.model.v1alpha1.base import Alias, Count, Line, ObjectName, Wire, Word, listed_by
from kalends.model.values import (
    LONGEST_TOKEN,
    MOST_ACTIVE_LISTED,
    MOST_HISTORY_LISTED,
    MOST_QUEUED,
    MOST_REQUESTS_LISTED,
    ConditionStatus,
    ConditionType,
    Outcome,
    Waiting,
)

Lease = Annotated[str, StringConstraints(min_length=1, max_length=320)]
"""The namespace and the name of a Lease, as `namespace/name`."""

Holder = Annotated[str, StringConstraints(min_length=1, max_length=640)]
"""The process of an operator, prefixed by its Lease if it has one."""

Token = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TOKEN)]


Uid = Annotated[str, StringConstraints(min_length=1, max_length=128)]
"""A UID as the API server gives it to an object."""


class Condition(Wire):
    """A condition of the resource, as metav1.Condition."""

    type: Annotated[str, StringConstraints(min_length=1, max_length=316)]
    """type of the condition: Ready, Stalled, LastRunSucceeded, JobsIgnored, JobRelabelled or OtherOperator."""
    status: ConditionStatus
    """status is whether the condition holds: True, False or Unknown."""
    observed_generation: Count | None = None
    """observedGeneration is the metadata.generation to which the condition applies."""
    last_transition_time: Instant
    """lastTransitionTime is when status last changed."""
    reason: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    """reason is a PascalCase word for machines."""
    message: Annotated[str, StringConstraints(max_length=32_768)] = ""
    """message is a sentence for people."""


class ActiveRun(Wire):
    """A run that has started and has not ended."""

    name: ObjectName
    """name of the run, and of its Job."""
    scheduled_time: Instant
    """scheduledTime is the fire time; for a requested run, the instant of the request."""
    start_time: Instant | None = None
    """startTime is when the current attempt started; between two attempts, when the previous attempt started."""
    executor: Alias | None = None
    """executor to which the run was dispatched."""
    attempt: Annotated[int, Field(strict=True, ge=1, le=1000)] = 1
    """attempt is the number of the current attempt, from 1. Unset: 1."""
    retry_time: Instant | None = None
    """retryTime is when this attempt may start, after the previous attempt failed. Unset: it has started."""
    holder: Holder | None = None
    """holder is the operator that runs the task in its pod, as `namespace/lease/process`. Unset: the run is a Job."""
    request: Token | None = None
    """request is the token of a requested run. Unset: the run has a fire time."""
    waiting: Waiting | None = None
    """waiting is what the Job waits for. Admission: another controller, such as Kueue, keeps it suspended. Readmission:
    it had started and was suspended again. Unset: it does not wait."""
    cancelling: Word | None = None
    """cancelling is the reason why the run is being stopped; the run is listed until it has ended. Unset: it is not."""
    message: Line | None = None
    """message explains cancelling in a sentence for people. Unset: the run is not being stopped."""
    uid: Uid | None = None
    """uid of the run's Job, as in status.active of a CronJob. The Job with this uid belongs to the run, even without
    its label and its owner reference. Unset: the run has no Job, or its Job was not seen yet."""


class QueuedRun(Wire):
    """A run that waits for an earlier one to end, or for a worker of its pool."""

    name: ObjectName
    """name that the run, and its Job, will have."""
    scheduled_time: Instant
    """scheduledTime is the fire time; for a requested run, the instant of the request."""
    request: Token | None = None
    """request is the token of a requested run. Unset: the run has a fire time."""


class FinishedRun(Wire):
    """A finished run, or fire times that got no run."""

    name: ObjectName
    """name of the run, and of its Job."""
    scheduled_time: Instant
    """scheduledTime is the fire time; for a requested run, the instant of the request."""
    start_time: Instant | None = None
    """startTime is when the last attempt started. Unset: no attempt started."""
    completion_time: Instant | None = None
    """completionTime is when the outcome was determined."""
    outcome: Outcome
    """outcome of the run or of the fire times."""
    reason: Word | None = None
    """reason of the outcome, a PascalCase word for machines. Unset: the run succeeded."""
    message: Line | None = None
    """message explains the reason in a sentence for people. Unset: no explanation."""
    attempts: Annotated[int, Field(strict=True, ge=0, le=1000)] | None = None
    """attempts is the number of attempts. Unset: none."""
    result: Line | None = None
    """result is the value that a task returned, or the termination message of a pod, cut to 1024 characters. Unset: no
    result."""
    request: Token | None = None
    """request is the token of a requested run. Unset: the run has a fire time."""
    count: Count | None = None
    """count is the number of consecutive fire times of this entry. They were Missed or Skipped for the same reason;
    scheduledTime is the last of them. Unset: 1."""


class Misfire(Wire):
    """Fire times that got no run: they were too late (missed), or maxInstances runs were active (skipped)."""

    scheduled_time: Instant
    """scheduledTime is the last of these fire times."""
    reason: Word
    """reason is a PascalCase word for machines."""
    message: Line = ""
    """message explains the reason in a sentence for people."""
    count: Count | None = None
    """count is the number of these fire times. Unset: not recorded."""


class Counts(Wire):
    """Every fire time since the resource was created.

    At any moment, due + requested = started + missed + coalesced + skipped + queued, and
    started = active + succeeded + failed + cancelled + lost.
    """

    due: Count = 0
    """due is the number of fire times that were decided, with or without a run."""
    started: Count = 0
    """started is the number of started runs, including requested runs."""
    missed: Count = 0
    """missed is the number of fire times that were too late to start."""
    coalesced: Count = 0
    """coalesced is the number of fire times that got no run because another overdue fire time was selected."""
    skipped: Count = 0
    """skipped is the number of fire times that got no run because maxInstances runs were active."""
    queued: Count = 0
    """queued is the number of runs that wait now."""
    active: Count = 0
    """active is the number of active runs."""
    succeeded: Count = 0
    """succeeded is the number of successful runs."""
    failed: Count = 0
    """failed is the number of failed runs, including timed-out runs."""
    cancelled: Count = 0
    """cancelled is the number of runs that were stopped before their end."""
    lost: Count = 0
    """lost is the number of runs whose outcome is unknown, because their operator stopped or their Job was deleted."""
    requested: Count = 0
    """requested is the number of requested runs; they are not part of due."""


class Status(Wire):
    """The record of a ScheduledJob."""

    observed_generation: Count | None = None
    """observedGeneration is the metadata.generation to which this status applies."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16), listed_by("type")] = ()
    """conditions are Ready, Stalled and LastRunSucceeded; JobsIgnored, JobRelabelled and OtherOperator only while they
    hold."""
    schedule_summary: Annotated[str, StringConstraints(max_length=128)] | None = None
    """scheduleSummary is the schedule in short form, as in `0 2 * * *` or `every 6h`."""
    next_run_time: Instant | None = None
    """nextRunTime is when the next run starts, including the delay by jitterSeconds. It is in the past while this run
    waits for a worker. Unset: no further run."""
    last_schedule_time: Instant | None = None
    """lastScheduleTime is the last fire time that got a run, as in CronJob. Requested runs do not count. Unset: no
    run."""
    decided_until_time: Instant | None = None
    """decidedUntilTime is the instant up to which every fire time has been decided, with or without a run. Unset: fire
    times are decided from armedTime on."""
    last_run_time: Instant | None = None
    """lastRunTime is when a run last started. Unset: never."""
    last_outcome: Outcome | None = None
    """lastOutcome is the outcome of the last finished run. Unset: no run has finished."""
    last_successful_time: Instant | None = None
    """lastSuccessfulTime is when a run last succeeded. Unset: never."""
    armed_time: Instant | None = None
    """armedTime is the instant before which no fire time gets a run: the creation, the last edit of the schedule, or
    the end of the last suspension."""
    schedule_hash: Word | None = None
    """scheduleHash is a digest of the fields of spec that decide fire times. A change of it changes armedTime."""
    active: Annotated[tuple[ActiveRun, ...], Field(max_length=MOST_ACTIVE_LISTED)] = ()
    """active lists active runs, at most 50; counts.active is exact."""
    queued: Annotated[tuple[QueuedRun, ...], Field(max_length=MOST_QUEUED)] = ()
    """queued lists due runs that wait, oldest first."""
    history: Annotated[tuple[FinishedRun, ...], Field(max_length=MOST_HISTORY_LISTED)] = ()
    """history lists finished runs, and fire times that got no run, newest first, at most 20 entries."""
    last_misfire: Misfire | None = None
    """lastMisfire describes the last fire times that were missed or skipped, not those that were coalesced. Unset:
    never."""
    counts: Counts = Counts()
    """counts shows how every fire time was decided and how every run ended, since the creation of the resource. At any
    time, due + requested = started + missed + coalesced + skipped + queued, and started = active + succeeded + failed +
    cancelled + lost."""
    handled_requests: Annotated[tuple[Token, ...], Field(max_length=MOST_REQUESTS_LISTED)] = ()
    """handledRequests lists the latest values of the annotation kalends.dev/run-requested that have been handled,
    newest first."""
    operator: Lease | None = None
    """operator is the Lease of the operator that decides on this resource, as `namespace/name`. Other operators do not
    act on the resource until this Lease is known to be abandoned. Unset: the first operator that reads the resource
    decides."""
    other_operator: Lease | None = None
    """otherOperator is the Lease of another operator that watches this resource and does not act on it. Unset: none."""
    last_request_time: Instant | None = None
    """lastRequestTime is when a run was last requested. Unset: never."""

    @classmethod
    def read(cls, raw: Any) -> Self:
        """Parse the ``status`` of an object; a missing status is an empty record.

        Raises:
            InvalidStatus: Kalends did not write this status.
        """
        try:
            return cls.model_validate(raw or {}, by_alias=True, by_name=False)
        except ValidationError as error:
            first = error.errors()[0]
            path = ".".join(str(part) for part in ("status", *first["loc"]))
            raise InvalidStatus(f"{path}: {first['msg']}") from error

    def condition(self, kind: ConditionType) -> Condition | None:
        """Return the condition of this type, or None if it is not set."""
        return next((condition for condition in self.conditions if condition.type == kind), None)
