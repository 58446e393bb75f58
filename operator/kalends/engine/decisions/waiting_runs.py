"""Decides on queued runs when time passes or the schedule changes. Pure."""

from __future__ import annotations

from kalends.engine.core.policies import Refusal
from kalends.engine.core.schedule import Schedule
from kalends.engine.core.state import State
from kalends.engine.decisions.catchup import due_of
from kalends.engine.decisions.draft import Draft
from kalends.model.instants import format_instant
from kalends.model.reasons import Reason
from kalends.model.values import ConcurrencyPolicy

A_MOMENT = 0.001
"""Seconds past a deadline: exactly at it is still in time."""


def drop_outdated(draft: Draft) -> None:
    """Skip those of a schedule that was edited or suspended: it never fires for the past (law 5).

    A requested run was never the schedule's, and stays.
    """
    message = "the schedule was edited or suspended while it waited"
    for candidate in draft.queue():
        if not candidate.request:
            draft.refuse(candidate, Refusal(Reason.SCHEDULE_CHANGED, message))


def newest_alone(draft: Draft) -> None:
    """Under ``Forbid``, let one fire time wait for room, the newest; those that wait for nothing but a worker stay.

    A fire time waits for room within its deadline only, as in CronJob, which tries the latest missed fire time again
    until ``startingDeadlineSeconds`` is over.
    """
    schedule = draft.schedule
    if schedule.concurrency is not ConcurrencyPolicy.FORBID or schedule.grace_time is None:
        return
    room = max(0, schedule.max_instances - draft.state.counts.active)
    waiting = [one for one in draft.queue()[room:] if not one.request]
    for candidate in waiting[:-1]:
        newest = format_instant(waiting[-1].fire_time, draft.facts.second)
        message = f"there was no room before the fire time of {newest}, which waits in its place"
        draft.refuse(candidate, Refusal(Reason.TOO_MANY_INSTANCES, message))


def gives_up_at(schedule: Schedule, state: State, second: int) -> float | None:
    """Return when the deadline of one that waits has passed, or None where none has a deadline."""
    if schedule.grace_time is None or not state.queued:
        return None
    first = min(due_of(schedule, one.fire_time, one.request) for one in state.queued)
    return first + schedule.grace_time + A_MOMENT * second
