"""Which of the fire times that are due get a run: exact, and in constant memory after any downtime.

Nothing here lists fire times. A trigger says how many there are between two instants, and which are the first and the
last. Where it answers by arithmetic, a week of a one-second schedule costs as much as a minute of it. Where it has to
search (``anyOf``, ``allOf``, crons in ``exclude``), it counts day by day, and a look counts no more than the budget of
a question allows: until the count is complete, nothing that is due is decided.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import assert_never

from kalends.engine.core.copying import replace
from kalends.engine.core.schedule import Schedule
from kalends.engine.core.state import ActiveRun, Instant
from kalends.errors import SearchUnfinished
from kalends.model.values import Coalesce
from kalends.triggers import NotFound, PartialTally, Tally, Trigger
from kalends.triggers.jitter import delay_of
from kalends.triggers.search.budget import BLOCK_BITS


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be decided now about the fire times up to ``last``."""

    count: int
    last: Instant | None
    missed: Tally
    """Later than the grace time allows; a fire time that already has its Job is not among them."""
    coalesced: int
    last_coalesced: Instant | None
    chosen: tuple[Instant, ...]
    """These get a run, if there is room; ascending."""
    adopted: tuple[Instant, ...]
    """These have their Job already: its creation was not recorded. Ascending."""
    searched: Instant | None = None
    """Not None: what is due is not known yet, as the trigger was searched up to here only. Nothing is decided then."""


NONE_DUE = Due(0, None, Tally(0, None, None), 0, None, (), ())


def due_instant(schedule: Schedule, fire_time: Instant) -> Instant:
    """Return when a run of this fire time may start: the fire time and its jitter."""
    if not schedule.jitter:
        return fire_time
    following = schedule.trigger.next_after(fire_time)
    if isinstance(following, NotFound):
        following = None  # a search reaches further than the longest jitter, which is a day
    return fire_time + delay_of(schedule.ref.uid, fire_time, following, schedule.jitter)


def first_after(trigger: Trigger, instant: Instant, needed: Instant) -> Instant | NotFound | None:
    """Return the first fire time later than ``instant``; a search that has not reached ``needed`` continues once."""
    found = trigger.next_after(instant)
    return trigger.next_after(found.until) if isinstance(found, NotFound) and found.until < needed else found


def counted(trigger: Trigger, after: Instant, until: Instant) -> Tally:
    """Count the fire times with ``after`` < fire time <= ``until``.

    Raises:
        SearchUnfinished: Not all of them could be counted.
    """
    tally = trigger.tally(after, until)
    if isinstance(tally, PartialTally):
        raise SearchUnfinished(tally.until)
    return tally


def due_of(schedule: Schedule, fire_time: Instant, request: str) -> Instant:
    """Return when a run may start: a requested run at once."""
    return fire_time if request else due_instant(schedule, fire_time)


def start_by(schedule: Schedule, run: ActiveRun) -> Instant | None:
    """Return the last instant at which a run may start, or None: deadlines are for runs, not for their retries."""
    if schedule.grace_time is None or run.attempt > 1:
        return None
    return due_of(schedule, run.fire_time, run.request) + schedule.grace_time


def _none_was(_: Instant) -> bool:
    return False


def due_now(
    schedule: Schedule,
    after: Instant,
    now: float,
    existing: AbstractSet[Instant],
    was_refused: Callable[[Instant], bool] = _none_was,
) -> Due:
    """Return what has become due after ``after``, and what the deadline and ``coalesce`` make of it.

    Args:
        schedule: Its trigger, grace time, ``coalesce`` and jitter decide.
        after: Fire times up to here have been decided.
        now: The instant of deciding.
        existing: Fire times after ``after`` that already have a Job of this resource.
        was_refused: Whether a fire time was chosen before, and its executor has permanently refused to start it.
    """
    try:
        return _due_now(schedule, after, now, existing, was_refused)
    except SearchUnfinished as unfinished:
        return replace(NONE_DUE, searched=unfinished.until)


def _due_now(
    schedule: Schedule,
    after: Instant,
    now: float,
    existing: AbstractSet[Instant],
    was_refused: Callable[[Instant], bool],
) -> Due:
    trigger, until = schedule.trigger, math.floor(now)
    first = first_after(trigger, after, until)
    if isinstance(first, NotFound):
        if first.until < until:
            raise SearchUnfinished(first.until)
        return NONE_DUE
    if first is None or first > until:
        return NONE_DUE
    tally = counted(trigger, after, until)
    if tally.last is not None and due_instant(schedule, tally.last) > now:
        # Only the last fire time can still be held back: jitter never goes past the next fire time.
        until = tally.last - 1
        tally = counted(trigger, after, until)
    if not tally.count:
        return NONE_DUE
    adopted = tuple(sorted(t for t in existing if after < t <= until))
    missed, from_here = _missed(schedule, after, until, now, adopted)
    rest = counted(trigger, from_here, until) if missed.count or from_here != after else tally
    candidates = _candidates(schedule, rest, from_here, until, frozenset(adopted))
    chosen = _chosen(candidates, from_here, frozenset(adopted), was_refused)
    adopted_in_rest = sum(1 for t in adopted if t > from_here)
    coalesced = rest.count - adopted_in_rest - len(chosen)
    last_coalesced = None if not coalesced else _last_but(trigger, rest, from_here, {*chosen, *adopted})
    return Due(tally.count, tally.last, missed, coalesced, last_coalesced, chosen, adopted)


