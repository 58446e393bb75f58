"""A ScheduledJob made ready to be decided on: trigger built, defaults filled in, every name checked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from kalends.engine.core.state import Instant, Ref
from kalends.errors import InvalidSpec
from kalends.model import Coalesce, ConcurrencyPolicy, ScheduledJob, ScheduledJobSpec, summary
from kalends.model.v1alpha1.choices import Retry
from kalends.model.v1alpha1.spec import MOST_QUEUED
from kalends.model.v1alpha1.status import LONGEST_TOKEN
from kalends.triggers import Trigger, TriggerCache, build_trigger, reads_wall_time

DEFAULT_CATCH_UP_RUNS = 100
"""How many missed fire times ``coalesce: All`` runs when the resource does not say."""

_WHEN = ("schedule", "trigger", "time_zone", "start_time", "end_time", "exclude", "daylight_saving", "suspend")
"""The fields that decide which instants are fire times. A change of any of them starts from now."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the operator says where a resource says nothing (APScheduler's job defaults)."""

    time_zone: str = "UTC"
    coalesce: Coalesce = Coalesce.LATEST
    max_instances: int = 1
    starting_deadline_seconds: int | None = None
    executor: str = "default"


@dataclass(frozen=True, slots=True, init=False)
class TaskCall:
    """A registered Python callable and its arguments: JSON values only.

    They are kept as text: as Python objects they would take up to thirty times the memory between two runs.
    """

    name: str
    packed: bytes

    def __init__(self, name: str, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "packed", orjson.dumps((args, kwargs or {})))

    @property
    def args(self) -> Sequence[Any]:
        """Return the positional arguments, new objects each time."""
        args: Sequence[Any] = orjson.loads(self.packed)[0]
        return args

    @property
    def kwargs(self) -> Mapping[str, Any]:
        """Return the keyword arguments, new objects each time."""
        kwargs: Mapping[str, Any] = orjson.loads(self.packed)[1]
        return kwargs


@dataclass(frozen=True, slots=True, init=False)
class JobTemplate:
    """What a Kubernetes Job is made from: ``metadata`` and ``spec`` as the user wrote them; the latter kept as text."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    packed: bytes
    time_zone: str
    """The IANA name of the zone in which the Job's scheduled time is written."""

    def __init__(
        self,
        labels: Mapping[str, str],
        annotations: Mapping[str, str],
        spec: Mapping[str, Any],
        time_zone: str = "UTC",
    ) -> None:
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "annotations", annotations)
        object.__setattr__(self, "packed", orjson.dumps(spec))
        object.__setattr__(self, "time_zone", time_zone)

    @property
    def spec(self) -> Mapping[str, Any]:
        """Return the spec of the Job, new objects each time."""
        spec: Mapping[str, Any] = orjson.loads(self.packed)
        return spec


Target = TaskCall | JobTemplate


@dataclass(frozen=True, slots=True)
class Schedule:
    """One ScheduledJob, checked and compiled. Equal specs give equal schedules; nothing in it changes."""

    ref: Ref
    generation: int
    hash: str
    created: Instant
    first_armed: Instant
    """Fire times of a resource that has never been seen count from here, exclusive."""
    trigger: Trigger
    target: Target
    executor: str
    suspended: bool
    grace_time: int | None
    coalesce: Coalesce
    catch_up_runs: int
    concurrency: ConcurrencyPolicy
    max_instances: int
    jitter: int
    keep_succeeded: int
    keep_failed: int
    summary: str
    max_queued: int = MOST_QUEUED
    max_runs: int | None = None
    retry: Retry | None = None
    time_limit: int | None = None
    """Seconds that an attempt at a task may take."""
    pending_timeout: int | None = None
    """Seconds that the pods of a Job may fail to start."""
    admission_timeout: int | None = None
    """Seconds that a Job may be kept suspended by something else than its template."""
    ttl: int | None = None
    """Seconds after its end after which the resource is deleted."""
    request: str = ""
    """The token under which somebody asks for a run now."""
    requested_later: bool = False
    """Whether the request is known to have been made after the creation, so that it did not come with the resource."""
    restored: bool = False
    """Whether the resource is marked as coming from a backup."""
    held: bool = False
    """Whether it is held for that reason."""
    edited: Instant | None = None
    """When the spec was last written, as far as the record tells."""


class Check(Protocol):
    """Says whether the operator can run a target, by raising ``InvalidSpec`` if it cannot."""

    def __call__(self, target: Target, executor: str) -> None:
        """Raise ``InvalidSpec`` with the reason and what is accepted."""
        ...


