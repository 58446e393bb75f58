"""Jobs that exist but are not recorded, because the operator stopped between the creation and the record. Pure.

A Job's name is a function of the resource and the fire time, or the request (law 4), so a Job proves what was decided
before a crash. What finds such Jobs is here. Those of fire times that are due, and of requests, are counted together
with the others that are decided now (``planning``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kalends.engine.core.copying import replace
from kalends.engine.core.facts import Facts
from kalends.engine.core.schedule import JOBS_EXECUTOR, Schedule
from kalends.engine.core.state import ActiveRun, Counts, Instant, State
from kalends.engine.decisions.draft import Draft
from kalends.engine.decisions.draft_view import Candidate
from kalends.engine.ports import JobView
from kalends.engine.runs.ended_runs import is_recorded
from kalends.engine.runs.job_uids import with_job_uids
from kalends.engine.runs.proofs_of_start import is_believed, may_have_created_jobs
from kalends.model.values import Outcome

OUT_OF_ORDER = 5
"""Seconds by which a Job may end before another Job and be recorded after it: its pods report how they ended."""
_ENDS_OF_JOBS = frozenset({Outcome.SUCCEEDED, Outcome.FAILED})
"""The outcomes whose instants the API server's Jobs give, and not the operator's clock."""


def record_of_jobs(schedule: Schedule | None, facts: Facts) -> State:
    """Return a record in place of one that was removed: nothing before now runs again, and Jobs that run count.

    Finished Jobs tell when a run last succeeded. What else was recorded is not known any more: neither runs in the
    pod, nor how those have ended whose Jobs are gone.
    """
    known = facts.jobs or () if may_have_created_jobs(schedule, None, facts) else ()
    jobs = sorted((job for job in known if has_come(job, facts)), key=lambda one: one.fire_time)
    running = [job for job in jobs if job.report is None]
    reports = [job.report for job in jobs if job.report is not None]
    requested = sum(1 for job in running if job.request)
    active = tuple(
        ActiveRun(job.name, job.fire_time, job.created, JOBS_EXECUTOR, job.attempt, request=job.request)
        for job in running
    )
    last = max((job.fire_time for job in jobs if not job.request), default=None)
    return State(
        armed=int(facts.now),
        counts=Counts(due=len(active) - requested, requested=requested, started=len(active), active=len(active)),
        active=active,
        cursor=last,
        last_scheduled=last,
        last_successful=max((one.completed for one in reports if one.outcome is Outcome.SUCCEEDED), default=None),
        last_requested=max((job.fire_time for job in jobs if job.request), default=None),
    )


def with_jobs_of_record(state: State, facts: Facts, *, adopts: bool = False) -> State:
    """Return the record with the active Jobs that it only counts, and each run at the attempt whose Job is there.

    ``adopts``: whether runs in a pool may have been followed by Jobs, as the resource runs Jobs now.
    """
    found = _adopt_attempts(_recover_unlisted(state, facts), facts, adopts=adopts)
    return with_job_uids(found, facts.jobs)


def jobs_to_take_up(schedule: Schedule, record: State, facts: Facts) -> tuple[JobView, ...]:
    """Return the Jobs that were created and not recorded, and whose owner references were removed since.

    They are followed by their UID first. Then they count as any other Job that is not recorded, by the same proofs. A
    Job that is older than the resource was left behind by a former resource of that name.
    """
    if not facts.orphans or not facts.dispatch:
        return ()
    runs = {(run.fire_time, run.request): run for run in record.active if not run.holder}

    def is_unrecorded(job: JobView) -> bool:
        run = runs.get((job.fire_time, job.request))
        if run is not None:
            return job.attempt > run.attempt or (job.attempt == run.attempt and run.retry_at is not None)
        return job.attempt == 1 and not is_recorded(record, job)

    return tuple(
        job
        for job in facts.orphans
        if job.created >= schedule.created and is_unrecorded(job) and (job.request or has_come(job, facts))
    )


def _recover_unlisted(state: State, facts: Facts) -> State:
    """Return the record with the active Jobs that were too many to be listed in it.

    A status lists fifty; ``counts.active`` is exact. After a restart the others are found among the Jobs that exist:
    active ones first, then finished ones, each from the newest on. Those that do not exist any more are lost.

    A finished Job that the history does not list any more was counted, if a later end was counted: ends are recorded in
    the order in which they come.
    """
    unlisted = state.counts.active - len(state.active)
    if unlisted <= 0 or facts.jobs is None:
        return state
    known = {run.name for run in state.active} | {run.name for run in state.history}
    counted_until = _last_counted_end(state) - OUT_OF_ORDER
    old = [
        job
        for job in facts.jobs
        if job.name not in known
        and is_recorded(state, job)
        and has_come(job, facts)
        and (job.report is None or job.report.completed >= counted_until)
    ]
    found = sorted(old, key=lambda job: (job.report is None, job.fire_time), reverse=True)[:unlisted]
    active = tuple(
        ActiveRun(job.name, job.fire_time, job.created, JOBS_EXECUTOR, job.attempt, request=job.request)
        for job in found
    )
    lost = unlisted - len(found)
    counts = replace(state.counts, active=state.counts.active - lost, lost=state.counts.lost + lost)
    return replace(state, active=(*state.active, *active), counts=counts)


def _last_counted_end(state: State) -> Instant:
    """Return the latest end of a Job's run that is counted, as far as the record shows it."""
    ends = [one.completed for one in state.history if one.outcome in _ENDS_OF_JOBS]
    return max((state.last_successful or 0, *ends))


