"""The whole decision about one resource, pure and synchronous: ``decide`` is a function of its arguments alone."""

from __future__ import annotations

from dataclasses import replace

from kalends.engine.catchup import due_instant
from kalends.engine.facts import Decision, Facts
from kalends.engine.planning import adopt_passed_over, plan, run_of
from kalends.engine.ports import Notice, Problem, Run, RunReport, Turned
from kalends.engine.schedule import Schedule
from kalends.engine.settling import beyond_limits, last_run_condition, settle_ended
from kalends.engine.state import ActiveRun, Condition, Instant, Ref, State
from kalends.model.instants import format_instant
from kalends.model.reasons import Reason
from kalends.model.status import Outcome

HOURS_AHEAD = 48
"""How far ahead of the clock a record may be: one that was stepped back by a day trips nothing. Beyond that the record
was edited, and to wait until 2099 without a word would be no answer."""


def decide(schedule: Schedule, record: State | None, facts: Facts) -> Decision:
    """Return what to do about a resource now, and its record once that is done.

    Args:
        schedule: The resource, compiled.
        record: What is on record; None if it has never been seen.
        facts: What was gathered.
    """
    if record is not None and record.decided_until > facts.now + HOURS_AHEAD * 3600:
        return _decide_far_ahead(schedule, record, facts)
    if record is None and facts.record_lost:
        # Somebody removed what was on record: what ran before is not known any more, so nothing before now runs.
        record = State(armed=int(facts.now), schedule_hash=schedule.hash)
    if record is not None and _is_quiet(schedule, record, facts):
        return Decision(state=record, wake_at=record.next_run)
    state = record if record is not None else State(armed=schedule.first_armed, schedule_hash=schedule.hash)
    undecided_since = state.decided_until
    state = arm(schedule, state, facts.now)
    state = adopt_passed_over(schedule, state, facts, undecided_since)
    unwanted, starts_claimed = _claims_to_start(schedule, state, facts)
    state, notices = settle_ended(schedule.ref, state, replace(facts, reports={**facts.reports, **unwanted}))
    starts_before: tuple[Run, ...] = ()
    waiting_for: Instant | None = None
    upcoming: Instant | None = None
    if not schedule.suspended and facts.dispatch:
        planned = plan(schedule, state, replace(facts, free_slots=facts.free_slots - len(starts_claimed)))
        state, waiting_for = planned.state, planned.waiting_for
        notices += planned.notices
        starts_before = planned.starts if facts.outlives_us else ()
    if not schedule.suspended:
        # What is past and still undecided either waits for a worker, or is held back by jitter: then it comes next.
        held_up = waiting_for is not None or not facts.dispatch
        since = max(state.decided_until, int(facts.now)) if held_up else state.decided_until
        upcoming = schedule.trigger.next_after(since)
    next_run = None if upcoming is None else due_instant(schedule, upcoming)
    state = replace(state, next_run=next_run, summary=schedule.summary, observed_generation=schedule.generation)
    state, turned = _with_conditions(schedule, state, facts)
    wake_at = _wake_at(schedule, waiting_for, next_run)
    return Decision(
        state=state,
        starts_claimed=starts_claimed,
        starts_before=starts_before,
        deletes=beyond_limits(schedule, state, facts.jobs),
        notices=(*notices, *turned),
        wake_at=wake_at,
        waiting=waiting_for is not None,
    )


def _is_quiet(schedule: Schedule, record: State, facts: Facts) -> bool:
    """Return whether a record is up to date and its next run still to come: most looks find no more than that."""
    ready = record.conditions.get("Ready")
    return (
        record.next_run is not None
        and facts.now < record.next_run
        and not record.active
        and not facts.jobs
        and not schedule.suspended
        and not schedule.jitter
        and record.schedule_hash == schedule.hash
        and record.observed_generation == schedule.generation
        and record.summary == schedule.summary
        and record.next_run == schedule.trigger.next_after(record.decided_until)  # and so nothing waits for a worker
        and record.conditions.keys() <= _GOOD
        and ready is not None
        and ready.reason == Reason.ARMED
    )


_GOOD = frozenset({"Ready", "LastRunSucceeded"})


def arm(schedule: Schedule, state: State, now: float) -> State:
    """Let fire times count from the edit or the resume, if there was one since the last decision (law 5).

    An edit is told by the hash of what decides fire times, so re-applying the same manifest, or changing what a run
    does, changes nothing. Where the spec's last write is known, the schedule starts from there: what the
    new schedule named while nobody was there is accounted for too.
    """
    if state.schedule_hash == schedule.hash:
        return state
    if state.cursor is None and schedule.first_armed < schedule.created:
        # Its one fire time is its creation: a resource that was suspended or invalid until now still has it before it.
        return replace(state, armed=schedule.first_armed, schedule_hash=schedule.hash)
    edited = schedule.generation != state.observed_generation
    if edited:
        since = int(now) if schedule.edited is None else min(schedule.edited, int(now))
    else:
        # The same resource reads differently: the operator's own zone changed, or it could not be read before.
        since = int(now) if state.schedule_hash else state.armed
    return replace(state, armed=max(since, state.armed), schedule_hash=schedule.hash)


