"""Jobs that are suspended until something else lets them start, such as a queue of Kueue. Pure.

A Job's ``spec.suspend`` belongs to the user, or to the queue: Kalends reads it, and never writes it. A Job that is
suspended although its template does not ask for that, or that names a queue, waits for admission: its run is active,
and counts for ``maxInstances``, but does not run.
"""

from __future__ import annotations

from functools import partial

from kalends.engine.core.copying import replace
from kalends.engine.core.facts import Facts
from kalends.engine.core.schedule import Schedule
from kalends.engine.core.state import ActiveRun, Instant, State
from kalends.engine.ports import Admission, JobView
from kalends.engine.runs.ended_runs import first_given_up, give_up
from kalends.model.reasons import Reason
from kalends.model.values import Waiting


def with_waiting(schedule: Schedule, state: State, facts: Facts) -> State:
    """Return the record with what the Jobs of active runs wait for; it stays while a Job is not shown, or leaving."""
    jobs = {job.name: job for job in facts.jobs or ()}
    active = tuple(_as_it_waits(schedule, run, jobs.get(run.name)) for run in state.active)
    return state if active == state.active else replace(state, active=active)


def _as_it_waits(schedule: Schedule, run: ActiveRun, job: JobView | None) -> ActiveRun:
    if run.retry_at is not None or run.holder:
        return _with_waiting(run, "")
    if job is None or job.leaving or job.unsure:
        return run
    admission = awaited(schedule, job)
    if admission is None:
        return replace(run, waiting="", cancelling="", message="") if _was_given_up(run) else _with_waiting(run, "")
    return _with_waiting(run, Waiting.READMISSION if admission.again else Waiting.ADMISSION)


def _with_waiting(run: ActiveRun, waiting: str) -> ActiveRun:
    # Most runs do not wait, and there may be thousands: a copy of each would be half the cost of a decision.
    return run if run.waiting == waiting else replace(run, waiting=waiting)


def _was_given_up(run: ActiveRun) -> bool:
    return run.cancelling == Reason.ADMISSION_TIMEOUT


def awaited(schedule: Schedule, job: JobView) -> Admission | None:
    """Return since when a Job waits for admission, or None where it does not, or where its template suspends it."""
    admission = job.admission
    if admission is None or job.report is not None:
        return None
    return admission if admission.queue or not schedule.target.starts_suspended else None


def give_up_unadmitted(schedule: Schedule, state: State, facts: Facts) -> State:
    """Return the record with the Jobs marked to end that were not admitted in time."""

    def message(job: JobView) -> str:
        queue = "" if job.admission is None else job.admission.queue
        where = f"; it waits in the queue '{queue}'" if queue else ""
        return f"its Job was not admitted within {schedule.admission_timeout} s (`admissionTimeoutSeconds`){where}"

    return give_up(state, facts, partial(_given_up_at, schedule), Reason.ADMISSION_TIMEOUT, message)


def admission_until(schedule: Schedule, state: State, facts: Facts) -> float | None:
    """Return when the first of the Jobs that wait for admission is given up, or None where none will be."""
    return first_given_up(state, facts, partial(_given_up_at, schedule))


def _given_up_at(schedule: Schedule, run: ActiveRun, job: JobView) -> Instant | None:
    admission = awaited(schedule, job)
    if schedule.admission_timeout is None or admission is None or run.cancelling or run.retry_at is not None:
        return None
    return max(admission.since, run.started) + schedule.admission_timeout
