"""Which Jobs prove that a run was started although no record has it. Pure.

Names and owner references are written by the creator of a Job, so that an account with the permission to create Jobs
can make a Job that names any ScheduledJob of its namespace, and any fire time. What the API server itself writes is the
creation: a Job proves at most that its fire time had come by then. Of the Jobs that this process created itself, it
needs no such proof: its clock may be ahead of the API server's by any time.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from kalends.engine.core.facts import Facts
from kalends.engine.core.schedule import Schedule
from kalends.engine.core.state import Instant, State
from kalends.engine.ports import JobView
from kalends.engine.runs.ended_runs import is_recorded
from kalends.model.instants import format_instant

CLOCK_SLACK = 60
"""Seconds by which the operator's clock may be ahead of the API server's: a Job is created that much before its fire
time at most."""


def is_premature(fire_time: Instant, created: Instant) -> bool:
    """Return whether a Job was created so long before its fire time that the operator cannot have created it."""
    return fire_time > created + CLOCK_SLACK


def is_believed(job: JobView, facts: Facts, at: Instant | None = None, created: Instant | None = None) -> bool:
    """Return whether a Job can be of the run that it names: this process created it, or it was created in its time.

    Args:
        job: The Job.
        facts: What was gathered.
        at: When its run may have started at the earliest; its fire time where this is None.
        created: When it counts as created; None: when the API server says.
    """
    at, created = job.fire_time if at is None else at, job.created if created is None else created
    return job.name in facts.created or not is_premature(at, created)


def may_have_created_jobs(schedule: Schedule | None, record: State | None, facts: Facts) -> bool:
    """Return whether Jobs can exist that are not recorded: for a task only where the resource was edited since.

    While it could not be carried out, nothing was decided, so that Jobs of a spec before that may not be recorded.
    """
    if facts.durable or schedule is None:
        return True  # a spec that cannot be read may be that of a Job: its Jobs run on
    if record is None:
        return schedule.generation != 1
    return schedule.generation != record.observed_generation or not record.schedule_hash


def open_jobs(record: State | None, jobs: Sequence[JobView] | None) -> Sequence[JobView] | None:
    """Return the Jobs that a decision may be about: all but finished Jobs that are recorded in the history.

    A history may hold thousands, and none of them adds a fact. The Job of an active run is found by its name, too: that
    of a request can have been created at another instant than the record says, if its creation was not recorded.
    """
    if record is None or not jobs or record.counts.active > len(record.active):
        return jobs
    listed = {(run.fire_time, run.request) for run in record.active}
    listed |= {(run.fire_time, run.request) for run in record.queued}
    names = {run.name for run in record.active}
    return tuple(
        job
        for job in jobs
        if job.report is None
        or not is_recorded(record, job)
        or (job.fire_time, job.request) in listed
        or job.name in names
    )


def ignored_jobs(schedule: Schedule, state: State, facts: Facts) -> str:
    """Return which Jobs claim to be runs that were never started, and why that is not believed; empty if none does.

    Args:
        schedule: The resource.
        state: The record, once everything that is due has been decided.
        facts: What was gathered.
    """
    if not facts.dispatch or not facts.jobs:
        return ""
    known = {run.name for run in state.active} | {run.name for run in state.history}
    judged = ((job, _why(schedule, state, job, facts)) for job in facts.jobs if job.name not in known)
    found = [(job, why) for job, why in judged if why]
    # There may be thousands of them, at each decision: only those that are named are described.
    named = heapq.nlargest(MOST_NAMED, found, key=lambda each: each[0].name)
    more = f"; and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return "; ".join(_description(job, why) for job, why in named) + more


MOST_NAMED = 3
"""Jobs that a message names."""


def _description(job: JobView, why: str) -> str:
    instants = {"fire_time": format_instant(job.fire_time), "created": format_instant(job.created)}
    return f"{job.name} {why.format_map(instants)}"


def _why(schedule: Schedule, state: State, job: JobView, facts: Facts) -> str:
    """Return why a Job is ignored, with its instants in braces, or an empty string."""
    if job.request:
        return "" if job.fire_time <= (state.last_requested or 0) or job.attempt > 1 else "was not asked for"
    if job.fire_time <= state.decided_until:
        return ""  # its run is over, or was decided otherwise
    if not is_believed(job, facts):
        return "is named after {fire_time}, and was created at {created}"
    if not facts.durable:
        return "is a Job, and this resource runs a task"
    if job.fire_time <= max(facts.now, job.created) and not schedule.trigger.fires_at(job.fire_time):
        return "is named after {fire_time}, which is no fire time"
    return ""