def coalesced_before(schedule: Schedule, due: Due, after: Instant, undecided: Instant) -> tuple[int, Instant | None]:
    """Return how many fire times before one that stays undecided were coalesced, and the last of them."""
    start = max(after, due.missed.last or after)
    before = counted(schedule.trigger, start, undecided - 1)
    taken = {t for t in (*due.chosen, *due.adopted) if start < t < undecided}
    count = before.count - len(taken)
    return count, _last_but(schedule.trigger, before, start, taken) if count else None


def _missed(
    schedule: Schedule, after: Instant, until: Instant, now: float, adopted: tuple[Instant, ...]
) -> tuple[Tally, Instant]:
    """Return the fire times that are past their grace time, and the instant up to which they lie."""
    if schedule.grace_time is None:
        return Tally(0, None, None), after
    limit = min(until, math.ceil(now - schedule.grace_time) - 1)
    if limit <= after:
        return Tally(0, None, None), after
    late = counted(schedule.trigger, after, limit)
    if late.last is not None and due_instant(schedule, late.last) + schedule.grace_time >= now:
        # Grace counts from the moment a run was to start, jitter included; only the last can still be within it.
        limit = late.last - 1
        late = counted(schedule.trigger, after, limit)
    among = [t for t in adopted if t <= limit]
    if not among:
        return late, limit
    count = late.count - len(among)
    return Tally(count, late.first, _last_but(schedule.trigger, late, after, set(among)) if count else None), limit


def _candidates(
    schedule: Schedule, rest: Tally, after: Instant, until: Instant, adopted: frozenset[Instant]
) -> tuple[Instant, ...]:
    if rest.first is None or rest.last is None:
        return ()
    match schedule.coalesce:
        case Coalesce.LATEST:
            return (rest.last,)
        case Coalesce.EARLIEST:
            earliest = counted(schedule.trigger, max(after, *adopted), until).first if adopted else rest.first
            return () if earliest is None else (earliest,)
        case Coalesce.ALL:
            return _latest(schedule.trigger, after, until, schedule.catch_up_runs)
        case _:
            assert_never(schedule.coalesce)


def _chosen(
    candidates: tuple[Instant, ...],
    after: Instant,
    adopted: frozenset[Instant],
    was_refused: Callable[[Instant], bool],
) -> tuple[Instant, ...]:
    """Return those that get a run. What lies before the first that has its Job was passed over when that was made.

    Unless it was tried then, too: what the executor refused is chosen again, and is recorded as failed.
    """
    passed_over = min((t for t in adopted if t > after), default=after)
    return tuple(t for t in candidates if t not in adopted and (t > passed_over or was_refused(t)))


def _latest(trigger: Trigger, after: Instant, until: Instant, at_most: int) -> tuple[Instant, ...]:
    """Return the last ``at_most`` fire times with ``after`` < fire time <= ``until``.

    Going back from the end, by twice as much each time, costs what is returned, not what the downtime was.
    """
    low, high, behind, within, width = until, until, 0, 0, 1
    while low > after and behind < at_most:
        low, high = max(after, _between_blocks(until - width, width)), low
        within = counted(trigger, low, high).count
        behind += within
        width *= 2
    # The last step may reach too far back: ``missing`` are wanted of those up to ``high``.
    missing = at_most - (behind - within) if behind > at_most else 0
    while missing and high - low > 1:
        middle = max(_between_blocks((low + high) // 2, (high - low) // 2), low + 1)
        upper = counted(trigger, middle, high).count
        if upper >= missing:
            low = middle
        else:
            high, missing = middle, missing - upper
    listed = trigger.several_after(low, min(behind, at_most))
    if isinstance(listed, NotFound):
        raise SearchUnfinished(listed.until)
    return listed


def _between_blocks(instant: Instant, width: int) -> Instant:
    """Return an instant near by between two of the blocks by which counts are kept, for stretches that are longer."""
    return instant if width >> BLOCK_BITS == 0 else (instant >> BLOCK_BITS << BLOCK_BITS) - 1


def _last_but(trigger: Trigger, tally: Tally, after: Instant, taken: set[Instant]) -> Instant | None:
    """Return the last fire time of a tally that is not among ``taken`` (most of them at the end of it, as a rule)."""
    last = tally.last
    if last is None or last not in taken:
        return last
    ends = sorted(fire_time for fire_time in taken if after < fire_time <= last)

    def are_all(place: int) -> bool:
        return counted(trigger, ends[place] - 1, last).count == len(ends) - place

    # Bisection finds the first from which on every fire time is taken: the wanted one is right before it.
    first = bisect_left(range(len(ends)), True, key=are_all)  # noqa: FBT003 - what is looked for
    return counted(trigger, after, ends[first] - 1).last
