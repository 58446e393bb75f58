"""Moves ended runs from the recorded active runs to the recorded history. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from kalends.engine.core.copying import replace
from kalends.engine.core.facts import Facts
from kalends.engine.core.history import last_fire_time_with_run, with_entry
from kalends.engine.core.schedule import RetryPolicy, Schedule
from kalends.engine.core.state import ActiveRun, FinishedRun, Instant, Misfire, Ref, State
from kalends.engine.ports import Decided, Ended, JobView, Notice, Retried, RunReport, Verdict
from kalends.engine.runs.retry_policy import next_attempt
from kalends.model.reasons import Reason
from kalends.model.values import MOST_HISTORY_LISTED, Outcome, Waiting

_NOT_STARTED = frozenset({Reason.PENDING_TIMEOUT, Reason.ADMISSION_TIMEOUT})
"""Why Jobs are given up that have not started."""


def settle_ended(ref: Ref, state: State, facts: Facts, retry: RetryPolicy | None = None) -> tuple[State, list[Notice]]:
    """Return the record once every attempt that has ended is recorded as such, or waits for the next one."""
    notices: list[Notice] = []
    state = _spare_those_that_began(state, facts)
    jobs = None if facts.jobs is None else {job.name: job for job in facts.jobs}
    for run in sorted(state.active, key=lambda one: one.fire_time):
        report = _report_of(ref, run, facts, jobs)
        if report is not None:
            state, notice = end(state, run, report, retry)
            notices.append(notice)
    return state, notices


def _report_of(ref: Ref, run: ActiveRun, facts: Facts, jobs: dict[str, JobView] | None) -> RunReport | None:
    if run.retry_at is not None:
        return _cancelled(ref, run, facts) if run.cancelling else None
    if run.name in facts.reports:
        return facts.reports[run.name]
    if run.holder:
        ours = run.holder == facts.me
        return None if ours or not facts.holders.is_gone(run.holder) else _lost(ref, run, facts, Reason.HOLDER_GONE)
    return None if jobs is None else _report_of_job(ref, run, facts, jobs.get(run.name))


def _report_of_job(ref: Ref, run: ActiveRun, facts: Facts, job: JobView | None) -> RunReport | None:
    if job is None:
        if run.name not in facts.gone:
            return None  # what no watch shows is read before it is believed gone
        return _cancelled(ref, run, facts) if run.cancelling else _lost(ref, run, facts, Reason.JOB_DELETED)
    failed = job.report is not None and job.report.outcome is Outcome.FAILED
    if failed and run.cancelling and (job.leaving or run.cancelling not in _NOT_STARTED):
        return _cancelled(ref, run, facts)  # its pods were taken away before it was
    return job.report


def _lost(ref: Ref, run: ActiveRun, facts: Facts, reason: Reason) -> RunReport:
    message = (
        f"its Job {run.name} was deleted before its end was seen"
        if reason is Reason.JOB_DELETED
        else f"{run.holder}, which ran it, is gone; whether it finished is unknown"
    )
    return _ended_now(ref, run, facts, Outcome.LOST, reason, message)


def _cancelled(ref: Ref, run: ActiveRun, facts: Facts) -> RunReport:
    """Return how a run ended whose end was asked for.

    A Job that never got to start has failed, and one that was never admitted was missed: nothing of it ever ran.
    """
    outcome = Outcome.FAILED if run.cancelling in _NOT_STARTED else Outcome.CANCELLED
    if run.cancelling == Reason.ADMISSION_TIMEOUT and run.waiting == Waiting.ADMISSION and run.attempt == 1:
        outcome = Outcome.MISSED
    return _ended_now(ref, run, facts, outcome, run.cancelling, run.message)


def _ended_now(ref: Ref, run: ActiveRun, facts: Facts, outcome: Outcome, reason: str, message: str) -> RunReport:
    now = max(int(facts.now), run.started)
    return RunReport(ref, run.name, run.fire_time, outcome, run.started, now, reason, message)


def jobs_to_read(record: State | None, state: State, facts: Facts) -> tuple[str, ...]:
    """Return the Jobs of active runs that no watch shows: deleted, or without the label by which they are watched."""
    if record is None or facts.jobs is None:
        return ()
    jobs = {job.name: job for job in facts.jobs}
    recorded = {run.name for run in record.active if not run.holder and run.retry_at is None}
    runs = [run.name for run in state.active if run.name in recorded]
    missing = [name for name in runs if name not in jobs and name not in facts.gone]
    return (*missing, *(name for name in runs if name in jobs and jobs[name].unsure))


def end(state: State, run: ActiveRun, report: RunReport, retry: RetryPolicy | None = None) -> tuple[State, Notice]:
    """Move one run from active to where its outcome belongs, or let it wait for its next attempt."""
    others = tuple(one for one in state.active if one.name != run.name)
    again = next_attempt(run, report, retry)
    if again is not None and again.retry_at is not None:
        retried = Retried(report, run.executor, again.attempt, again.retry_at)
        return replace(state, active=(*others, again)), retried
    counts = state.counts
    if report.outcome is Outcome.MISSED:
        # It was claimed, and its grace time was over when it could really start; or its Job was never admitted.
        counts = replace(counts, active=counts.active - 1, started=counts.started - 1, missed=counts.missed + 1)
        misfire = Misfire(run.fire_time, report.reason, report.message)
        missed = Decided(
            report.ref,
            Verdict.MISSED,
            1,
            run.fire_time,
            report.reason,
            report.message,
            run=run.name,
            request=run.request,
        )
        history = with_entry(state.history, replace(_entry(run, report), started=None, attempts=0))
        state = replace(state, active=others, counts=counts, last_misfire=misfire, history=history)
        return _without_run_of(state, run), missed
    field = _COUNTED_AS[report.outcome]
    counts = replace(counts, **{"active": counts.active - 1, field: getattr(counts, field) + 1})
    succeeded = report.outcome is Outcome.SUCCEEDED
    state = replace(
        state,
        active=others,
        counts=counts,
        history=with_entry(state.history, _entry(run, report)),
        last_successful=max(state.last_successful or 0, report.completed) if succeeded else state.last_successful,
    )
    return state, Ended(report, run.executor, run.attempt)


def _without_run_of(state: State, run: ActiveRun) -> State:
    """Return the record after the fire time of a run has got no run after all.

    The history keeps runs longer than fire times without a run. Only requested runs can push out all others: then the
    time stays as it is.
    """
    if run.request or run.fire_time != state.last_scheduled:
        return state
    last = last_fire_time_with_run(state)
    pushed_out = last is None and len(state.history) >= MOST_HISTORY_LISTED
    return state if pushed_out else replace(state, last_scheduled=last)


def _entry(run: ActiveRun, report: RunReport) -> FinishedRun:
    return FinishedRun(
        run.name,
        run.fire_time,
        report.started,
        report.completed,
        report.outcome,
        report.reason,
        report.message,
        run.attempt,
        report.result,
        run.request,
    )


_COUNTED_AS = {
    Outcome.SUCCEEDED: "succeeded",
    Outcome.FAILED: "failed",
    Outcome.TIMED_OUT: "failed",
    Outcome.CANCELLED: "cancelled",
    Outcome.LOST: "lost",
}


def _spare_those_that_began(state: State, facts: Facts) -> State:
    """Return the record without the wish to end Jobs for never having started, where they have, before that came true.

    What follows is their own end, or another client's action.
    """
    began = {job.name for job in facts.jobs or () if job.pending_since is None and not job.leaving}
    active = tuple(
        replace(run, cancelling="", message="")
        if run.cancelling == Reason.PENDING_TIMEOUT and run.name in began
        else run
        for run in state.active
    )
    return state if active == state.active else replace(state, active=active)


def give_up_pending(schedule: Schedule, state: State, facts: Facts) -> State:
    """Return the record with the Jobs marked to end whose pods did not start in time."""

    def message(job: JobView) -> str:
        cause = f": {job.pending_message}" if job.pending_message else ""
        return f"no container started within {schedule.pending_timeout} s{cause}"

    return give_up(state, facts, partial(_pending_until, schedule), Reason.PENDING_TIMEOUT, message)


def pending_until(schedule: Schedule, state: State, facts: Facts) -> float | None:
    """Return when the first of the Jobs that have not started yet is given up, or None where none will be."""
    return first_given_up(state, facts, partial(_pending_until, schedule))


def give_up(
    state: State,
    facts: Facts,
    until: Callable[[ActiveRun, JobView], Instant | None],
    reason: Reason,
    message: Callable[[JobView], str],
) -> State:
    """Return the record with the active runs marked to end whose Jobs have waited ``until`` now, or longer."""
    if not state.active or not facts.jobs:
        return state
    jobs = {job.name: job for job in facts.jobs}
    active = []
    for run in state.active:
        job = jobs.get(run.name)
        at = None if job is None else until(run, job)
        if job is None or at is None or facts.now < at:
            active.append(run)
        else:
            active.append(replace(run, cancelling=reason, message=message(job)))
    return replace(state, active=tuple(active))


def first_given_up(state: State, facts: Facts, until: Callable[[ActiveRun, JobView], Instant | None]) -> float | None:
    """Return the earliest instant at which the Job of an active run is given up, or None where none will be."""
    if not state.active or not facts.jobs:
        return None
    jobs = {job.name: job for job in facts.jobs}
    waiting = [until(run, jobs[run.name]) for run in state.active if run.name in jobs]
    return min((at for at in waiting if at is not None), default=None)


def _pending_until(schedule: Schedule, run: ActiveRun, job: JobView) -> Instant | None:
    """Return when a Job has waited long enough: also where our clock is ahead of the server's."""
    if schedule.pending_timeout is None or job.pending_since is None or job.report is not None:
        return None
    if run.cancelling or run.retry_at is not None:
        return None
    return max(job.pending_since, run.started) + schedule.pending_timeout


