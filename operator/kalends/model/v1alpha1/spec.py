"""What a user asks for: when, how, what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, StringConstraints
from typing_extensions import override

from kalends.model.forms import SCHEDULE
from kalends.model.rules import Rule, at_most_one_of, exactly_one_of, in_order, only_with
from kalends.model.v1alpha1.base import (
    INT32_MAX,
    INT64_MAX,
    Alias,
    Flag,
    Moment,
    PositiveSeconds,
    Seconds,
    Wire,
    ZoneName,
)
from kalends.model.v1alpha1.choices import Coalesce, ConcurrencyPolicy, DaylightSaving, Retry
from kalends.model.v1alpha1.leaves import few_leaves
from kalends.model.v1alpha1.target import JobTemplate, Task
from kalends.model.v1alpha1.trigger import Exclusion, Trigger

if TYPE_CHECKING:
    from collections.abc import Collection

MOST_QUEUED = 1000
"""The status lists every queued run, and an object of the API server must stay small."""
JOBS_KEPT = Field(strict=True, ge=0, le=1000)
"""As many as a look at each of them can bear; users of CronJob keep at most a hundred."""
LONGEST_SCHEDULE = 4096
"""Characters. CronJob has no bound, and what names every value of all five fields has 345."""


def _without_blank(policy: Any) -> Any:
    """Return the default in place of an empty text, which CronJob takes for unset."""
    return ConcurrencyPolicy.FORBID if policy == "" else policy


class ScheduledJobSpec(Wire):
    """When, how and what to run."""

    schedule: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_SCHEDULE), SCHEDULE] | None = None
    """schedule is a cron expression of five fields (minute, hour, day of month, month, day of week), as in `0 2 * *
    mon-fri`, or a macro such as `@daily` or `@every 90m`. Everything that CronJob accepts is accepted, up to 4096
    characters. Unset: `trigger` says when; with neither, there is one run, as soon as the resource is seen."""
    trigger: Trigger | None = None
    """trigger says when, in a structured way; exactly one member is set. Unset: `schedule` says when."""
    time_zone: ZoneName | None = None
    """timeZone is the IANA name of the zone whose clocks are followed, as in `Europe/Berlin`. Unset: the operator's
    zone, which is UTC unless its settings say otherwise."""
    start_time: Moment | None = None
    """startTime is the first instant that may be a fire time: RFC 3339, as in `2027-01-01T00:00:00Z`; without an
    offset, wall time in timeZone; a date alone is its beginning; a fraction of a second is rounded up. An interval
    counts from it. Unset: no such bound."""
    end_time: Moment | None = None
    """endTime is the last instant that may be a fire time, written as startTime is; a date alone is its end; a
    fraction of a second is rounded down. Unset: no such bound."""
    exclude: tuple[Exclusion, ...] = Field(default=(), max_length=64)
    """exclude lists instants that are not fire times, such as holidays. They are not counted as missed. Unset:
    none."""
    jitter_seconds: Annotated[int, Field(strict=True, ge=0, le=86_400)] = 0
    """jitterSeconds spreads the load: each run starts up to so many seconds after its fire time, always the same
    for the same fire time, and never after the next one. Unset: 0."""
    daylight_saving: DaylightSaving = DaylightSaving.ADJUST
    """daylightSaving says what happens to wall times that a change of the clocks leaves out or repeats. Adjust: a
    daily job runs once a day, while a cron expression whose minute or hour begins with `*` follows the clocks; Literal:
    it is left out, or runs twice, as with CronJob. Unset: Adjust."""

    suspend: Flag = False
    """suspend stops fire times from being due. Runs that have started go on; a resumed schedule starts from now and
    makes up for nothing. Unset: false."""
    starting_deadline_seconds: Annotated[int, Field(strict=True, ge=0, le=INT64_MAX)] | None = None
    """startingDeadlineSeconds is how late a run may start, in seconds; a later one is missed, and recorded as such.
    APScheduler calls it misfire_grace_time. Unset: the operator's default, which is no limit."""
    coalesce: Coalesce | None = None
    """coalesce says which of several fire times that passed while nobody could run them get a run: Latest, Earliest
    or All; it is asked before concurrencyPolicy, so that All is of use with Allow and Queue, and Queue keeps what
    passed meanwhile only with All. Unset: the operator's default, which is Latest."""
    concurrency_policy: Annotated[
        ConcurrencyPolicy,
        BeforeValidator(_without_blank),
        Field(json_schema_extra={"enum": [*ConcurrencyPolicy, ""]}),
    ] = ConcurrencyPolicy.FORBID
    """concurrencyPolicy says what happens to a run that finds maxInstances running. Forbid: it is skipped, or, where
    startingDeadlineSeconds is set, waits within that, the newest fire time alone; Allow: it starts all the same;
    Replace: the oldest is cancelled, and it starts once that is gone; Queue: it waits. An empty text, which CronJob
    accepts, is Forbid. Unset: Forbid."""
    max_instances: Annotated[int, Field(strict=True, ge=1, le=1000)] | None = None
    """maxInstances is how many runs may go on at once; of tasks, and of Jobs with retry, 50 at most. It cannot be set
    where concurrencyPolicy is Allow, which has no such limit. Unset: the operator's default, which is 1."""
    max_catch_up_runs: Annotated[int, Field(strict=True, ge=1, le=1000)] | None = None
    """maxCatchUpRuns is how many fire times that passed while nobody could run them get a run at most, where
    coalesce is All. Unset: 100."""
    max_queued: Annotated[int, Field(strict=True, ge=1, le=MOST_QUEUED)] | None = None
    """maxQueued is how many runs may wait for room at once, where concurrencyPolicy is Queue; one that comes later
    is skipped. Unset: 1000."""
    max_runs: Annotated[int, Field(strict=True, ge=1, le=INT32_MAX)] | None = None
    """maxRuns is after how many started runs, those asked for by hand included, the schedule has ended. Unset: no
    limit."""

    task: Task | None = None
    """task is a registered Python callable, which runs in the operator's pod. Exactly one of task and jobTemplate
    is set."""
    job_template: JobTemplate | None = None
    """jobTemplate is the Kubernetes Job to create for each run, as in CronJob. Exactly one of task and jobTemplate
    is set."""
    executor: Alias | None = None
    """executor names the pool of threads or processes, configured in the operator, in which the task runs. Unset:
    the operator's default, which is `default`."""
    retry: Retry | None = None
    """retry says how a failed run is tried again: a task is called again, and a Job, whose own
    `jobTemplate.spec.backoffLimit` is used up, is made anew under another name. Unset: it is not."""
    active_deadline_seconds: PositiveSeconds | None = None
    """activeDeadlineSeconds is how long a run of a task may take, in seconds; then it is stopped, and has failed as
    TimedOut. Jobs have `jobTemplate.spec.activeDeadlineSeconds`. Unset: no limit."""
    pending_timeout_seconds: PositiveSeconds | None = None
    """pendingTimeoutSeconds is how long the pods of a Job may fail to start, in seconds; then the run has failed,
    and no longer blocks the schedule. Unset: no limit."""
    admission_timeout_seconds: PositiveSeconds | None = None
    """admissionTimeoutSeconds is how long a Job may wait to be admitted, in seconds: it is suspended by something else
    than its template, such as a queue of Kueue. Then the Job is deleted, and the run was missed, with the reason
    AdmissionTimeout; one that had started before has failed. Unset: no limit."""
    successful_jobs_history_limit: Annotated[int, JOBS_KEPT] = 3
    """successfulJobsHistoryLimit is how many Jobs that succeeded are kept, at most 1000. Unset: 3."""
    failed_jobs_history_limit: Annotated[int, JOBS_KEPT] = 1
    """failedJobsHistoryLimit is how many Jobs that failed are kept, at most 1000. Unset: 1."""
    ttl_seconds_after_finished: Seconds | None = None
    """ttlSecondsAfterFinished is how long after the schedule has ended and its last run is over this resource is
    deleted, in seconds. Unset: it is kept."""

    @classmethod
    @override
    def rules(cls, members: Collection[str]) -> tuple[Rule, ...]:
        """Say what a schedule cannot have both of, and which fields mean nothing where they stand."""
        del members
        return (
            exactly_one_of("task", "jobTemplate"),
            at_most_one_of("schedule", "trigger"),
            in_order("startTime", "endTime"),
            few_leaves(),
            only_with("executor", "task"),
            only_with("activeDeadlineSeconds", "task", "a Job has `jobTemplate.spec.activeDeadlineSeconds`"),
            only_with("pendingTimeoutSeconds", "jobTemplate"),
            only_with("admissionTimeoutSeconds", "jobTemplate"),
            Rule(
                cel="!has(self.maxInstances) || self.concurrencyPolicy != 'Allow'",
                holds=lambda raw: raw.get("maxInstances") is None or raw.get("concurrencyPolicy") != "Allow",
                message="`maxInstances` may be set only where `concurrencyPolicy` is not 'Allow', which has no limit; "
                "'Forbid', 'Replace' and 'Queue' say what happens beyond it",
                field="maxInstances",
            ),
            Rule(
                cel="!has(self.maxQueued) || self.concurrencyPolicy == 'Queue'",
                holds=lambda raw: raw.get("maxQueued") is None or raw.get("concurrencyPolicy") == "Queue",
                message="`maxQueued` may be set only where `concurrencyPolicy` is 'Queue'",
                field="maxQueued",
            ),
            Rule(
                cel="!has(self.maxCatchUpRuns) || !has(self.coalesce) || self.coalesce == 'All'",
                holds=lambda raw: raw.get("maxCatchUpRuns") is None or raw.get("coalesce") in (None, "All"),
                message="`maxCatchUpRuns` may be set only where `coalesce` is 'All'",
                field="maxCatchUpRuns",
            ),
        )
