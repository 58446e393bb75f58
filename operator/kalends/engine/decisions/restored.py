"""Resources that have a past and no record: restored, cloned or migrated without their status. Pure.

Nothing tells what such a resource has run already. A request that came with it is taken for handled. A resource that is
marked as restored is held, like a suspended one, until it is edited or the mark is removed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from kalends.engine.core.facts import Facts
from kalends.engine.core.schedule import Schedule
from kalends.engine.core.state import State
from kalends.model.reasons import Reason

RESTORED_ANNOTATION = "kalends.dev/restored"
VELERO_LABEL = "velero.io/restore-name"
STATUS_FOLLOWS = 10.0
"""Seconds after its creation for which no record is written for a restored resource: a status that is restored by a
second request would be refused once another one is there."""


def is_marked(labels: Mapping[str, str], annotations: Mapping[str, str]) -> bool:
    """Return whether a resource says that it comes from a backup."""
    return annotations.get(RESTORED_ANNOTATION) == "true" or VELERO_LABEL in labels


def waits_for_status(schedule: Schedule, record: State | None, facts: Facts) -> float | None:
    """Return until when nothing is decided, as the status of a restored resource may follow, or None."""
    until = schedule.created + STATUS_FOLLOWS
    first_seen = record is None and not facts.record_lost
    return until if first_seen and schedule.restored and schedule.created <= facts.now < until else None


def held(schedule: Schedule, record: State | None, facts: Facts) -> Schedule:
    """Return a schedule as it counts: suspended, under a hash of its own, while it is held as restored."""
    if not schedule.restored:
        return schedule
    if record is None:
        is_held = not facts.record_lost
    else:
        ready = record.conditions.get("Ready")
        was_held = ready is not None and ready.reason == Reason.RESTORED
        is_held = was_held and record.observed_generation == schedule.generation
    # Its hash differs, so that the schedule counts from the moment in which it is no longer held.
    return replace(schedule, suspended=True, held=True, hash=f"restored-{schedule.hash}") if is_held else schedule


def with_past(schedule: Schedule, record: State) -> State:
    """Return a record that is older than its resource, restored from a backup, as it counts.

    What runs once at its creation has a new creation then; that it ran at the one before is on record.
    """
    once = schedule.first_armed < schedule.created
    if not once or record.cursor is None or record.cursor >= schedule.created:
        return record
    return replace(record, armed=max(record.armed, schedule.created))


def first_record(schedule: Schedule, facts: Facts) -> State:
    """Return the record of a resource that is seen for the first time."""
    found = schedule.request and schedule.request == facts.found_request and not schedule.requested_later
    return State(
        # What lies before is not this one's to run, its creation included.
        armed=max(int(facts.now), schedule.created) if schedule.held else schedule.first_armed,
        schedule_hash=schedule.hash,
        handled_requests=(schedule.request,) if found else (),
    )