REQUEST_ANNOTATION = "kalends.dev/run-requested"
"""Asks for one run now, whatever the schedule says; another token asks for another one."""
OWNER_LABEL = "kalends.dev/scheduled-job"
"""Selects the Jobs of Kalends, and their pods. Its value is the name of the ScheduledJob, for people: to whom a Job
belongs, its controller reference says."""
KUEUE_LABELS = "kueue.x-k8s.io/"
QUEUE_LABEL = f"{KUEUE_LABELS}queue-name"
"""Names the queue of Kueue that admits a Job: until then Kueue keeps the Job suspended."""
JOBS_EXECUTOR = "jobs"
"""The alias of the executor that makes Kubernetes Jobs; every ``jobTemplate`` goes there."""


def compile_schedule(
    job: ScheduledJob,
    *,
    created: Instant,
    edited: Instant | None,
    defaults: Defaults,
    check: Check,
    triggers: TriggerCache | None = None,
) -> Schedule:
    """Return what to decide on for a resource.

    Args:
        job: The resource as read.
        created: Its creation, which anchors intervals and is the one fire time of a resource without a trigger.
        edited: When its spec was last written, if that is known.
        defaults: The operator's job defaults.
        check: Refuses tasks, arguments, executors and templates that cannot run here.
        triggers: Those that were built before.

    Raises:
        InvalidSpec: The resource cannot be carried out; the message says what is accepted.
    """
    spec, meta = job.spec, job.metadata
    ref = Ref(meta.namespace or "default", meta.name, meta.uid or "")
    zone = spec.time_zone or defaults.time_zone
    hash_of_when = schedule_hash(spec, zone)
    trigger = (TriggerCache() if triggers is None else triggers).get(
        (ref.key, created, zone, hash_of_when),
        lambda: build_trigger(spec, created=created, zone=zone, identity=ref.key),
    )
    target = target_of(spec, meta.labels, zone)
    executor = JOBS_EXECUTOR if isinstance(target, JobTemplate) else (spec.executor or defaults.executor)
    check(target, executor)
    once_at_creation = spec.schedule is None and spec.trigger is None
    deadline = spec.starting_deadline_seconds
    return Schedule(
        ref=ref,
        generation=meta.generation or 0,
        hash=hash_of_when,
        created=created,
        first_armed=created - 1 if once_at_creation else created,
        trigger=trigger,
        target=target,
        executor=executor,
        suspended=spec.suspend,
        grace_time=defaults.starting_deadline_seconds if deadline is None else deadline,
        coalesce=spec.coalesce or defaults.coalesce,
        catch_up_runs=spec.max_catch_up_runs or DEFAULT_CATCH_UP_RUNS,
        concurrency=spec.concurrency_policy,
        max_instances=spec.max_instances or defaults.max_instances,
        jitter=spec.jitter_seconds,
        keep_succeeded=spec.successful_jobs_history_limit,
        keep_failed=spec.failed_jobs_history_limit,
        summary=summary(spec),
        max_queued=spec.max_queued or MOST_QUEUED,
        max_runs=spec.max_runs,
        retry=spec.retry,
        time_limit=spec.active_deadline_seconds,
        pending_timeout=spec.pending_timeout_seconds,
        admission_timeout=spec.admission_timeout_seconds,
        ttl=spec.ttl_seconds_after_finished,
        request=_token(meta.annotations.get(REQUEST_ANNOTATION, "")),
        edited=edited,
    )


def target_of(spec: ScheduledJobSpec, labels: Mapping[str, str], zone: str) -> Target:
    """Return what a spec runs. The schema lets exactly one of ``task`` and ``jobTemplate`` through.

    Labels of the resource that are addressed to Kueue are for its Jobs, as Kueue's own integrations pass them on.
    """
    if spec.task is not None and spec.job_template is None:
        return TaskCall(spec.task.name, tuple(spec.task.args), dict(spec.task.kwargs))
    if spec.job_template is not None and spec.task is None:
        metadata = spec.job_template.metadata
        return JobTemplate(
            labels={
                **{name: value for name, value in labels.items() if name.startswith(KUEUE_LABELS)},
                **metadata.labels,
            },
            annotations=metadata.annotations,
            spec=spec.job_template.spec,
            time_zone=zone,
        )
    raise InvalidSpec("exactly one of `task`, `jobTemplate` must be set")


def schedule_hash(spec: ScheduledJobSpec, zone: str) -> str:
    """Return a short hash of all that decides which instants are fire times.

    The zone is part of it where the spec gives wall times, also where it is the operator's own default: when that
    changes, they change their meaning, and the schedule starts from now.
    """
    when = {name: getattr(spec, name) for name in _WHEN}
    if reads_wall_time(spec):
        when["zone"] = zone
    if spec.max_runs is not None:
        when["max_runs"] = spec.max_runs
    text = orjson.dumps(when, default=_jsonable, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=8).hexdigest()


def _token(text: str) -> str:
    """Return a token as it is remembered: as it stands, or, where it is long, by its hash."""
    if len(text) <= LONGEST_TOKEN:
        return text
    return "blake2b:" + hashlib.blake2b(text.encode(), digest_size=20).hexdigest()


def _jsonable(value: Any) -> Any:
    return value.model_dump(mode="json", exclude_none=True)
