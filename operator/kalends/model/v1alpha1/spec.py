"""The spec of a ScheduledJob: when, how and what to run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, StringConstraints
from typing_extensions import override

from kalends.model.forms import SCHEDULE
from kalends.model.rules import Rule, at_most_one_of, in_order
from kalends.model.v1alpha1.base import (
    INT32_MAX,
    INT64_MAX,
    Alias,
    Flag,
    Manager,
    Moment,
    PositiveSeconds,
    Seconds,
    Wire,
    ZoneName,
)
from kalends.model.v1alpha1.leaves import few_leaves
from kalends.model.v1alpha1.target import JobTemplate, Task
from kalends.model.v1alpha1.target_fields import target_rules
from kalends.model.v1alpha1.trigger import Exclusion, Trigger
from kalends.model.values import LONGEST_SCHEDULE, MOST_QUEUED, Coalesce, ConcurrencyPolicy, DaylightSaving

if TYPE_CHECKING:
    from collections.abc import Collection

LONGEST_BACKOFF = 86_400
"""Seconds. For longer delays use a schedule."""
JOBS_KEPT = Field(strict=True, ge=0, le=1000)
"""Each look at a resource reads its finished Jobs; users of CronJob keep at most a hundred."""


def _without_blank(policy: Any) -> Any:
    """Return the default for an empty text, which CronJob treats as unset."""
    return ConcurrencyPolicy.FORBID if policy == "" else policy


_SAME_MANAGER = Rule(
    # A rule with `oldSelf` is checked at updates alone, so a manifest cannot break it.
    # `orValue` would have no bound that the API server can estimate.
    cel="has(self.managedBy) == has(oldSelf.managedBy)"
    " && (!has(self.managedBy) || self.managedBy == oldSelf.managedBy)",
    holds=lambda raw: True,  # noqa: ARG005
    message="`managedBy` must stay as it was when the resource was created; create another resource instead",
    field="managedBy",
)


class Retry(Wire):
    """Further attempts of a failed run. The run stays active, and counts for maxInstances, until its last attempt."""

    limit: Annotated[int, Field(strict=True, ge=0, le=100)] = 3
    """limit is the maximum number of further attempts of a failed run. Unset: 3."""
    backoff_seconds: Annotated[int, Field(strict=True, ge=0, le=LONGEST_BACKOFF)] = 10
    """backoffSeconds is the delay before the first retry, in seconds. A random part of up to a quarter is added to
    every delay. Unset: 10."""
    factor: Annotated[int, Field(strict=True, ge=1, le=10)] = 2
    """factor multiplies the delay after each further failure; 1 keeps it constant. Unset: 2."""
    max_backoff_seconds: Annotated[int, Field(strict=True, ge=0, le=LONGEST_BACKOFF)] = 300
    """maxBackoffSeconds is the maximum delay between two attempts, in seconds, without the random part. Unset: 300."""
    on_lost: Flag = False
    """onLost also retries runs whose outcome is unknown because the operator stopped during the run. Such a run may
    have done all of its work: set onLost only if the work is idempotent. Unset: false; such a run ends as Lost."""


class ScheduledJobSpec(Wire):
    """When, how and what to run."""

    schedule: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_SCHEDULE), SCHEDULE] | None = None
    """schedule is a cron expression of five fields (minute, hour, day of month, month, day of week), as in `0 2 * *
    mon-fri`, or a macro such as `@daily` or `@every 90m`. Everything that CronJob accepts is accepted, up to 4096
    characters. Unset: `trigger` decides; with neither, one run starts as soon as the operator sees the resource."""
    trigger: Trigger | None = None
    """trigger defines the fire times in structured form; exactly one member is set. Unset: `schedule` decides."""
    time_zone: ZoneName | None = None
    """timeZone is the IANA name of the time zone of this schedule, as in `Europe/Berlin`. Unset: the time zone of the
    operator, which is UTC by default."""
    start_time: Moment | None = None
    """startTime is the earliest possible fire time: RFC 3339, as in `2027-01-01T00:00:00Z`. Without an offset it is
    wall time in timeZone; a date alone means the start of that day; a fraction of a second is rounded up. An interval
    counts from startTime. Unset: no limit."""
    end_time: Moment | None = None
    """endTime is the latest possible fire time, in the format of startTime. A date alone means the end of that day; a
    fraction of a second is rounded down. Unset: no limit."""
    exclude: tuple[Exclusion, ...] = Field(default=(), max_length=64)
    """exclude lists instants that are not fire times, such as holidays. They are not counted as missed. Unset:
    none."""
    jitter_seconds: Annotated[int, Field(strict=True, ge=0, le=86_400)] = 0
    """jitterSeconds delays the start of each run by a random time of up to this many seconds, to spread the load. A
    fire time always has the same delay, which ends before the next fire time. Unset: 0."""
    daylight_saving: DaylightSaving = DaylightSaving.ADJUST
    """daylightSaving decides what happens to wall times that a clock change skips or repeats. Adjust: a skipped time
    fires right after the change, and a repeated time fires only the first time; a cron expression whose minute or hour
    begins with `*` fires whenever the clock matches it. Literal: a skipped time does not fire, and a repeated time
    fires twice, as in CronJob. Unset: Adjust."""

    suspend: Flag = False
    """suspend stops the schedule. Active runs continue. Fire times during the suspension get no run, also after the
    schedule is resumed. Unset: false."""
    starting_deadline_seconds: Annotated[int, Field(strict=True, ge=0, le=INT64_MAX)] | None = None
    """startingDeadlineSeconds is how late a run may start, in seconds after its fire time. A later run does not start
    and is recorded as Missed. APScheduler calls this misfire_grace_time. Unset: the operator's default, which is no
    limit."""
    coalesce: Coalesce | None = None
    """coalesce selects which of several overdue fire times get a run, for example after downtime: Latest, Earliest or
    All. The others are counted as coalesced. It is applied before concurrencyPolicy. Use All with Allow or Queue; with
    Forbid only one of them can run. Unset: the operator's default, which is Latest."""
    concurrency_policy: Annotated[
        ConcurrencyPolicy,
        BeforeValidator(_without_blank),
        Field(json_schema_extra={"enum": [*ConcurrencyPolicy, ""]}),
    ] = ConcurrencyPolicy.FORBID
    """concurrencyPolicy decides what happens to a fire time while maxInstances runs are active. Forbid: it is skipped;
    with startingDeadlineSeconds, the latest fire time waits within that time. Allow: its run starts. Replace: the
    oldest run is cancelled, and the new run starts after it has ended. Queue: it waits for a run to end. An empty text,
    which CronJob accepts, means Forbid. Unset: Forbid."""
    max_instances: Annotated[int, Field(strict=True, ge=1, le=1000)] | None = None
    """maxInstances is the maximum number of active runs; for tasks, and for Jobs with retry, at most 50. It cannot be
    set if concurrencyPolicy is Allow, which has no limit. Unset: the operator's default, which is 1."""
    max_catch_up_runs: Annotated[int, Field(strict=True, ge=1, le=1000)] | None = None
    """maxCatchUpRuns is the maximum number of overdue fire times that get a run if coalesce is All. Unset: 100."""
    max_queued: Annotated[int, Field(strict=True, ge=1, le=MOST_QUEUED)] | None = None
    """maxQueued is the maximum number of queued runs if concurrencyPolicy is Queue. Further fire times are skipped.
    Unset: 1000."""
    max_runs: Annotated[int, Field(strict=True, ge=1, le=INT32_MAX)] | None = None
    """maxRuns ends the schedule after this number of started runs, including requested runs. Unset: no limit."""

    task: Task | None = None
    """task names a Python callable that is registered with the operator, and runs in its pod. Exactly one of task and
    jobTemplate is set."""
    job_template: JobTemplate | None = None
    """jobTemplate is the Kubernetes Job to create for each run, as in CronJob. Exactly one of task and jobTemplate
    is set."""
    executor: Alias | None = None
    """executor selects the pool of threads or processes that runs the task, by its name in the operator's settings.
    Unset: the operator's default, which is `default`."""
    retry: Retry | None = None
    """retry configures further attempts of a failed run. A task is called again. A Job that has failed, after its own
    `jobTemplate.spec.backoffLimit`, is followed by a new Job with another name. Unset: no retry."""
    active_deadline_seconds: PositiveSeconds | None = None
    """activeDeadlineSeconds is the time limit of a task, in seconds. A run that exceeds it is stopped and recorded as
    TimedOut. For Jobs use `jobTemplate.spec.activeDeadlineSeconds`. Unset: no limit."""
    pending_timeout_seconds: PositiveSeconds | None = None
    """pendingTimeoutSeconds is how long, in seconds, a Job may have no pod with a started container, for example
    because its image cannot be pulled. After that the run fails and no longer blocks the schedule. Unset: no limit."""
    admission_timeout_seconds: PositiveSeconds | None = None
    """admissionTimeoutSeconds is how long, in seconds, a Job may wait for another controller that keeps it suspended,
    such as Kueue. After that the Job is deleted and the run is Missed with the reason AdmissionTimeout; a run that had
    started before is Failed. Unset: no limit."""
    successful_jobs_history_limit: Annotated[int, JOBS_KEPT] = 3
    """successfulJobsHistoryLimit is the number of successful Jobs to keep, at most 1000. Unset: 3."""
    failed_jobs_history_limit: Annotated[int, JOBS_KEPT] = 1
    """failedJobsHistoryLimit is the number of failed Jobs to keep, at most 1000. Unset: 1."""
    ttl_seconds_after_finished: Seconds | None = None
    """ttlSecondsAfterFinished is the time, in seconds, after which this resource is deleted. It counts from the end of
    the schedule and of the last run. Unset: the resource is kept."""

    managed_by: Manager | None = None
    """managedBy names who carries out this schedule, such as an application with the job store of Kubernetes, as in
    `example.com/my-app`. The operator leaves the resource alone if the value is neither unset nor
    `kalends.dev/operator`. It cannot be changed. Unset: the operator."""

    @classmethod
    @override
    def rules(cls, members: Collection[str]) -> tuple[Rule, ...]:
        """Exclude fields that contradict each other, and fields without effect."""
        del members
        one_target, *own_fields = target_rules(cls)
        return (
            one_target,
            at_most_one_of("schedule", "trigger"),
            in_order("startTime", "endTime"),
            few_leaves(),
            *own_fields,
            _SAME_MANAGER,
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
