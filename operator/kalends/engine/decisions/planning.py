"""From due fire times to decisions: each gets exactly one, and the record moves past it. Pure."""

from __future__ import annotations

import math
from dataclasses import replace

from kalends.engine.core.policies import Refusal, first_refusal, how_late, not_missed
from kalends.engine.core.run_names import run_name
from kalends.engine.core.schedule import JOBS_EXECUTOR
from kalends.engine.core.state import Instant
from kalends.engine.decisions.catchup import NONE_DUE, Due, coalesced_before, counted, due_instant, due_now
from kalends.engine.decisions.draft import Candidate, Draft
from kalends.engine.decisions.unrecorded_jobs import due_already_started, requests_already_started
from kalends.engine.decisions.waiting_runs import newest_alone
from kalends.engine.ports import Decided, Verdict
from kalends.model import ConcurrencyPolicy
from kalends.model.instants import LAST_INSTANT
from kalends.model.reasons import Reason
from kalends.model.v1alpha1.status import MOST_REQUESTS_LISTED, Outcome

UNRECORDED_WAIT = 2.0
"""Seconds that a fire time may wait for a worker, or for a run whose claim was slow, before that is on record."""


def plan(draft: Draft) -> None:
    """Decide every fire time that is due, and what waits or was asked for, in the order of their fire times.

    A fire time that has its Job already is started: its creation was not recorded. One that finds no free worker for
    more than a moment, or no room under ``Queue``, or under ``Forbid`` with a deadline, is on record as waiting; its
    deadline goes on counting.
    """
    since, due = draft.state.decided_until, _due(draft)
    draft.searched = due.searched
    _count_missed(draft, due)
    candidates = [] if draft.decides_nothing_new else draft.queue()
    candidates += [
        Candidate(fire_time, adopted=fire_time in due.adopted) for fire_time in sorted({*due.chosen, *due.adopted})
    ]
    requested = _requested(draft)
    candidates += requested
    if draft.schedule.concurrency is ConcurrencyPolicy.REPLACE:
        candidates = _newest_only(draft, candidates)
    _start_retries(draft)
    # What runs already takes its room before anything new is given any.
    for candidate in sorted(candidates, key=lambda one: not one.adopted):
        if not (_put_off_start(draft, due, candidate) or (not requested and _put_off(draft, due, candidate))):
            _decide(draft, candidate)  # a request must not overtake a fire time
    if not draft.decides_nothing_new:
        newest_alone(draft)
    _count_coalesced(draft, due, since)
    decided_until = _decided_until(draft, due, since)
    if decided_until:
        draft.state = replace(draft.state, cursor=max(decided_until, draft.state.cursor or 0))
    if draft.schedule.concurrency is ConcurrencyPolicy.REPLACE:
        _ask_oldest_to_end(draft)


def _due(draft: Draft) -> Due:
    schedule, facts, after = draft.schedule, draft.facts, draft.state.decided_until
    if schedule.suspended or draft.has_ended():
        return NONE_DUE
    existing = due_already_started(draft)
    # A Job that is there proves that its fire time has come, even if the clock was put back since.
    proven = [draft.adopted_until, *(due_instant(schedule, t) for t in existing)]
    now = max(proven if draft.decides_nothing_new else [facts.now, *proven])
    return due_now(
        schedule, after, now, existing, lambda fire_time: run_name(schedule.ref.name, fire_time) in facts.refused
    )


def _requested(draft: Draft) -> list[Candidate]:
    """Return what somebody asks for by hand and is not on record, and take note of it."""
    found = requests_already_started(draft)
    token = "" if draft.starts_are_put_off else draft.schedule.request
    if token and token not in draft.state.handled_requests and token not in {one.request for one in found}:
        latest = max([draft.state.last_requested or 0, *(one.fire_time for one in found)])
        found.append(Candidate(min(max(int(draft.facts.now), latest + 1), LAST_INSTANT), token))
    for candidate in found:
        # Whoever comes back to a token that is remembered no more asks anew.
        handled = (candidate.request, *draft.state.handled_requests)[:MOST_REQUESTS_LISTED]
        draft.state = replace(draft.state, handled_requests=handled, last_requested=candidate.fire_time)
    return found


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


def _put_off(draft: Draft, due: Due, candidate: Candidate) -> bool:
    """Leave a fire time undecided for a moment longer; return whether it is.

    Where nothing but a worker is missing: when many are due at once, workers are free again within moments, and a
    record of each wait would cost half as many writes again. Under ``Forbid`` also where a run is in its way that would
    have had its time, had its claim not taken so long to write.
    """
    if candidate.request or candidate.queued or candidate.adopted:
        return False
    if draft.undecided is not None:
        return True
    schedule, facts = draft.schedule, draft.facts
    in_line = draft.held_up or draft.state.queued or due.adopted or draft.adopted_until
    forbids = schedule.concurrency is ConcurrencyPolicy.FORBID
    late = draft.late_starts(draft.due(candidate)) if forbids and not facts.outlives_us and not draft.has_room() else 0
    if in_line or schedule.concurrency is ConcurrencyPolicy.REPLACE or not (late or draft.has_room()):
        return False
    first = candidate.fire_time
    if first == due.chosen[0]:  # others may give way to it, and have been due for longer
        since = max(draft.state.decided_until, due.missed.last or 0)
        first = counted(schedule.trigger, since, first).first or first
    until = due_instant(schedule, first) + UNRECORDED_WAIT
    if (draft.free > 0 and not late) or facts.now > until:
        return False
    if first_refusal(draft.situation(candidate, ended=late)) is not None:
        return False
    deadline = math.inf if schedule.grace_time is None else draft.due(candidate) + schedule.grace_time
    draft.undecided, draft.undecided_until = candidate.fire_time, min(until, deadline)
    return True


