"""Claims: runs that are recorded as this operator's, but not started yet. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from kalends.engine.core.copying import replace
from kalends.engine.core.facts import Facts
from kalends.engine.core.policies import Refusal, how_late
from kalends.engine.core.schedule import Schedule
from kalends.engine.core.state import ActiveRun, Ref, State
from kalends.engine.decisions.catchup import start_by
from kalends.engine.decisions.draft import run_of
from kalends.engine.ports import Run, RunReport
from kalends.model.reasons import Reason
from kalends.model.values import Outcome


def claims_to_start(schedule: Schedule, state: State, facts: Facts) -> tuple[dict[str, RunReport], tuple[Run, ...]]:
    """Return the recorded claims that were not started here: those that must not start any more, and those to start.

    The deadline is looked at again where the run really starts: a slow write makes a run late too.
    """
    unwanted: dict[str, RunReport] = {}
    starts: list[Run] = []
    for claim in _not_started_here(state, facts):
        unwelcome = _why_not(schedule, claim, facts)
        if unwelcome is None:
            starts.append(_to_start(schedule, claim, state))
        else:
            outcome, why = unwelcome
            unwanted[claim.name] = _unstarted(schedule.ref, claim, facts, outcome, why)
    return unwanted, tuple(starts)


def new_claims(schedule: Schedule, state: State, started: Sequence[Run], facts: Facts) -> tuple[Run, ...]:
    """Return the runs that a record claims newly, as ``claims_to_start`` returns them once it is recorded.

    A run that was found to have its Job is no claim, although it has started.
    """
    if not started:
        return ()
    names = {run.name for run in started}
    claims = (claim for claim in state.active if claim.name in names and claim.holder == facts.me)
    return tuple(_to_start(schedule, claim, state) for claim in claims)


def _to_start(schedule: Schedule, claim: ActiveRun, state: State) -> Run:
    return replace(run_of(schedule, claim, state), start_by=start_by(schedule, claim))


def claims_of_an_invalid(ref: Ref, record: State, facts: Facts) -> dict[str, RunReport]:
    """Return the claims that were not started here, of a resource that cannot be carried out any more: none starts."""
    why = Refusal(Reason.SCHEDULE_CHANGED, "it became invalid before it started")
    return {
        claim.name: _unstarted(ref, claim, facts, Outcome.CANCELLED, why) for claim in _not_started_here(record, facts)
    }


def claims_left_to_another(ref: Ref, record: State, facts: Facts) -> dict[str, RunReport]:
    """Return the claims that were not started here, of a resource that another operator decides on now: none starts."""
    why = Refusal(Reason.OTHER_OPERATOR, f"the operator of Lease {record.operator} decided before it started")
    return {
        claim.name: _unstarted(ref, claim, facts, Outcome.CANCELLED, why) for claim in _not_started_here(record, facts)
    }


def _why_not(schedule: Schedule, claim: ActiveRun, facts: Facts) -> tuple[Outcome, Refusal] | None:
    """Return the outcome of a claim that must not start any more, and the reason; None if it is to start."""
    if claim.cancelling:
        return Outcome.CANCELLED, Refusal(Reason(claim.cancelling), claim.message)
    if claim.executor != schedule.executor:
        message = f"the resource was edited before it could start, and runs in '{schedule.executor}' now"
        return Outcome.CANCELLED, Refusal(Reason.REPLACED, message)
    latest = start_by(schedule, claim)
    if latest is None or facts.now <= latest:
        return None
    grace = schedule.grace_time or 0
    message = how_late(facts.now - latest + grace, grace, facts.second, when=" when it could start")
    return Outcome.MISSED, Refusal(Reason.DEADLINE_EXCEEDED, message)


def _not_started_here(record: State, facts: Facts) -> list[ActiveRun]:
    return [
        claim
        for claim in record.active
        if claim.holder == facts.me and claim.name not in facts.here and claim.name not in facts.reports
    ]


def _unstarted(ref: Ref, claim: ActiveRun, facts: Facts, outcome: Outcome, why: Refusal) -> RunReport:
    now = int(facts.now)
    return RunReport(ref, claim.name, claim.fire_time, outcome, now, now, why.reason, why.message)
