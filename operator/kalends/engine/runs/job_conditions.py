"""Conditions for Jobs that are ignored, or followed although their identity was changed. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from kalends.engine.core.facts import Facts
from kalends.engine.core.schedule import OWNER_LABEL, Schedule
from kalends.engine.core.state import Condition, State
from kalends.engine.ports import JobAnomaly, Notice
from kalends.engine.runs.proofs_of_start import MOST_NAMED, ignored_jobs
from kalends.model.reasons import Reason
from kalends.model.values import ConditionType


def with_job_conditions(schedule: Schedule, state: State, facts: Facts) -> tuple[State, Sequence[Notice]]:
    """Return the record with conditions for Jobs that are ignored, and for Jobs that are followed by name."""
    ignored = ignored_jobs(schedule, state, facts)
    odd = {
        ConditionType.JOBS_IGNORED: (Reason.UNEXPECTED_JOB, ignored and f"not created for a run: {ignored}"),
        ConditionType.JOB_RELABELLED: (Reason.IDENTITY_CHANGED, _relabelled(state, facts)),
    }
    notices = []
    for kind, (reason, message) in odd.items():
        if not message:
            state = state.without_condition(kind)
            continue
        if kind not in state.conditions:
            notices.append(JobAnomaly(schedule.ref, reason, message))
        condition = Condition(kind, status=True, reason=reason, message=message)
        state = state.with_conditions(condition, now=facts.now, generation=schedule.generation)
    return state, notices


def _relabelled(state: State, facts: Facts) -> str:
    active = {run.name for run in state.active}
    names = sorted(job.name for job in facts.jobs or () if job.altered and job.report is None and job.name in active)
    if not names:
        return ""
    return (
        f"{', '.join(names[:MOST_NAMED])} no longer {'has' if len(names) == 1 else 'have'} the label "
        f"`{OWNER_LABEL}`, or this resource as the controller; the run continues, and its Job is read by name every "
        f"few seconds; it is not deleted by the history limits: restore the label with `kubectl label job`"
    )
