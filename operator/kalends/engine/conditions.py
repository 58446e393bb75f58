"""What a resource says of itself: its conditions, and what there is to tell where they turn. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from kalends.engine.history import last_run_condition
from kalends.engine.ports import Notice, Problem, Turned
from kalends.engine.schedule import Schedule
from kalends.engine.state import Condition, Ref, State
from kalends.model.reasons import Reason


def with_conditions(schedule: Schedule, state: State, now: float) -> tuple[State, Sequence[Notice]]:
    """Return the record of a resource that is carried out, with its conditions."""
    if schedule.suspended:
        reason, message = Reason.SUSPENDED, "`suspend` is true: no fire times until it is false again"
    elif state.next_run is None:
        limit = schedule.max_runs
        why = "" if limit is None or state.counts.started < limit else f"; {limit} runs have started (`maxRuns`)"
        reason, message = Reason.EXHAUSTED, f"{schedule.summary}: no further fire times{why}"
    else:
        reason, message = Reason.ARMED, schedule.summary
    before = state.conditions.get("Ready")
    ready = Condition("Ready", status=True, reason=reason, message=message)
    state = _with(state.without_condition("Stalled"), [ready], now, schedule.generation)
    if before is not None and before.reason == reason:
        return state, ()
    return state, (Turned(schedule.ref, reason, message, ready=True),)


def with_problem(
    ref: Ref, generation: int, problem: Problem, state: State, now: float
) -> tuple[State, Sequence[Notice]]:
    """Return the record of a resource that cannot be carried out, with conditions that say why."""
    before = state.conditions.get("Ready")
    ready = Condition("Ready", status=False, reason=problem.reason, message=problem.message)
    stalled = Condition("Stalled", status=True, reason=problem.reason, message=problem.message)
    state = _with(state, [ready, stalled], now, generation)
    if before is not None and (before.status, before.message) == (False, problem.message):
        return state, ()
    return state, (Turned(ref, problem.reason, problem.message, ready=False),)


def _with(state: State, conditions: Sequence[Condition], now: float, generation: int) -> State:
    last = last_run_condition(state)
    return state.with_conditions(*conditions, *(() if last is None else (last,)), now=now, generation=generation)
