"""The conditions of a resource, and the notices for their transitions. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from kalends.engine.core.copying import replace
from kalends.engine.core.definition import Problem
from kalends.engine.core.facts import Facts
from kalends.engine.core.history import last_run_condition
from kalends.engine.core.policies import LONGEST_CAUSE
from kalends.engine.core.schedule import Schedule
from kalends.engine.core.state import Condition, Instant, Ref, State
from kalends.engine.ports import Notice, ReadinessChanged
from kalends.model.instants import format_instant
from kalends.model.reasons import Reason
from kalends.triggers import over_before

RESTORED = (
    "it was restored without its status, so that what it has run already is not known: no fire times until the spec is "
    "edited, or the annotation `kalends.dev/restored` and the label `velero.io/restore-name` are removed"
)


def with_conditions(
    schedule: Schedule, state: State, facts: Facts, refused_start: str = "", searched: Instant | None = None
) -> tuple[State, Sequence[Notice]]:
    """Return the record of a resource that is carried out, with its conditions.

    Args:
        schedule: The resource, compiled.
        state: Its record.
        facts: What was gathered.
        refused_start: Why its runs have not started for a while, where it is so.
        searched: Up to where its next fire time was searched for, where it was not found.
    """
    now = facts.now
    if refused_start:
        return with_problem(schedule.ref, schedule.generation, _refused(refused_start), state, now)
    warns = False
    if schedule.held:
        reason, message = Reason.RESTORED, RESTORED
    elif schedule.suspended:
        reason, message = Reason.SUSPENDED, "`suspend` is true: no fire times until it is false again"
    elif searched is not None:
        reason, message = Reason.SEARCH_LIMIT, f"{schedule.summary}: {_how_far(state, searched, facts)}"
    elif state.next_run is None:
        # A run that was never due must not look like a schedule that has done its work.
        warns = schedule.trigger.next_after(state.armed) is None
        reason, message = Reason.EXHAUSTED, f"{schedule.summary}: {_why_over(schedule, state, was_due=not warns)}"
    else:
        reason, message = Reason.ARMED, schedule.summary
    before = state.conditions.get("Ready")
    ready = Condition("Ready", status=True, reason=reason, message=message)
    state = _with(state.without_condition("Stalled"), [ready], now, schedule.generation)
    if before is not None and before.reason == reason and not (warns and before.message != message):
        return state, ()
    return state, (ReadinessChanged(schedule.ref, reason, message, ready=True, warns=warns),)


def _why_over(schedule: Schedule, state: State, *, was_due: bool) -> str:
    if not was_due:
        event = "it was created" if state.armed <= schedule.created else "it was last changed or resumed"
        return over_before(schedule.trigger, event)
    limit = schedule.max_runs
    why = "" if limit is None or state.counts.started < limit else f"; {limit} runs have started (`maxRuns`)"
    return f"no further fire times{why}"


def _how_far(state: State, searched: Instant, facts: Facts) -> str:
    """Say what is known where the next fire time is not. The same words hold until more is known for certain."""
    if searched < facts.now:
        since = format_instant(state.decided_until, facts.second)
        return f"its fire times after {since} are still being searched for, and none is decided until all are known"
    until = format_instant(searched, facts.second)
    return (
        f"no fire time until {until}, and none is known after that: one look searches no further, "
        "and the search continues then"
    )


def with_problem(
    ref: Ref, generation: int, problem: Problem, state: State, now: float
) -> tuple[State, Sequence[Notice]]:
    """Return the record of a resource that cannot be carried out, with conditions that say why."""
    before = state.conditions.get("Ready")
    ready = Condition("Ready", status=False, reason=problem.reason, message=problem.message)
    stalled = Condition("Stalled", status=True, reason=problem.reason, message=problem.message)
    state = replace(state, summary=problem.summary or state.summary)
    state = _with(state, [ready, stalled], now, generation)
    if before is not None and (before.status, before.message) == (False, problem.message):
        return state, ()
    return state, (ReadinessChanged(ref, problem.reason, problem.message, ready=False),)


def lasting_refusal(schedule: Schedule, state: State, facts: Facts) -> str:
    """Return why runs have not started for a while, or ``""``. The recorded message stays until a run has started.

    A server's message may differ at each try, and no try is worth a write.
    """
    refused_starts = facts.refused_starts
    has_started = refused_starts is None and facts.here
    if schedule.suspended or state.next_run is None or has_started:
        return ""
    ready = state.conditions.get("Ready")
    if ready is not None and ready.reason == Reason.START_REFUSED and ready.observed_generation == schedule.generation:
        return ready.message
    return refused_starts.message[:LONGEST_CAUSE] if refused_starts is not None and refused_starts.is_lasting else ""


def _refused(message: str) -> Problem:
    return Problem(Reason.START_REFUSED, message)


def _with(state: State, conditions: Sequence[Condition], now: float, generation: int) -> State:
    last = last_run_condition(state)
    return state.with_conditions(*conditions, *(() if last is None else (last,)), now=now, generation=generation)
