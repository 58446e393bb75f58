"""When the end of a run is recorded together with the next fire time instead of by a separate write. Pure.

One record is written at a time. Where a write takes as long as the time that is left until the next fire time, writing
the end first would make that fire time late, and delay the next.
"""

from __future__ import annotations

from kalends.engine.core.facts import Decision
from kalends.engine.core.state import State
from kalends.engine.loop.entry import Entry

LONGEST_HOLD = 1.0
"""Seconds. A known end is recorded after so long at the latest; a crash before that makes its run ``Lost``."""


def can_wait_for_the_next(entry: Entry, decision: Decision, now: float, second: int = 1) -> bool:
    """Return whether a decision records nothing but ends, and the next fire time comes before that could be written."""
    record, state = entry.record, decision.state
    if record is None or not entry.runs.reports or state.next_run is None:
        return False
    left = (state.next_run - now) / second
    if not 0 < left <= min(LONGEST_HOLD, entry.write_seconds):
        return False
    if decision.wake_at is None or decision.wake_at > state.next_run:
        return False  # no look at the next fire time would record the end: another operator decides, or nothing starts
    acts = decision.starts_claimed or decision.starts_before or decision.cancels or decision.deletes or decision.remove
    return not acts and _decided(state) == _decided(record) and _claims(state) <= _claims(record)


def _decided(state: State) -> tuple[object, ...]:
    """Return what a decision, an edit or a request moves, and an end does not."""
    counts = state.counts
    decided = (counts.due, counts.requested, counts.missed, counts.coalesced, counts.skipped, counts.queued)
    return (*decided, state.armed, state.cursor, state.observed_generation, state.handled_requests)


def _claims(state: State) -> set[tuple[str, str]]:
    """Return the runs that are claimed, and whether they are to end."""
    return {(run.name, run.cancelling) for run in state.active if run.holder}
