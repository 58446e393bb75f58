"""Counts all resources at once, for metrics. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from kalends.engine.core.schedule import JOBS_EXECUTOR
from kalends.engine.core.state import State
from kalends.model.reasons import Reason

INVALID = "Invalid"
STATES = (
    Reason.ARMED,
    Reason.SUSPENDED,
    Reason.RESTORED,
    Reason.EXHAUSTED,
    Reason.SEARCH_LIMIT,
    Reason.START_REFUSED,
    INVALID,
    Reason.PENDING,
)
"""The states of a resource: that of its condition ``Ready``, or none yet."""


def by_state(records: Iterable[State | None]) -> Mapping[str, int]:
    """Return how many resources are in each state; a state without any has a count of 0."""
    counts = Counter(_state_of(record) for record in records)
    return {str(state): counts[state] for state in STATES}


def _state_of(record: State | None) -> str:
    ready = None if record is None else record.conditions.get("Ready")
    if ready is None:
        return Reason.PENDING
    if not ready.status:
        return Reason.START_REFUSED if ready.reason == Reason.START_REFUSED else INVALID
    return ready.reason if ready.reason in STATES else Reason.ARMED


def runs_by_executor(records: Iterable[State | None]) -> Mapping[str, int]:
    """Return how many runs are recorded as active, by executor; more than a record lists are Jobs."""
    counts: Counter[str] = Counter()
    for record in records:
        if record is not None and record.counts.active:
            counts.update(run.executor for run in record.active)
            counts[JOBS_EXECUTOR] += max(0, record.counts.active - len(record.active))
    return counts
