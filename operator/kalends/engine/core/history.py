"""What is remembered of runs that are over, and of fire times that got none. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from kalends.engine.core.copying import replace
from kalends.engine.core.state import Condition, FinishedRun, Instant, State
from kalends.model.values import MOST_HISTORY_LISTED, Outcome

MISFIRES_KEPT = 5
"""Of the places of a full history, so many at most are for fire times that got no run: a storm of them pushes out
no run."""

NO_RUN = frozenset({Outcome.MISSED, Outcome.SKIPPED})
"""The outcomes of fire times that got no run."""


def was_run(entry: FinishedRun) -> bool:
    """Return whether it speaks of a run rather than of fire times that got none."""
    return entry.outcome not in NO_RUN


def with_entry(history: Iterable[FinishedRun], new: FinishedRun) -> tuple[FinishedRun, ...]:
    """Return the history with one more entry, by fire time, the newest first, no longer than its limit.

    Fire times in a row that got no run for the same reason are a single entry with their number.
    """
    entries = sorted((new, *history), key=lambda one: one.fire_time, reverse=True)
    if not was_run(new):
        entries = _merged(entries, entries.index(new))
    while len(entries) > MOST_HISTORY_LISTED:
        misfires = [one for one in entries if not was_run(one)]
        entries.remove(misfires[-1] if len(misfires) > MISFIRES_KEPT else entries[-1])
    return tuple(entries)


def _merged(entries: list[FinishedRun], place: int) -> list[FinishedRun]:
    first = last = place
    while first > 0 and _alike(entries[first - 1], entries[place]):
        first -= 1
    while last + 1 < len(entries) and _alike(entries[last + 1], entries[place]):
        last += 1
    row = entries[first : last + 1]
    newest = max(row, key=lambda one: one.fire_time)
    merged = replace(newest, count=sum(one.count for one in row), completed=max(one.completed for one in row))
    return [*entries[:first], merged, *entries[last + 1 :]]


def _alike(one: FinishedRun, other: FinishedRun) -> bool:
    return (one.outcome, one.reason, one.request) == (other.outcome, other.reason, other.request) and not was_run(one)


def last_run(state: State) -> FinishedRun | None:
    """Return the newest run that has ended, by fire time."""
    return next((one for one in state.history if was_run(one)), None)


def last_fire_time_with_run(state: State) -> Instant | None:
    """Return the newest fire time that got a run, of those that the record lists; requested runs do not count."""
    active = [run.fire_time for run in state.active if not run.request]
    ended = [one.fire_time for one in state.history if was_run(one) and not one.request]
    return max((*active, *ended), default=None)


def last_run_condition(state: State) -> Condition | None:
    """Return how the newest run that ended went, or None where none has."""
    last = last_run(state)
    if last is None:
        return None
    message = last.message or f"{last.name} {last.outcome.lower()}"
    return Condition("LastRunSucceeded", last.outcome is Outcome.SUCCEEDED, last.reason or last.outcome.value, message)