def beyond_limits(schedule: Schedule, state: State, jobs: Sequence[JobView] | None) -> tuple[str, ...]:
    """Return the names of finished Jobs to delete: recorded, and older than those that the limits keep.

    A Job that the resource no longer controls was its run while it was active; from then on it belongs to others.
    """
    if not jobs:
        return ()
    if len(jobs) <= min(schedule.keep_succeeded, schedule.keep_failed):
        return ()
    active = {run.name for run in state.active}
    kept = {True: schedule.keep_succeeded, False: schedule.keep_failed}
    finished: dict[bool, list[JobView]] = {True: [], False: []}
    for job in jobs:
        if job.report is not None and not job.disowned and job.name not in active and is_recorded(state, job):
            finished[job.report.outcome is Outcome.SUCCEEDED].append(job)
    # The order is that in which they are deleted; what no limit touches need not be sorted.
    beyond = [job for well, found in finished.items() if len(found) > kept[well] for job in _oldest(found, kept[well])]
    return tuple(job.name for job in sorted(beyond, key=_age))


def _age(job: JobView) -> tuple[Instant, int]:
    return job.fire_time, job.attempt


def _oldest(jobs: list[JobView], kept: int) -> list[JobView]:
    """Return all but the newest ones that are kept."""
    return sorted(jobs, key=_age)[: len(jobs) - kept]


def is_recorded(state: State, job: JobView) -> bool:
    """Return whether a Job that is not active has been decided on: its creation may be all that was done so far."""
    if job.request:
        return job.fire_time <= (state.last_requested or 0)
    return job.fire_time <= (state.cursor or 0)
