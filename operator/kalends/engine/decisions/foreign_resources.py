"""What an operator does about a resource that another operator decides on: next to nothing. Pure.

It starts nothing, deletes nothing and declares nothing lost. It records how its own runs have ended, which only it
knows, and once that two operators watch the resource.
"""

from __future__ import annotations

from collections.abc import Mapping

from kalends.engine.core.copying import replace
from kalends.engine.core.facts import Decision, Facts
from kalends.engine.core.schedule import RetryPolicy
from kalends.engine.core.state import Ref, State
from kalends.engine.decisions.claims import claims_left_to_another
from kalends.engine.ports import Notice, RunReport
from kalends.engine.runs.ended_runs import end


def decide_foreign(ref: Ref, record: State, facts: Facts, retry: RetryPolicy | None) -> Decision:
    """Return the decision about a resource whose record names another operator, which is not known to be gone."""
    unstarted = claims_left_to_another(ref, record, facts)
    decision = _with_own_ends(record, {**facts.reports, **unstarted}, facts, retry)
    return replace(decision, state=facts.holders.marked(decision.state, facts.now), unstarted=unstarted)


def decide_standing_by(record: State, facts: Facts, retry: RetryPolicy | None) -> Decision:
    """Return the decision about a resource for which another replica acts, or may act by now.

    Own claims that were not started stay as they are: this replica starts them if it acts again before another does.
    """
    return _with_own_ends(record, facts.reports, facts, retry)


def _with_own_ends(
    record: State, reports: Mapping[str, RunReport], facts: Facts, retry: RetryPolicy | None
) -> Decision:
    state = record
    notices: list[Notice] = []
    own = [run for run in record.active if run.holder == facts.me and run.retry_at is None]
    for run in own:
        if run.name in reports:
            state, notice = end(state, run, reports[run.name], retry)
            notices.append(notice)
    cancels = tuple(
        run
        for run in own
        if run.cancelling and run.name in facts.here and run.name not in reports and run.name not in facts.asked_to_end
    )
    return Decision(state, cancels=cancels, notices=tuple(notices), foreign=True)
