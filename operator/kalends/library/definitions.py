"""From a job as a store keeps it to what the engine decides on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import Any

from typing_extensions import override

from kalends.engine.core.copying import replace
from kalends.engine.core.definition import Definition, Problem, Stored
from kalends.engine.core.schedule import RetryPolicy
from kalends.engine.core.state import Ref
from kalends.engine.core.target import Target
from kalends.job import Job
from kalends.jobstores.base import KeptJob
from kalends.model.reasons import Reason
from kalends.model.values import Coalesce, ConcurrencyPolicy
from kalends.triggers.programs.compiled import CompiledTrigger, compile_trigger, exact_next_fire_time, jitter_of
from kalends.triggers.programs.datetimes import datetime_of, microseconds_of
from kalends.triggers.programs.exclusions import excluded
from kalends.triggers.programs.rule_trigger import searched

MOST_CATCH_UP_RUNS = 100_000
"""How many missed fire times run if they are not coalesced. Beyond that the earliest are counted as coalesced."""
CONCURRENCY = {
    "skip": ConcurrencyPolicy.FORBID,
    "queue": ConcurrencyPolicy.QUEUE,
    "replace": ConcurrencyPolicy.REPLACE,
}
COALESCE = {
    True: Coalesce.LATEST,
    False: Coalesce.ALL,
    "latest": Coalesce.LATEST,
    "earliest": Coalesce.EARLIEST,
    "all": Coalesce.ALL,
}


@dataclass(frozen=True, slots=True, eq=False)
class JobCall(Target):
    """A call of a job as it was when the fire time was decided."""

    job: Job

    @property
    @override
    def size(self) -> int:
        return 0  # the store keeps the job, and the program gave it


def stored_of(alias: str, kept: KeptJob) -> Stored:
    """Return a kept job as the engine's stores return a resource. Its namespace is the alias of its job store."""
    ref = Ref(alias, kept.id, kept.uid)
    if kept.stored is not None:
        return _with_call(replace(kept.stored, ref=ref), kept, alias)
    created, edited = kept.created, kept.edited
    definition, problem = None, None
    if kept.job is None:
        problem = Problem(Reason.INVALID_SPEC, kept.problem)
    else:
        kept.job.belongs_to(None, alias)
        definition = definition_of(kept.job)
        first = kept.job.first_fire_time
        if first is not None:
            # Fire times count from right before the first, also if that has passed.
            before = microseconds_of(first) - 1
            created, edited = min(created, before), min(edited, before)
    return Stored(
        ref=ref,
        version=str(kept.version),
        generation=kept.generation,
        created=created,
        definition=definition,
        problem=problem,
        record=kept.record,
        record_problem=problem if kept.unread else None,
        edited=edited,
    )


def _with_call(stored: Stored, kept: KeptJob, alias: str) -> Stored:
    """Return a definition that the store has read itself, with the call of the job as its target."""
    if kept.job is None or stored.definition is None:
        return replace(stored, definition=None, problem=stored.problem or Problem(Reason.INVALID_SPEC, kept.problem))
    kept.job.belongs_to(None, alias)
    return replace(stored, definition=replace(stored.definition, target=JobCall(kept.job)))


def definition_of(job: Job) -> Definition:
    """Return when, how and what to run for a job."""
    coalesce = COALESCE[job.coalesce]
    concurrency = CONCURRENCY[job.concurrency]
    if coalesce is Coalesce.ALL and concurrency is ConcurrencyPolicy.FORBID:
        concurrency = ConcurrencyPolicy.QUEUE  # they run one after another, as a batch of APScheduler does
    return Definition(
        when=compiled_trigger_of(job),
        target=JobCall(job),
        executor=job.executor,
        suspended=job.next_run_time is None,
        grace_time=job.misfire_grace_time,
        coalesce=coalesce,
        catch_up_runs=MOST_CATCH_UP_RUNS,
        concurrency=concurrency,
        waits_for_room=False,
        max_instances=job.max_instances,
        max_runs=job.max_runs,
        jitter=ceil(jitter_of(job.trigger)),
        retry=retry_of(job.retry),
        time_limit=job.time_limit,  # type: ignore[arg-type]  # pools accept fractions of a second, too
        ttl=0,  # a job that has ended is removed
    )


def compiled_trigger_of(job: Job) -> CompiledTrigger:
    """Return the trigger of the engine for a job; its fire times count from the job's first."""
    first = job.first_fire_time
    return compile_trigger(
        job.trigger,
        first=None if first is None else microseconds_of(first),
        timezone=None if first is None else first.tzinfo,
        options=job.fire_time_options,
    )


def following_fire_time(job: Job, known: datetime, now: datetime) -> datetime | None:
    """Return the next fire time of a job after a change of ``exclude`` or ``daylight_saving``.

    Args:
        job: With the change.
        known: The next fire time before. If it has passed, it is undecided, and the search begins there.
        now: The current time.
    """
    first = job.first_fire_time
    if first is None or microseconds_of(first) > microseconds_of(now):
        return exact_next_fire_time(job.trigger, None, now, job.fire_time_options)
    times = compiled_trigger_of(job)
    found = searched(times, min(microseconds_of(known) - 1, microseconds_of(now)))
    if (
        found is not None and excluded(job.exclude).end_of(found) is not None
    ):  # the first fire time was not excluded before
        found = searched(times, found)
    return None if found is None else datetime_of(found, known.tzinfo or UTC)


def retry_of(given: int | Mapping[str, Any] | None) -> RetryPolicy | None:
    """Return the policy of retries that a job asks for."""
    if given is None:
        return None
    if isinstance(given, int):
        return RetryPolicy(limit=given)
    default = RetryPolicy()
    return RetryPolicy(
        limit=int(given.get("limit", default.limit)),
        backoff_seconds=int(given.get("backoff", default.backoff_seconds)),
        factor=int(given.get("factor", default.factor)),
        max_backoff_seconds=int(given.get("max_backoff", default.max_backoff_seconds)),
        on_lost=bool(given.get("on_lost", default.on_lost)),
    )
