"""Records between the microseconds of a program's engine and the seconds of a status.

Fire times of ScheduledJobs are whole seconds, so they are exact in both units. Everything else is rounded down, except
the time of a retry, which never comes early. A cursor that is rounded down decides the same fire times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kalends.engine.core.copying import replace
from kalends.engine.core.run_names import run_name
from kalends.engine.core.state import ActiveRun, FinishedRun, Instant, QueuedRun, State
from kalends.triggers.programs.datetimes import SECOND

_Convert = Callable[[Instant], Instant]


def in_seconds(record: State, job_id: str, name: str) -> State:
    """Return a record of the engine as a status has it; runs are named after the ScheduledJob ``name``."""
    return _converted(
        record,
        lambda instant: instant // SECOND,
        lambda instant: -(-instant // SECOND),
        lambda run, attempt: _renamed(run, attempt, job_id, name, lambda instant: instant // SECOND),
    )


def in_microseconds(record: State, job_id: str, name: str) -> State:
    """Return a record of a status as the engine of a program has it; runs are named after the job."""

    def scale(instant: Instant) -> Instant:
        return instant * SECOND

    return _converted(record, scale, scale, lambda run, attempt: _renamed(run, attempt, name, job_id, scale))


def _renamed(run: ActiveRun | QueuedRun | FinishedRun, attempt: int, old: str, new: str, convert: _Convert) -> str:
    """Return the name of a run in the other unit; a name that the engine has not made stays as it is."""
    if run.name != run_name(old, run.fire_time, attempt, run.request):
        return run.name
    return run_name(new, convert(run.fire_time), attempt, run.request)


def _converted(
    record: State,
    down: _Convert,
    up: _Convert,
    named: Callable[[ActiveRun | QueuedRun | FinishedRun, int], str],
) -> State:
    def maybe(instant: Instant | None) -> Instant | None:
        return None if instant is None else down(instant)

    active = [named(run, run.attempt) for run in record.active]
    queued = [named(run, 1) for run in record.queued]
    history = [named(run, run.attempts) for run in record.history]
    old = [run.name for run in record.active]
    old += [run.name for run in record.queued]
    old += [run.name for run in record.history]
    names = {before: after for before, after in zip(old, (*active, *queued, *history), strict=True) if before != after}
    misfire = record.last_misfire
    return replace(
        record,
        armed=down(record.armed),
        cursor=maybe(record.cursor),
        last_scheduled=maybe(record.last_scheduled),
        next_run=maybe(record.next_run),
        last_successful=maybe(record.last_successful),
        last_requested=maybe(record.last_requested),
        active=tuple(
            replace(
                run,
                name=name,
                fire_time=down(run.fire_time),
                started=down(run.started),
                retry_at=None if run.retry_at is None else up(run.retry_at),
            )
            for run, name in zip(record.active, active, strict=True)
        ),
        queued=tuple(
            replace(run, name=name, fire_time=down(run.fire_time))
            for run, name in zip(record.queued, queued, strict=True)
        ),
        history=tuple(
            replace(
                run,
                name=name,
                fire_time=down(run.fire_time),
                started=maybe(run.started),
                completed=down(run.completed),
            )
            for run, name in zip(record.history, history, strict=True)
        ),
        last_misfire=None if misfire is None else replace(misfire, fire_time=down(misfire.fire_time)),
        conditions={
            type_: replace(one, since=down(one.since), message=_with_names(one.message, names))
            for type_, one in record.conditions.items()
        },
    )


def _with_names(message: str, names: Mapping[str, str]) -> str:
    """Return a message that names the runs as the record does."""
    for old, new in names.items():
        message = message.replace(old, new)
    return message