def _claims_to_start(schedule: Schedule, state: State, facts: Facts) -> tuple[dict[str, RunReport], tuple[Run, ...]]:
    """Return the claims on record that were not started here: those that must not start any more, and those to start.

    The deadline is looked at again where the run really starts: a slow write makes a run late too.
    """
    unwanted: dict[str, RunReport] = {}
    starts: list[Run] = []
    for claim in state.active:
        if claim.holder != facts.me or claim.name in facts.here or claim.name in facts.reports:
            continue
        lateness = facts.now - due_instant(schedule, claim.fire_time)
        if claim.executor != schedule.executor:
            unwanted[claim.name] = _unstarted(
                schedule,
                claim,
                facts,
                Outcome.CANCELLED,
                Reason.REPLACED,
                f"the resource was edited before it could start, and runs in '{schedule.executor}' now",
            )
        elif schedule.grace_time is not None and lateness > schedule.grace_time:
            message = (
                f"{lateness:.1f} s late when it could start; `startingDeadlineSeconds` allows {schedule.grace_time} s"
            )
            unwanted[claim.name] = _unstarted(schedule, claim, facts, Outcome.MISSED, Reason.DEADLINE_EXCEEDED, message)
        else:
            starts.append(run_of(schedule, claim.fire_time, state))
    return unwanted, tuple(starts)


def _unstarted(
    schedule: Schedule, claim: ActiveRun, facts: Facts, outcome: Outcome, reason: Reason, message: str
) -> RunReport:
    now = int(facts.now)
    return RunReport(schedule.ref, claim.name, claim.fire_time, outcome, now, now, reason, message)


def _wake_at(schedule: Schedule, waiting_for: Instant | None, next_run: Instant | None) -> float | None:
    if waiting_for is None:
        return next_run
    if schedule.grace_time is None:
        return next_run
    # Just past the deadline of the one that waits: then it is missed, and on record as such.
    gives_up = due_instant(schedule, waiting_for) + schedule.grace_time + 0.001
    return gives_up if next_run is None else min(gives_up, next_run)


def _with_conditions(schedule: Schedule, state: State, facts: Facts) -> tuple[State, tuple[Notice, ...]]:
    if schedule.suspended:
        reason, message = Reason.SUSPENDED, "`suspend` is true: no fire times until it is false again"
    elif state.next_run is None:
        reason, message = Reason.EXHAUSTED, f"{schedule.summary}: no further fire times"
    else:
        reason, message = Reason.ARMED, schedule.summary
    conditions = [Condition("Ready", status=True, reason=reason, message=message)]
    last = last_run_condition(state)
    if last is not None:
        conditions.append(last)
    before = state.conditions.get("Ready")
    state = state.without_condition("Stalled")
    state = state.with_conditions(*conditions, now=facts.now, generation=schedule.generation)
    if before is not None and before.reason == reason:
        return state, ()
    return state, (Turned(schedule.ref, reason, message, ready=True),)


def decide_invalid(ref: Ref, generation: int, problem: Problem, record: State, facts: Facts) -> Decision:
    """Return the record of a resource that cannot be carried out: it says why, and its active runs still end."""
    state, notices = settle_ended(ref, record, facts)
    before = state.conditions.get("Ready")
    ready = Condition("Ready", status=False, reason=problem.reason, message=problem.message)
    stalled = Condition("Stalled", status=True, reason=problem.reason, message=problem.message)
    state = replace(state, next_run=None, schedule_hash="", observed_generation=generation)
    last = last_run_condition(state)
    conditions = (ready, stalled) if last is None else (ready, stalled, last)
    state = state.with_conditions(*conditions, now=facts.now, generation=generation)
    known = before is not None and (before.status, before.message) == (False, problem.message)
    if not known:
        notices.append(Turned(ref, problem.reason, problem.message, ready=False))
    return Decision(state=state, notices=tuple(notices))


def _decide_far_ahead(schedule: Schedule, record: State, facts: Facts) -> Decision:
    """Return the record of a resource all of whose fire times until a far day count as decided: it says how to mend it.

    What was edited stays. Should it be the clock that is wrong, the resource is looked at again once that is set right.
    """
    until = record.decided_until
    name = "lastScheduleTime" if until == record.cursor else "armedTime"
    message = (
        f"status.{name} must be at most {HOURS_AHEAD} hours ahead of the operator's clock, "
        f"got '{format_instant(until)}'; fire times up to it count as decided: set it to an instant that has passed "
        "with `kubectl edit --subresource=status`"
    )
    problem = Problem(Reason.INVALID_STATUS, message)
    decision = decide_invalid(schedule.ref, schedule.generation, problem, record, facts)
    return replace(decision, wake_at=until - HOURS_AHEAD * 3600)
