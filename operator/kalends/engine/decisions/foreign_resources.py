"""What an operator does about a resource that another operator decides on: next to nothing. Pure.

It starts nothing, deletes nothing and declares nothing lost. It records how its own runs have ended, which only it
knows, and once that two operators watch the resource.
"""

from __future__ import annotations

from kalends.engine.core.facts import Decision, Facts
from kalends.engine.core.schedule import RetryPolicy
from kalends.engine.core.state import Ref, State
from kalends.engine.decisions.claims import claims_left_to_another
from kalends.engine.ports import Notice
from kalends.engine.runs.ended_runs import end


def decide_foreign(ref: Ref, record: State, facts: Facts, retry: RetryPolicy | None) -> Decision:
    """Return the decision about a resource whose record names another operator, which is not known to be gone."""
    reports = {**facts.reports, **claims_left_to_another(ref, record, facts)}
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
    return Decision(facts.holders.marked(state, facts.now), cancels=cancels, notices=tuple(notices), foreign=True)
