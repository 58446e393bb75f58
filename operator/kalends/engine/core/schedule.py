"""A ScheduledJob made ready to be decided on: trigger built, defaults filled in, every name checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import orjson
from typing_extensions import override

from kalends.engine.core.state import Instant, Ref
from kalends.engine.core.target import Target
from kalends.model.values import MOST_QUEUED, Coalesce, ConcurrencyPolicy
from kalends.triggers import Trigger


@dataclass(frozen=True, slots=True)
class Defaults:
    """Values for fields that a resource leaves unset (APScheduler's job defaults)."""

    time_zone: str = "UTC"
    coalesce: Coalesce = Coalesce.LATEST
    max_instances: int = 1
    starting_deadline_seconds: int | None = None
    executor: str = "default"


@dataclass(frozen=True, slots=True, init=False)
class TaskCall(Target):
    """A registered Python callable and its arguments: JSON values only.

    They are kept as text: as Python objects they would take up to thirty times the memory between two runs.
    """

    name: str
    packed: bytes

    def __init__(self, name: str, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "packed", orjson.dumps((args, kwargs or {})))

    @property
    @override
    def size(self) -> int:
        return len(self.packed)

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
class JobTemplate(Target):
    """What a Kubernetes Job is made from: ``metadata`` and ``spec`` as the user wrote them; the latter kept as text."""

    executor: ClassVar[str] = "jobs"

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

    @property
    @override
    def size(self) -> int:
        words = (*self.labels.items(), *self.annotations.items())
        return len(self.packed) + sum(len(name) + len(text) for name, text in words)

    @property
    @override
    def starts_suspended(self) -> bool:
        return self.spec.get("suspend") is True

    @override
    def in_zone(self, time_zone: str) -> Self:
        template = copy(self)
        object.__setattr__(template, "time_zone", time_zone)
        return template


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How a failed run is tried again."""

    limit: int = 3
    """How many more attempts a failed run gets."""
    backoff_seconds: int = 10
    """How long the first retry waits."""
    factor: int = 2
    """Multiplies the wait after each retry."""
    max_backoff_seconds: int = 300
    on_lost: bool = False
    """Whether a run is tried again when its outcome is unknown, as its holder is gone."""


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
    retry: RetryPolicy | None = None
    time_limit: int | None = None
    """Seconds that an attempt at a task may take."""
    pending_timeout: int | None = None
    """Seconds that the pods of a Job may fail to start."""
    admission_timeout: int | None = None
    """Seconds that a Job may be kept suspended by something else than its template."""
    ttl: int | None = None
    """Seconds after its end after which the resource is deleted."""
    request: str = ""
    """The token of a request for a run now."""
    requested_later: bool = False
    """Whether the request is known to have been made after the creation, so that it did not come with the resource."""
    restored: bool = False
    """Whether the resource is marked as coming from a backup."""
    waits_for_room: bool = True
    """Whether under ``FORBID`` a fire time that finds no room waits within its grace time. Otherwise it is skipped."""
    held: bool = False
    """Whether it is held for that reason."""
    edited: Instant | None = None
    """When the spec was last written, as far as the record shows."""


class Check(Protocol):
    """Refuses a target that cannot run here."""

    def __call__(self, target: Target, executor: str) -> None:
        """Raise ``InvalidSpec`` with the reason and what is accepted."""
        ...


REQUEST_ANNOTATION = "kalends.dev/run-requested"
"""Requests a run now, regardless of the schedule; another token requests another run."""
OWNER_LABEL = "kalends.dev/scheduled-job"
"""Selects the Jobs of Kalends, and their pods. Its value is the name of the ScheduledJob, for people: to whom a Job
belongs, its controller reference says."""
KUEUE_LABELS = "kueue.x-k8s.io/"
QUEUE_LABEL = f"{KUEUE_LABELS}queue-name"
"""Names the queue of Kueue that admits a Job: until then Kueue keeps the Job suspended."""
JOBS_EXECUTOR = JobTemplate.executor
"""The alias of the executor that makes Kubernetes Jobs; every ``jobTemplate`` goes there."""
