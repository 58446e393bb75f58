"""The whole decision about one resource, pure and synchronous: ``decide`` is a function of its arguments alone."""

from __future__ import annotations

from kalends.engine.core.copying import replace
from kalends.engine.core.definition import Problem
from kalends.engine.core.facts import Decision, Facts
from kalends.engine.core.schedule import Schedule
from kalends.engine.core.state import HOURS_AHEAD, ActiveRun, Instant, Ref, State
from kalends.engine.decisions.catchup import due_instant, first_after
from kalends.engine.decisions.claims import claims_of_an_invalid, claims_to_start, new_claims
from kalends.engine.decisions.conditions import lasting_refusal, with_conditions, with_problem
from kalends.engine.decisions.draft import Draft
from kalends.engine.decisions.planning import plan
from kalends.engine.decisions.quiet_looks import quiet
from kalends.engine.decisions.restored import as_restored, first_record, hash_of_invalid, held, waits_for_status
from kalends.engine.decisions.unrecorded_jobs import (
    adopt_passed_over,
    adopt_queued,
    jobs_to_take_up,
    leaves_out_jobs,
    record_of_jobs,
    with_jobs_of_record,
)
from kalends.engine.decisions.waiting_runs import A_MOMENT, drop_outdated, gives_up_at
from kalends.engine.runs.admission import admission_until, give_up_unadmitted, with_waiting
from kalends.engine.runs.ended_runs import beyond_limits, give_up_pending, jobs_to_read, pending_until, settle_ended
from kalends.engine.runs.job_conditions import with_job_conditions
from kalends.engine.runs.job_uids import with_job_uids
from kalends.engine.runs.proofs_of_start import may_have_created_jobs, open_jobs
from kalends.model.instants import format_instant
from kalends.model.reasons import Reason
from kalends.triggers import NotFound

SEARCH_PAUSE = 0.5
"""Seconds between two looks at resources whose triggers have to be searched on: others get their turn."""


def decide(schedule: Schedule, record: State | None, facts: Facts) -> Decision:
    """Return what to do about a resource now, and its record once that is done.

    Args:
        schedule: The resource, compiled.
        record: Its record; None if it has never been seen.
        facts: What was gathered.
    """
    if record is not None and far_ahead(record) > facts.now + HOURS_AHEAD * 3600 * facts.second:
        return _decide_far_ahead(schedule, record, facts)
    status_until = waits_for_status(schedule.created, record, facts) if schedule.restored else None
    if status_until is not None:
        return Decision(first_record(schedule, facts), wake_at=status_until, unrecorded=True)
    schedule = held(schedule, record, facts)
    if record is None and facts.record_lost:
        handled = (schedule.request,) if schedule.request else ()
        record = replace(record_of_jobs(schedule, facts), schedule_hash=schedule.hash, handled_requests=handled)
    if record is not None and (nothing_new := quiet(schedule, record, facts)) is not None:
        return nothing_new
    known = first_record(schedule, facts) if record is None else record
    taken_up = jobs_to_take_up(schedule, known, facts) if may_have_created_jobs(schedule, record, facts) else ()
    if taken_up:
        return Decision(state=known, takes_up=taken_up, unrecorded=record is None)
    if record is not None and not facts.checked:
        return _decide_unchecked(schedule, record, facts)
    every_job = facts.jobs
    if every_job:
        facts = replace(facts, jobs=open_jobs(record, every_job))
    state = first_record(schedule, facts) if record is None else as_restored(schedule, record)
    unwanted, claims = claims_to_start(schedule, state, facts)
    draft = Draft(
        schedule,
        state,
        facts,
        free=facts.free_slots - len(claims),
        adopts=may_have_created_jobs(schedule, record, facts),
        # Between two edits there may have been another schedule, although the last is the recorded one again.
        rearmed=schedule.generation != (1 if record is None else record.observed_generation),
    )
    # Until there is a record, nothing has been decided: a run at the instant of its creation may have its Job.
    _catch_up_with_the_resource(draft, schedule.created - 1 if record is None else record.decided_until)
    reported = replace(facts, reports={**facts.reports, **unwanted}) if unwanted else facts
    listed = with_waiting(schedule, with_jobs_of_record(draft.state, facts, adopts=draft.adopts), facts)
    draft.revise(*settle_ended(schedule.ref, listed, reported, schedule.retry))
    if facts.dispatch:
        plan(draft)
    draft.revise(give_up_unadmitted(schedule, give_up_pending(schedule, draft.state, facts), facts))
    if schedule.suspended or draft.has_ended():
        draft.stop_search_at(None)
        upcoming = None
    else:
        upcoming = _upcoming(draft) if draft.searched is None else None
    next_run = None if upcoming is None else due_instant(schedule, upcoming)
    state = with_job_uids(draft.state, facts.jobs)
    observed = _observed_generation(draft, record)
    state = replace(state, next_run=next_run, summary=schedule.summary, observed_generation=observed)
    starts_claimed = () if draft.starts_are_put_off else claims
    starts_before = tuple(draft.starts) if facts.durable else ()
    starts_after = () if facts.durable else new_claims(schedule, state, draft.starts, facts)
    # What is recorded now is recorded once these have started.
    refused = "" if starts_claimed or starts_before else lasting_refusal(schedule, state, facts)
    state, readiness = with_conditions(schedule, state, facts, refused, draft.searched)
    state, odd = with_job_conditions(schedule, state, facts)
    removed_at = _removed_at(schedule, state)
    return Decision(
        state=state,
        starts_claimed=starts_claimed,
        starts_before=starts_before,
        starts_after=starts_after,
        cancels=tuple(run for run in state.active if _is_to_be_asked(run, facts)),
        looks=jobs_to_read(record, state, facts),
        deletes=beyond_limits(schedule, state, every_job),
        remove=facts.dispatch and removed_at is not None and removed_at <= facts.now,
        unstarted=unwanted,
        notices=(*draft.notices, *odd, *readiness),
        wake_at=_wake_at(draft, state, next_run, removed_at),
        waiting=facts.dispatch
        and not draft.starts_are_put_off
        and (
            (draft.undecided is not None and draft.free <= 0)
            or draft.waits_for_worker()
            or (any(_waits_to_try_again(run, facts) for run in state.active) and draft.has_room_to_try_again())
        ),
        searching=facts.dispatch and draft.searched is not None and draft.searched < int(facts.now),
    )


