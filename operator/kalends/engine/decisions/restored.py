"""Resources that have a past and no record: restored, cloned or migrated without their status. Pure.

Nothing tells what such a resource has run already. A request that came with it is taken for handled. A resource that is
marked as restored is held, like a suspended one, until it is edited or the mark is removed.
"""

from __future__ import annotations

from kalends.engine.core.copying import replace
from kalends.engine.core.facts import Facts
from kalends.engine.core.schedule import Schedule
from kalends.engine.core.state import Instant, State
from kalends.engine.decisions.unrecorded_jobs import record_of_jobs
from kalends.engine.ports import Snapshot
from kalends.model.reasons import Reason

HELD_HASH = "restored-"
"""Begins the recorded hash of a schedule that is held: it differs from that of the schedule, which then counts from
the moment in which it is no longer held. It stays while the resource cannot be carried out."""
STATUS_FOLLOWS = 10.0
"""Seconds after its creation for which no record is written for a restored resource: a status that is restored by a
second request would be refused once another one is there."""


def waits_for_status(created: Instant, record: State | None, facts: Facts) -> float | None:
    """Return until when nothing is decided, as the status of a resource that is marked may follow, or None."""
    until = created + STATUS_FOLLOWS * facts.second
    first_seen = record is None and not facts.record_lost
    return until if first_seen and created <= facts.now < until else None


def held(schedule: Schedule, record: State | None, facts: Facts) -> Schedule:
    """Return a schedule as it counts: suspended, under a separate hash, while it is held as restored."""
    if not schedule.restored:
        return schedule
    is_held = not facts.record_lost if record is None else _is_held(record, schedule.generation)
    return replace(schedule, suspended=True, held=True, hash=f"{HELD_HASH}{schedule.hash}") if is_held else schedule


def _is_held(record: State, generation: int) -> bool:
    """Return whether a record says that its resource is held; an edit ends that."""
    ready = record.conditions.get("Ready")
    # Records of the first releases say so by their condition alone.
    is_marked = record.schedule_hash.startswith(HELD_HASH) or (ready is not None and ready.reason == Reason.RESTORED)
    return is_marked and record.observed_generation == generation


def hash_of_invalid(record: State, generation: int) -> str:
    """Return the recorded hash of a resource that cannot be carried out: none, or that it is held."""
    return HELD_HASH if _is_held(record, generation) else ""


def first_record_of_invalid(snapshot: Snapshot, facts: Facts) -> State:
    """Return the record of a resource that cannot be carried out, when it is first seen or after its record was lost.

    A request that came with the resource, or that the lost record may have listed, must not run once it is corrected.
    """
    if facts.record_lost:
        handled = (snapshot.request,) if snapshot.request else ()
        return replace(record_of_jobs(snapshot.schedule, facts), handled_requests=handled)
    found = came_along(snapshot.request, facts, later=snapshot.requested_later)
    if snapshot.restored:
        armed = max(int(facts.now), snapshot.created)
        return State(
            armed=armed,
            schedule_hash=HELD_HASH,
            observed_generation=snapshot.generation,
            handled_requests=found,
        )
    # Armed before its creation: where that is the one fire time, it is still to come once this is corrected.
    return State(armed=snapshot.created - 1, handled_requests=found)


def came_along(request: str, facts: Facts, *, later: bool) -> tuple[str, ...]:
    """Return the token of a request that came with its resource, as handled, or nothing."""
    return (request,) if request and request == facts.found_request and not later else ()


def as_restored(schedule: Schedule, record: State) -> State:
    """Return a record that is older than its resource, restored from a backup, as it counts.

    What runs once at its creation has a new creation then; that it ran at the one before is recorded.
    """
    once = schedule.first_armed < schedule.created
    if not once or record.cursor is None or record.cursor >= schedule.created:
        return record
    return replace(record, armed=max(record.armed, schedule.created))


def first_record(schedule: Schedule, facts: Facts) -> State:
    """Return the record of a resource that is seen for the first time."""
    return State(
        # What lies before is not this one's to run, its creation included.
        armed=max(int(facts.now), schedule.created) if schedule.held else schedule.first_armed,
        schedule_hash=schedule.hash,
        handled_requests=came_along(schedule.request, facts, later=schedule.requested_later),
    )
