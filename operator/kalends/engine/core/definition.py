"""What is wanted, and what a store holds, in no wire format: the hub between stores, API versions and the engine."""

from __future__ import annotations

from dataclasses import dataclass

from kalends.engine.core.copying import replace
from kalends.engine.core.schedule import RetryPolicy
from kalends.engine.core.state import Instant, Ref, State
from kalends.engine.core.target import Target
from kalends.model.values import Coalesce, ConcurrencyPolicy
from kalends.triggers import Trigger, When


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """When, how and what to run. ``None`` and ``""`` stand for what the definition leaves to the defaults."""

    when: When | Trigger
    """A description, from which a trigger is built for each resource, or a trigger. Only memory keeps the latter."""
    target: Target
    executor: str = ""
    suspended: bool = False
    grace_time: int | None = None
    """Seconds after its fire time within which a run may start."""
    coalesce: Coalesce | None = None
    catch_up_runs: int | None = None
    concurrency: ConcurrencyPolicy = ConcurrencyPolicy.FORBID
    waits_for_room: bool = True
    """Whether under ``FORBID`` a fire time that finds no room waits within its grace time. Otherwise it is skipped."""
    max_instances: int | None = None
    max_queued: int | None = None
    max_runs: int | None = None
    """After so many started runs the schedule has ended."""
    jitter: int = 0
    """Seconds by which a run may start later."""
    retry: RetryPolicy | None = None
    time_limit: int | None = None
    """Seconds that an attempt at a task may take."""
    pending_timeout: int | None = None
    """Seconds that the pods of a Job may fail to start."""
    admission_timeout: int | None = None
    """Seconds that a Job may be kept suspended by something else than its template."""
    keep_succeeded: int = 3
    keep_failed: int = 1
    ttl: int | None = None
    """Seconds after its end after which the resource is deleted."""
    request: str = ""
    """The token under which a run is asked for now."""
    restored: bool = False
    """Whether it is marked as coming from a backup."""

    def has_spec_of(self, other: Definition) -> bool:
        """Return whether two definitions differ at most in what is no part of a spec: the request and the mark."""
        return self == replace(other, request=self.request, restored=self.restored)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a resource cannot be carried out: what its conditions say."""

    reason: str
    message: str
    summary: str = ""
    """When runs would be due, as far as that can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A resource as a store holds it: its definition, its record, and its metadata."""

    ref: Ref
    version: str
    """Changes at each write. Stores compare it, and ``model/versions.py`` decides which of two is newer."""
    generation: int
    """Counts the changes of the definition."""
    created: Instant
    definition: Definition | None
    """None where it cannot be read: ``problem`` says why."""
    problem: Problem | None = None
    record: State | None = None
    """None where nothing is recorded yet, or where the record cannot be read (``record_problem``)."""
    record_problem: Problem | None = None
    operator: str = ""
    """Which operator decides, also where the rest of the record cannot be read."""
    edited: Instant | None = None
    """When the definition was last written, as far as the store knows."""
    incomplete: bool = False
    """Whether the store has only a part of ``record``, which is to be written again."""
    restored: bool = False
    """Whether it is marked as coming from a backup, also where the definition cannot be read."""
    request: str = ""
    """The token of the request for a run where the definition cannot be read; otherwise the definition has it."""
    requested_later: bool = False
    """Whether the request is known to have been made after the creation, so that it did not come with the resource."""
    identity: str = ""
    """From which ``H`` in cron expressions makes its values, if that is not the key of ``ref``."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """A resource is no longer in its store."""

    ref: Ref


Change = Stored | Deleted
"""What a watch shows: a resource as it now is, or that it is gone."""
