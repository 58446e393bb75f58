"""The short way through a decision: most looks find that nothing is due, or that only a worker is missing. Pure.

It returns what the whole way would return.
"""

from __future__ import annotations

import math

from kalends.engine.core.facts import Decision, Facts
from kalends.engine.core.holders import OTHER_OPERATOR
from kalends.engine.core.schedule import Schedule
from kalends.engine.core.state import Instant, State
from kalends.engine.decisions.planning import UNRECORDED_WAIT
from kalends.engine.decisions.waiting_runs import A_MOMENT
from kalends.model.reasons import Reason
from kalends.model.values import ConcurrencyPolicy
from kalends.triggers import NotFound

_GOOD = frozenset({"Ready", "LastRunSucceeded", OTHER_OPERATOR})


def quiet(schedule: Schedule, record: State, facts: Facts) -> Decision | None:
    """Return the decision that changes nothing, or None if there may be something to do."""
    next_run = record.next_run
    if next_run is None or not _is_up_to_date(schedule, record, facts):
        return None
    if facts.now < next_run:
        return Decision(state=record, wake_at=next_run)
    latest = _waits_until(schedule, next_run, facts)
    return None if latest is None else Decision(state=record, wake_at=latest + A_MOMENT * facts.second, waiting=True)


def _is_up_to_date(schedule: Schedule, record: State, facts: Facts) -> bool:
    """Return whether a record says all but what its next run will change."""
    ready = record.conditions.get("Ready")
    return (
        not record.active
        and not record.queued
        and not facts.jobs
        and not facts.orphans
        and (not schedule.request or schedule.request in record.handled_requests)
        and not schedule.suspended
        and not schedule.jitter
        and record.schedule_hash == schedule.hash
        and record.observed_generation == schedule.generation
        and record.summary == schedule.summary
        and record.next_run == schedule.trigger.next_after(record.decided_until)
        and record.conditions.keys() <= _GOOD
        and ready is not None
        and ready.reason == Reason.ARMED
    )


def _waits_until(schedule: Schedule, fire_time: Instant, facts: Facts) -> float | None:
    """Return how long the one fire time that is due waits unrecorded for a worker; None if it does not just wait."""
    may_start = facts.free_slots > 0 or not facts.dispatch or not facts.checked
    if may_start or facts.refused or facts.refused_starts is not None or facts.starts_at is not None:
        return None
    if schedule.concurrency not in {ConcurrencyPolicy.FORBID, ConcurrencyPolicy.ALLOW}:
        return None
    grace = math.inf if schedule.grace_time is None else schedule.grace_time
    latest = fire_time + min(UNRECORDED_WAIT * facts.second, grace)
    if facts.now > latest:
        return None
    following = schedule.trigger.next_after(fire_time)
    if isinstance(following, NotFound) or (following is not None and following <= facts.now):
        return None
    return latest