def _observed_generation(draft: Draft, record: State | None) -> int:
    """Return the generation to record. Jobs of a spec before it are taken up only until it is recorded.

    So it is not recorded while there are, or may be, such Jobs that are not counted, as fire times are not decided now.
    Otherwise they would never be counted, and a task would run their fire times again.
    """
    decides = draft.facts.dispatch and draft.searched is None and not draft.decides_nothing_new
    unseen = draft.decides_nothing_new or leaves_out_jobs(draft)
    if decides or (draft.facts.durable and not draft.rearmed) or not unseen:
        return draft.schedule.generation
    return min(1, draft.schedule.generation - 1) if record is None else record.observed_generation


def _decide_unchecked(schedule: Schedule, record: State, facts: Facts) -> Decision:
    """Return the record of a resource whose last edit could not be checked yet: runs end, and Jobs are deleted.

    Nothing of the edit is recorded before that, so that the next operator checks it, too.
    """
    state, ended = settle_ended(schedule.ref, with_jobs_of_record(record, facts), facts, schedule.retry)
    return Decision(
        state=state,
        cancels=tuple(run for run in state.active if _is_to_be_asked(run, facts)),
        looks=jobs_to_read(record, state, facts),
        deletes=beyond_limits(schedule, state, facts.jobs),
        notices=tuple(ended),
        wake_at=facts.starts_at,
    )


def _catch_up_with_the_resource(draft: Draft, decided_until: Instant) -> None:
    """Update the draft to the current resource, which may have changed since its record was written."""
    schedule, facts = draft.schedule, draft.facts
    adopt_queued(draft)
    before = draft.state
    draft.rearm(arm(schedule, draft.state, facts.now))
    adopt_passed_over(draft, decided_until)
    # A resource that was invalid for a while, and was not edited, continues where it was.
    edited = before.schedule_hash or before.observed_generation != schedule.generation
    if edited and before.schedule_hash != draft.state.schedule_hash:
        drop_outdated(draft)


def _upcoming(draft: Draft) -> Instant | None:
    """Return the next fire time. One that is past is held back by its jitter, or waits for a worker a moment longer.

    Where it is not known yet, the draft takes note of how far the trigger was searched.
    """
    now = int(draft.facts.now)
    since = draft.state.decided_until
    if not draft.facts.dispatch:
        since = max(since, now)
    found = first_after(draft.schedule.trigger, since, now)
    if isinstance(found, NotFound):
        draft.stop_search_at(found.until)
        return None
    return found


def _is_to_be_asked(run: ActiveRun, facts: Facts) -> bool:
    """Return whether a run's executor is still to be asked for its end; a run that was never started only ends here."""
    if not run.cancelling or run.retry_at is not None or run.name in facts.asked_to_end:
        return False
    return run.name in facts.here if run.holder else True


def _waits_to_try_again(run: ActiveRun, facts: Facts) -> bool:
    return facts.dispatch and run.retry_at is not None and run.retry_at <= int(facts.now) and not run.cancelling


def _removed_at(schedule: Schedule, state: State) -> Instant | None:
    """Return when a resource whose schedule has ended is to be deleted, or None where it stays."""
    ready = state.conditions["Ready"]
    if schedule.ttl is None or ready.reason != Reason.EXHAUSTED or state.counts.active or state.queued:
        return None
    return max(state.decided_until, *(run.completed for run in state.history), schedule.created) + schedule.ttl


