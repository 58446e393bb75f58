"""From due fire times to decisions in a list of steps: each fire time gets exactly one decision. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from kalends.engine.core.policies import Refusal, first_refusal, how_late, not_missed
from kalends.engine.core.run_names import run_name
from kalends.engine.core.state import Instant
from kalends.engine.decisions.catchup import NONE_DUE, Due, coalesced_before, counted, due_instant, due_now
from kalends.engine.decisions.draft import Draft
from kalends.engine.decisions.draft_view import Candidate
from kalends.engine.decisions.unrecorded_jobs import due_already_started, requests_already_started
from kalends.engine.decisions.waiting_runs import newest_alone
from kalends.model.instants import LAST_INSTANT
from kalends.model.reasons import Reason
from kalends.model.values import ConcurrencyPolicy
from kalends.triggers import PartialTally

UNRECORDED_WAIT = 2.0
"""Seconds that a fire time may wait for a worker, or for a run whose claim was slow, before that is recorded."""


def plan(draft: Draft) -> None:
    """Decide every fire time that is due, and what waits or was asked for, in the order of their fire times.

    A fire time that has its Job already is started: its creation was not recorded. If a fire time finds no free worker
    for more than a moment, or no room under ``Queue``, or under ``Forbid`` with a deadline, the record says that it
    waits; its deadline continues to count.
    """
    for step in PLAN:
        step(draft)


def find_due(draft: Draft) -> None:
    """Find the fire times that are due, and what the deadline and ``coalesce`` make of them."""
    draft.find(_due(draft), draft.state.decided_until)


def consider_waiting(draft: Draft) -> None:
    """Make the recorded waiting runs the first candidates, unless a Job may exist that was not seen yet."""
    draft.consider([] if draft.decides_nothing_new else draft.queue())


def consider_due(draft: Draft) -> None:
    """Add the fire times that get a run."""
    due = draft.due
    fire_times = sorted({*due.chosen, *due.adopted})
    draft.consider([*draft.candidates, *(Candidate(at, adopted=at in due.adopted) for at in fire_times)])


def consider_requests(draft: Draft) -> None:
    """Add the requests that are not recorded, and note them as handled."""
    requested = _requested(draft)
    for candidate in requested:
        draft.note_request(candidate)
    draft.consider([*draft.candidates, *requested])


def _due(draft: Draft) -> Due:
    schedule, facts, after = draft.schedule, draft.facts, draft.state.decided_until
    if schedule.suspended or draft.has_ended():
        return NONE_DUE
    existing = due_already_started(draft)
    # A Job that is there proves that its fire time has come, even if the clock was put back since.
    proven = [draft.adopted_until, *(due_instant(schedule, t) for t in (*existing, *_passed_by_adopted(draft)))]
    now = max(proven if draft.decides_nothing_new else [facts.now, *proven])
    return due_now(
        schedule, after, now, existing, lambda fire_time: run_name(schedule.ref.name, fire_time) in facts.refused
    )


def _passed_by_adopted(draft: Draft) -> Sequence[Instant]:
    """Return the last fire time before a Job of another schedule that was taken up.

    The record moves past that Job. So this fire time is decided now, although its jitter may hold it back longer.
    """
    if not draft.adopted_until:
        return ()
    tally = draft.schedule.trigger.tally(draft.state.decided_until, draft.adopted_until)
    return () if isinstance(tally, PartialTally) or tally.last is None else (tally.last,)


def _requested(draft: Draft) -> list[Candidate]:
    """Return the requests that are not recorded, in the order in which they were made."""
    found = requests_already_started(draft)
    token = "" if draft.starts_are_put_off else draft.schedule.request
    if token and token not in draft.state.handled_requests and token not in {one.request for one in found}:
        latest = max([draft.state.last_requested or 0, *(one.fire_time for one in found)])
        found.append(Candidate(min(max(int(draft.facts.now), latest + 1), LAST_INSTANT * draft.facts.second), token))
    return found


def decide_candidates(draft: Draft) -> None:
    """Decide each candidate, or leave it undecided for a moment."""
    # A new request must not overtake a fire time, so with a request every fire time is decided or recorded as waiting.
    with_request = any(one.request and not one.queued for one in draft.candidates)
    # A run that has its Job takes its room before any other run gets some.
    for candidate in sorted(draft.candidates, key=lambda one: not one.adopted):
        if not (_put_off_start(draft, candidate) or (not with_request and _put_off(draft, candidate))):
            _decide(draft, candidate)


def _decide(draft: Draft, candidate: Candidate) -> None:
    if candidate.adopted:
        draft.start(candidate)
        return
    situation = draft.situation(candidate)
    refusal = first_refusal(situation)
    if refusal is not None:
        draft.refuse(candidate, refusal)
    elif situation.must_wait:
        draft.wait(candidate)
    else:
        draft.start(candidate)


def _put_off(draft: Draft, candidate: Candidate) -> bool:
    """Leave a fire time undecided for a moment longer; return whether it is.

    Where nothing but a worker is missing: when many are due at once, workers are free again within moments, and a
    record of each wait would cost half as many writes again. Under ``Forbid`` also where a run is in its way that would
    have had its time, had its claim not taken so long to write.
    """
    if candidate.request or candidate.queued or candidate.adopted:
        return False
    if draft.undecided is not None:
        return True
    schedule, facts, due = draft.schedule, draft.facts, draft.due
    in_line = draft.held_up or draft.state.queued or due.adopted or draft.adopted_until
    forbids = schedule.concurrency is ConcurrencyPolicy.FORBID
    may_be_late = forbids and not facts.durable and not draft.has_room()
    late = draft.late_starts(draft.due_at(candidate)) if may_be_late else 0
    if in_line or schedule.concurrency is ConcurrencyPolicy.REPLACE or not (late or draft.has_room()):
        return False
    first = candidate.fire_time
    if first == due.chosen[0]:  # others may give way to it, and have been due for longer
        since = max(draft.state.decided_until, due.missed.last or 0)
        first = counted(schedule.trigger, since, first).first or first
    until = due_instant(schedule, first) + UNRECORDED_WAIT * facts.second
    if (draft.free > 0 and not late) or facts.now > until:
        return False
    if first_refusal(draft.situation(candidate, ended=late)) is not None:
        return False
    deadline = math.inf if schedule.grace_time is None else draft.due_at(candidate) + schedule.grace_time
    draft.leave_undecided(candidate.fire_time, min(until, deadline))
    return True


def _put_off_start(draft: Draft, candidate: Candidate) -> bool:
    """Leave a fire time undecided that would start now, where its start was refused a moment ago; return whether it is.

    What gave way to it, or is missed, is decided nevertheless. A fire time that would be refused, or would have to
    wait, is decided as ever; so is a fire time before a run that has its Job already, as the cursor moves past both.
    """
    if candidate.request or candidate.queued or candidate.adopted:
        return False
    if draft.undecided is not None:
        return True  # the cursor cannot move past it, so that this one would be decided again
    if not draft.is_put_off(candidate.fire_time):
        return False
    schedule, due = draft.schedule, draft.due
    needs_record = schedule.concurrency in {ConcurrencyPolicy.REPLACE, ConcurrencyPolicy.QUEUE}
    in_line = draft.held_up or draft.state.queued or candidate.fire_time < max([draft.adopted_until, *due.adopted])
    if needs_record or in_line or not draft.has_room() or draft.name(candidate) in draft.facts.refused:
        return False
    if first_refusal(draft.situation(candidate)) is not None:
        return False
    deadline = math.inf if schedule.grace_time is None else draft.due_at(candidate) + schedule.grace_time
    draft.leave_undecided(candidate.fire_time, min(draft.facts.starts_at or 0.0, deadline))
    return True


def move_cursor(draft: Draft) -> None:
    """Record up to which fire time all are decided."""
    decided_until = _decided_until(draft)
    if decided_until:
        draft.decide_until(decided_until)


def _decided_until(draft: Draft) -> Instant:
    """Return the last fire time that is decided now, or 0 if there is none."""
    due = draft.due
    if due.searched is not None:
        return 0  # fire times before a Job that was taken up may not be found yet
    if draft.undecided is None:
        return max(due.last or 0, draft.adopted_until)
    if _all_wait(draft):
        return due.missed.last or 0
    # A Job of another schedule that was taken up lies before the fire time that stays undecided.
    return max(counted(draft.schedule.trigger, draft.since, draft.undecided - 1).last or 0, draft.adopted_until)


def _all_wait(draft: Draft) -> bool:
    """Return whether no fire time that is due is decided now, because no worker is free."""
    undecided = draft.undecided
    return undecided is not None and undecided == draft.due.chosen[0] and not draft.is_put_off(undecided)


def start_retries(draft: Draft) -> None:
    """Start the next attempt of runs that have waited long enough.

    They have their room already, unless more are recorded than may run: the limit was lowered, or a run whose Job is
    taken note of only now has failed, too. Then the others wait for one of them to end.
    """
    now = int(draft.facts.now)
    for run in sorted(draft.state.active, key=lambda one: one.fire_time):
        if run.retry_at is None or run.retry_at > now or run.cancelling:
            continue
        # What is at work already, as its creation was not recorded, is only taken note of.
        exists = any(job.name == run.name for job in draft.facts.jobs or ())
        if not draft.has_room_to_try_again() and not exists:
            continue
        if draft.starts_are_put_off and run.name not in draft.facts.refused:
            continue
        if draft.free <= 0 and not exists:
            draft.hold_later_candidates()
            continue
        draft.start_again(run)


def keep_newest(draft: Draft) -> None:
    """Under ``Replace``, keep as many of the newest candidates as may run at once."""
    if draft.schedule.concurrency is not ConcurrencyPolicy.REPLACE:
        return
    losers = draft.candidates[: max(0, len(draft.candidates) - draft.schedule.max_instances)]
    for candidate in losers:
        if candidate.adopted:
            continue
        late = not_missed(draft.situation(candidate))
        if late is not None:
            draft.refuse(candidate, late)
        else:
            draft.coalesce(candidate, "a newer run takes its place (`concurrencyPolicy` is 'Replace')")
    draft.consider([one for one in draft.candidates if one not in losers or one.adopted])


def keep_newest_waiting(draft: Draft) -> None:
    """Under ``Forbid``, skip all but the newest of the fire times that wait for room."""
    if not draft.decides_nothing_new:
        newest_alone(draft)


def ask_oldest_to_end(draft: Draft) -> None:
    """Under ``Replace``, ask as many of the oldest runs to end as runs wait for their room."""
    if draft.schedule.concurrency is not ConcurrencyPolicy.REPLACE or not draft.state.queued:
        return
    leaving = sum(1 for run in draft.state.active if run.cancelling)
    excess = len(draft.state.queued) + draft.state.counts.active - leaving - draft.schedule.max_instances
    if excess <= 0:
        return
    staying = sorted((run for run in draft.state.active if not run.cancelling), key=lambda one: one.fire_time)
    newest = draft.state.queued[-1]
    message = f"{newest.name} takes its place (`concurrencyPolicy` is 'Replace')"
    draft.ask_to_end((run.name for run in staying[:excess]), message)


def count_missed(draft: Draft) -> None:
    """Count the fire times that are past their deadline, all at once."""
    count, last = draft.due.missed.count, draft.due.missed.last
    if not count or last is None:
        return
    schedule = draft.schedule
    lateness = draft.facts.now - due_instant(schedule, last)
    message = how_late(
        lateness,
        schedule.grace_time,
        draft.facts.second,
        refusal=draft.refused_start(last),
        obstacle=draft.facts.obstacle,
    )
    draft.count_missed(count, last, Refusal(Reason.DEADLINE_EXCEEDED, message))


def count_coalesced(draft: Draft) -> None:
    """Count the fire times that give way to the ones that got a run, all at once."""
    if _all_wait(draft):
        return  # they give way to a run once there is one
    schedule, due = draft.schedule, draft.due
    count, last = due.coalesced, due.last_coalesced
    if draft.undecided is not None and draft.is_put_off(draft.undecided):
        count, last = coalesced_before(schedule, due, draft.since, draft.undecided)
    if count and last is not None:
        message = f"another fire time that was due at the same time runs instead (`coalesce` is '{schedule.coalesce}')"
        draft.count_coalesced(count, last, message)


PLAN: Sequence[Callable[[Draft], None]] = (
    # First: all other steps divide what this one finds.
    find_due,
    # Before candidates: the deadline comes before concurrency (law 3), so a fire time that is too late takes no room.
    count_missed,
    # The candidates are in the order of their decision: a run that waits was due before the fire times of now, and both
    # come before a request, which must not overtake them.
    consider_waiting,
    consider_due,
    consider_requests,
    # After all candidates are known and before any of them starts: a start cannot be taken back.
    keep_newest,
    # Before candidates: a run between two attempts holds its room already, and may wait only for a worker.
    start_retries,
    decide_candidates,
    # After decisions: only then it is known which fire times found no room and wait.
    keep_newest_waiting,
    # After decisions: fire times give way only to a fire time that is decided now, not to an undecided one.
    count_coalesced,
    # After all counting of fire times: the record moves past nothing that is not counted.
    move_cursor,
    # Last: runs are asked to end for the runs that wait now, once it is known which ones found room without that.
    ask_oldest_to_end,
)
"""The steps of a decision, in their order."""