def _adopt_attempts(state: State, facts: Facts, *, adopts: bool) -> State:
    """Return the record with each run at the attempt whose Job is there: its creation was not recorded.

    A Job of the next attempt proves that the attempt before it has failed, if its Job is deleted, or has failed
    itself. No attempt is started before the one before it is recorded, so no Job proves more than that.
    """
    if not facts.jobs:
        return state
    jobs = {(job.fire_time, job.request, job.attempt): job for job in facts.jobs}
    in_pools = {run.name for run in state.active if run.holder and (not adopts or run.name in facts.here)}
    return replace(
        state, active=tuple(run if run.name in in_pools else _at_attempt_of(run, jobs, facts) for run in state.active)
    )


def _at_attempt_of(run: ActiveRun, jobs: Mapping[tuple[Instant, str, int], JobView], facts: Facts) -> ActiveRun:
    number = run.attempt if run.retry_at is not None else run.attempt + 1
    job, last = jobs.get((run.fire_time, run.request, number)), jobs.get((run.fire_time, run.request, run.attempt))
    if job is None or not is_believed(job, facts, at=run.retry_at or run.started):
        return run
    if number > run.attempt and last is not None and (last.report is None or last.report.outcome is Outcome.SUCCEEDED):
        return run
    return replace(
        run, name=job.name, attempt=job.attempt, started=job.created, executor=JOBS_EXECUTOR, holder="", retry_at=None
    )


def adopt_queued(draft: Draft) -> None:
    """Count as started those that are recorded as waiting and have their Job already."""
    jobs = {job.name for job in draft.facts.jobs or () if draft.adopts and has_come(job, draft.facts)}
    for candidate in draft.queue():
        if draft.name(candidate) in jobs:
            draft.start(replace(candidate, adopted=True))


def adopt_passed_over(draft: Draft, decided_until: Instant) -> None:
    """Take up the Jobs that were created, not recorded, and then passed over by an edit or a suspension.

    Their fire times lie before the instant from which the schedule counts now, or are none of its fire times, so that
    no decision would count them any more; but they run. What the schedule itself names up to them is decided with them.
    As long as the schedule is the recorded one, it has created no others.
    """
    if not draft.rearmed:
        return
    schedule = draft.schedule
    known = {run.name for run in draft.state.active}
    for job in sorted(_first_attempts(draft, decided_until), key=lambda one: one.fire_time):
        decided = draft.state.decided_until
        fires = not schedule.suspended and not draft.has_ended()
        due = fires and job.fire_time > decided and schedule.trigger.fires_at(job.fire_time)
        if due or job.name in known:
            continue  # it is decided with the others that are due, or was
        if fires and job.fire_time > decided and not draft.facts.dispatch:
            continue  # fire times before it are still to be decided, which is not for now
        draft.adopt_passed_over(job)


def due_already_started(draft: Draft) -> frozenset[Instant]:
    """Return the undecided fire times of the schedule that have their Job already."""
    trigger = draft.schedule.trigger
    unrecorded = (job.fire_time for job in _first_attempts(draft, draft.state.decided_until))
    return frozenset(t for t in unrecorded if trigger.fires_at(t))


def leaves_out_jobs(draft: Draft) -> bool:
    """Return whether Jobs of runs that are not recorded are there, and are still to be counted."""
    known = {run.name for run in draft.state.active}
    return any(job.name not in known for job in _first_attempts(draft, draft.state.decided_until)) or any(
        draft.name(candidate) not in known for candidate in requests_already_started(draft)
    )


def _first_attempts(draft: Draft, after: Instant) -> Iterator[JobView]:
    """Yield the Jobs of fire times after an instant that have come."""
    for job in (draft.facts.jobs or ()) if draft.adopts else ():
        if job.attempt == 1 and not job.request and after < job.fire_time and has_come(job, draft.facts):
            yield job


def has_come(job: JobView, facts: Facts) -> bool:
    """Return whether a Job's fire time has come: by the clock now, or by the API server's when the Job was created.

    Of a Job that this process created, it had come by the clock then, although the clock may have been put back since.
    """
    if job.name in facts.created:
        return True
    return is_believed(job, facts) and job.fire_time <= max(facts.now, job.created)


def requests_already_started(draft: Draft) -> list[Candidate]:
    """Return the requests that have their Job and are not recorded, in the order in which they were made.

    The instants of requests are made to grow, whatever the clock does: so a Job with a later one than is recorded was
    created and not recorded, also where another token has been set since. The instant is an annotation, which can be
    edited: none counts that is later than both the Job's creation and the record explain. The token is an annotation,
    too: none counts whose digest is not in the Job's name, as a second Job would be created for it.
    """
    since = draft.state.last_requested or 0
    found = [
        (job.name, Candidate(job.fire_time, job.request, adopted=True))
        for job in (draft.facts.jobs or () if draft.adopts else ())
        if job.request
        and job.attempt == 1
        and since < job.fire_time
        and is_believed(job, draft.facts, created=max(job.created, since))
    ]
    confirmed = [candidate for name, candidate in found if draft.name(candidate) == name]
    return sorted(confirmed, key=lambda one: one.fire_time)