def arm(schedule: Schedule, state: State, now: float) -> State:
    """Let fire times count from the edit or the resume, if there was one since the last decision (law 5).

    An edit is detected by the hash of what decides fire times, so re-applying the same manifest, or changing what a run
    does, changes nothing. Where the spec's last write is known, the schedule starts from there: fire times of the
    new schedule while no operator ran are accounted for too.
    """
    if state.schedule_hash == schedule.hash:
        return state
    if state.cursor is None and state.armed <= schedule.first_armed < schedule.created:
        # Its one fire time is its creation: a resource that was suspended or invalid until now still has it before it.
        return replace(state, armed=schedule.first_armed, schedule_hash=schedule.hash)
    edited = schedule.generation != state.observed_generation
    if edited:
        since = int(now) if schedule.edited is None else min(schedule.edited, int(now))
    else:
        # The same resource reads differently: the operator's own zone changed, or it could not be read before.
        since = int(now) if state.schedule_hash else state.armed
    return replace(state, armed=max(since, state.armed), schedule_hash=schedule.hash)


def _wake_at(draft: Draft, state: State, next_run: Instant | None, removed_at: Instant | None) -> float | None:
    """Return when to look again if nothing changes before."""
    schedule, facts = draft.schedule, draft.facts
    to_come: list[float] = [
        run.retry_at for run in state.active if run.retry_at is not None and run.retry_at > facts.now
    ]
    if draft.undecided is not None:
        next_run = None  # its time has come
        to_come.append(draft.undecided_until + A_MOMENT * facts.second)
    given_up_at = gives_up_at(schedule, state, facts.second)
    if facts.starts_at is not None:
        to_come.append(facts.starts_at)
        if draft.decides_nothing_new:
            next_run = given_up_at = None  # their time may have come
        elif draft.undecided is not None:
            # A later fire time replaces the waiting fire time, or is tried at once.
            since = max(draft.undecided, int(facts.now))
            later = first_after(schedule.trigger, since, since)
            next_run = due_instant(schedule, later) if isinstance(later, int) else None
    if draft.searched is not None and facts.dispatch:
        # A fire time may be due from the first unknown instant on. Before that nothing is due, so nothing is asked.
        to_come.append(max(draft.searched + 1, facts.now + SEARCH_PAUSE * facts.second))
    wakes = [next_run, removed_at, given_up_at, pending_until(schedule, state, facts), *to_come]
    wakes.append(admission_until(schedule, state, facts))
    return min((at for at in wakes if at is not None), default=None)


def decide_invalid(ref: Ref, generation: int, problem: Problem, record: State, facts: Facts) -> Decision:
    """Return the record of a resource that cannot be carried out: it says why, and its active runs still end."""
    unstarted = claims_of_an_invalid(ref, record, facts)
    listed = with_jobs_of_record(record, facts)
    state, notices = settle_ended(ref, listed, replace(facts, reports={**facts.reports, **unstarted}))
    state = replace(
        state, next_run=None, schedule_hash=hash_of_invalid(record, generation), observed_generation=generation
    )
    state, readiness = with_problem(ref, generation, problem, state, facts.now)
    return Decision(
        state=state,
        cancels=tuple(run for run in state.active if _is_to_be_asked(run, facts)),
        looks=jobs_to_read(record, state, facts),
        unstarted=unstarted,
        notices=(*notices, *readiness),
    )


def far_ahead(record: State) -> Instant:
    """Return the latest recorded instant up to which fire times or requests count as decided."""
    return max(record.decided_until, record.last_requested or 0)


def _name_of(until: Instant, record: State) -> str:
    """Return which field of the status says that fire times, or requests, up to an instant are decided."""
    if until == record.last_scheduled:
        return "lastScheduleTime"
    if any(until == one.fire_time for one in record.history if not one.request):
        return "history.scheduledTime"
    if until == record.last_requested:
        return "lastRequestTime"
    return "decidedUntilTime" if until == record.cursor else "armedTime"


def _decide_far_ahead(schedule: Schedule, record: State, facts: Facts) -> Decision:
    """Return the record of a resource whose fire times or requests until a far day count as decided.

    What was edited stays. Should it be the clock that is wrong, the resource is looked at again once that is set right.
    """
    until = far_ahead(record)
    name = _name_of(until, record)
    what = "requests" if name == "lastRequestTime" else "fire times"
    message = (
        f"status.{name} must be at most {HOURS_AHEAD} hours ahead of the operator's clock, "
        f"got '{format_instant(until, facts.second)}'; {what} up to it count as decided: set it to an instant that has "
        "passed with `kubectl edit --subresource=status`"
    )
    problem = Problem(Reason.INVALID_STATUS, message)
    decision = decide_invalid(schedule.ref, schedule.generation, problem, record, facts)
    return replace(decision, wake_at=until - HOURS_AHEAD * 3600 * facts.second)
