"""Runs that have ended: from what is on record as active to what is on record as history. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kalends.engine.facts import Facts
from kalends.engine.ports import Decided, Ended, JobView, Notice, RunReport
from kalends.engine.schedule import JOBS_EXECUTOR, Schedule
from kalends.engine.state import HISTORY_LIMIT, ActiveRun, Condition, FinishedRun, Misfire, Ref, State
from kalends.model.reasons import Reason
from kalends.model.status import Outcome


def settle_ended(ref: Ref, state: State, facts: Facts) -> tuple[State, list[Notice]]:
    """Return the record once every active run that has ended is recorded as such."""
    notices: list[Notice] = []
    state = recover_unlisted(state, facts)
    jobs = None if facts.jobs is None else {job.name: job for job in facts.jobs}
    for run in sorted(state.active, key=lambda one: one.fire_time):
        report = _report_of(ref, run, facts, jobs)
        if report is not None:
            state, notice = end(state, run, report)
            notices.append(notice)
    return state, notices


def recover_unlisted(state: State, facts: Facts) -> State:
    """Return the record with the active Jobs that were too many to be listed in it.

    A status lists fifty; ``counts.active`` is exact. After a restart the others are found among the Jobs that there
    are, the newest first; those that are not there any more are lost.
    """
    unlisted = state.counts.active - len(state.active)
    if unlisted <= 0 or facts.jobs is None:
        return state
    known = {run.name for run in state.active} | {run.name for run in state.history}
    old = [job for job in facts.jobs if job.name not in known and job.fire_time <= (state.cursor or 0)]
    found = sorted(old, key=lambda job: job.fire_time, reverse=True)[:unlisted]
    active = tuple(ActiveRun(job.name, job.fire_time, job.created, JOBS_EXECUTOR) for job in found)
    lost = unlisted - len(found)
    counts = replace(state.counts, active=state.counts.active - lost, lost=state.counts.lost + lost)
    return replace(state, active=(*state.active, *active), counts=counts)


def _report_of(ref: Ref, run: ActiveRun, facts: Facts, jobs: dict[str, JobView] | None) -> RunReport | None:
    if run.name in facts.reports:
        return facts.reports[run.name]
    if run.holder:
        return None if run.holder == facts.me else _lost(ref, run, facts, Reason.HOLDER_GONE)
    if jobs is None:
        return None
    if run.name not in jobs:
        return _lost(ref, run, facts, Reason.JOB_DELETED)
    return jobs[run.name].report


def _lost(ref: Ref, run: ActiveRun, facts: Facts, reason: Reason) -> RunReport:
    message = (
        f"its Job {run.name} was deleted before its end was seen"
        if reason is Reason.JOB_DELETED
        else f"{run.holder}, which ran it, is gone; whether it finished is unknown, so it is not repeated"
    )
    return RunReport(
        ref, run.name, run.fire_time, Outcome.LOST, run.started, max(int(facts.now), run.started), reason, message
    )


def end(state: State, run: ActiveRun, report: RunReport) -> tuple[State, Notice]:
    """Move one run from active to where its outcome belongs."""
    active = tuple(one for one in state.active if one.name != run.name)
    counts = replace(state.counts, active=state.counts.active - 1)
    if report.outcome is Outcome.MISSED:
        # It was claimed, and its grace time was over when it could really start: it never ran.
        counts = replace(counts, started=counts.started - 1, missed=counts.missed + 1)
        misfire = Misfire(run.fire_time, report.reason, report.message)
        missed = Decided(report.ref, "Missed", 1, run.fire_time, report.reason, report.message)
        return replace(state, active=active, counts=counts, last_misfire=misfire), missed
    finished = FinishedRun(
        run.name,
        run.fire_time,
        report.started,
        report.completed,
        report.outcome,
        report.reason,
        report.message,
        run.attempt,
        report.result,
    )
    field = _COUNTED_AS[report.outcome]
    counts = replace(counts, **{field: getattr(counts, field) + 1})
    succeeded = report.outcome is Outcome.SUCCEEDED
    state = replace(
        state,
        active=active,
        counts=counts,
        history=newest_first(state.history, finished),
        last_successful=max(state.last_successful or 0, report.completed) if succeeded else state.last_successful,
    )
    return state, Ended(report, run.executor)


_COUNTED_AS = {
    Outcome.SUCCEEDED: "succeeded",
    Outcome.FAILED: "failed",
    Outcome.TIMED_OUT: "failed",
    Outcome.CANCELLED: "cancelled",
    Outcome.LOST: "lost",
}


def newest_first(history: Sequence[FinishedRun], new: FinishedRun) -> tuple[FinishedRun, ...]:
    """Return the history with one more run, by fire time, the newest first, no longer than its limit."""
    return tuple(sorted((new, *history), key=lambda run: run.fire_time, reverse=True)[:HISTORY_LIMIT])


def last_run_condition(state: State) -> Condition | None:
    """Return how the newest run that ended went, or None where none has."""
    if not state.history:
        return None
    last = state.history[0]
    message = last.message or f"{last.name} {last.outcome.lower()}"
    return Condition("LastRunSucceeded", last.outcome is Outcome.SUCCEEDED, last.reason or last.outcome.value, message)


def beyond_limits(schedule: Schedule, state: State, jobs: Sequence[JobView] | None) -> tuple[str, ...]:
    """Return the names of finished Jobs to delete: recorded, and older than the ones that the limits keep."""
    if not jobs:
        return ()
    active = {run.name for run in state.active}
    kept = {True: schedule.keep_succeeded, False: schedule.keep_failed}
    names = []
    for job in sorted(jobs, key=lambda one: one.fire_time, reverse=True):
        if job.report is None or job.name in active or job.fire_time > (state.cursor or 0):
            continue
        succeeded = job.report.outcome is Outcome.SUCCEEDED
        kept[succeeded] -= 1
        if kept[succeeded] < 0:
            names.append(job.name)
    return tuple(reversed(names))