def _put_off_start(draft: Draft, due: Due, candidate: Candidate) -> bool:
    """Leave a fire time undecided that would start now, where its start was refused a moment ago; return whether it is.

    What gave way to it, and what is missed, is decided all the same. One that would be refused, or would have to wait
    all the same, is decided as ever; so is one before a run that has its Job already, as the cursor moves past both.
    """
    if candidate.request or candidate.queued or candidate.adopted:
        return False
    if draft.undecided is not None:
        return True  # the cursor cannot move past it, so that this one would be decided again
    if not draft.is_put_off(candidate.fire_time):
        return False
    schedule = draft.schedule
    on_record = schedule.concurrency in {ConcurrencyPolicy.REPLACE, ConcurrencyPolicy.QUEUE}
    in_line = draft.held_up or draft.state.queued or candidate.fire_time < max([draft.adopted_until, *due.adopted])
    if on_record or in_line or not draft.has_room() or draft.name(candidate) in draft.facts.refused:
        return False
    if first_refusal(draft.situation(candidate)) is not None:
        return False
    deadline = math.inf if schedule.grace_time is None else draft.due(candidate) + schedule.grace_time
    draft.undecided = candidate.fire_time
    draft.undecided_until = min(draft.facts.starts_at or 0.0, deadline)
    return True


def _decided_until(draft: Draft, due: Due, since: Instant) -> Instant:
    """Return the last fire time that is decided now, or 0 where none is."""
    if draft.undecided is None:
        return max(due.last or 0, draft.adopted_until)
    if _all_wait(draft, due):
        return due.missed.last or 0
    # A Job of another schedule that was taken up lies before the fire time that stays undecided.
    return max(counted(draft.schedule.trigger, since, draft.undecided - 1).last or 0, draft.adopted_until)


def _all_wait(draft: Draft, due: Due) -> bool:
    """Return whether nothing of what is due is decided now, for want of a worker."""
    return draft.undecided is not None and draft.undecided == due.chosen[0] and not draft.is_put_off(draft.undecided)


def _start_retries(draft: Draft) -> None:
    """Start the next attempt of runs that have waited long enough.

    They have their room already, unless more are on record than may run: the limit was lowered, or a run whose Job is
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
            draft.held_up = True
            continue
        executor, holder = (JOBS_EXECUTOR, "") if draft.facts.outlives_us else (draft.schedule.executor, draft.facts.me)
        again = replace(run, retry_at=None, started=now, executor=executor, holder=holder)
        active = tuple(again if one.name == run.name else one for one in draft.state.active)
        draft.state = replace(draft.state, active=active)
        draft.launch(again)


def _newest_only(draft: Draft, candidates: list[Candidate]) -> list[Candidate]:
    """Under ``Replace`` the newest win: of those that are due or wait, as many as may run at once."""
    losers = candidates[: max(0, len(candidates) - draft.schedule.max_instances)]
    for candidate in losers:
        if candidate.adopted:
            continue
        late = not_missed(draft.situation(candidate))
        if late is not None:
            draft.refuse(candidate, late)
        else:
            draft.give_way(candidate, "a newer run takes its place (`concurrencyPolicy` is 'Replace')")
    return [one for one in candidates if one not in losers or one.adopted]


def _ask_oldest_to_end(draft: Draft) -> None:
    """Mark as many of the oldest runs as have to end for those that wait."""
    leaving = sum(1 for run in draft.state.active if run.cancelling)
    excess = len(draft.state.queued) + draft.state.counts.active - leaving - draft.schedule.max_instances
    if excess <= 0 or not draft.state.queued:
        return
    staying = sorted((run for run in draft.state.active if not run.cancelling), key=lambda one: one.fire_time)
    newest = draft.state.queued[-1]
    message = f"{newest.name} takes its place (`concurrencyPolicy` is 'Replace')"
    oldest = {run.name for run in staying[:excess]}
    draft.state = replace(
        draft.state,
        active=tuple(
            replace(run, cancelling=Reason.REPLACED, message=message) if run.name in oldest else run
            for run in draft.state.active
        ),
    )


def _count_missed(draft: Draft, due: Due) -> None:
    count, last = due.missed.count, due.missed.last
    if not count or last is None:
        return
    schedule, counts = draft.schedule, draft.state.counts
    lateness = draft.facts.now - due_instant(schedule, last)
    message = how_late(lateness, schedule.grace_time, refusal=draft.refused_start(last), obstacle=draft.facts.obstacle)
    draft.state = replace(draft.state, counts=replace(counts, due=counts.due + count, missed=counts.missed + count))
    draft.remember_misfire(Outcome.MISSED, Candidate(last), Refusal(Reason.DEADLINE_EXCEEDED, message), count)
    draft.notices.append(Decided(schedule.ref, Verdict.MISSED, count, last, Reason.DEADLINE_EXCEEDED, message))


def _count_coalesced(draft: Draft, due: Due, since: Instant) -> None:
    if _all_wait(draft, due):
        return  # they give way to a run once there is one
    schedule, counts = draft.schedule, draft.state.counts
    count, last = due.coalesced, due.last_coalesced
    if draft.undecided is not None and draft.is_put_off(draft.undecided):
        count, last = coalesced_before(schedule, due, since, draft.undecided)
    if not count or last is None:
        return
    counts = replace(counts, due=counts.due + count, coalesced=counts.coalesced + count)
    draft.state = replace(draft.state, counts=counts)
    message = f"another fire time that was due at the same time runs instead (`coalesce` is '{schedule.coalesce}')"
    draft.notices.append(Decided(schedule.ref, Verdict.COALESCED, count, last, Reason.COALESCED, message))
