"""Claims about runs in one write of a status: each starts once, ends as it did, and is tried again as it may be."""

from __future__ import annotations

from collections.abc import Iterator

from simulation.bodies import Body, End
from simulation.instants import instant_of
from simulation.oracle.books import Life
from simulation.oracle.firetimes import FOREVER
from simulation.oracle.record import ENDS
from simulation.oracle.writing import NEVER_STARTED, Json, Writing, adopted, key_of, keys, known_by_its_job, process_of


def wrong_starts(it: Writing) -> Iterator[str]:
    """Each fire time is started at most once, and only if it was due, queued, asked for, or has its Job."""
    due, more = set(it.due), adopted(it)
    queued = keys(it.before, "queued")
    for key, run in it.newly("active").items():
        if key == it.life.came_with:
            yield f"{run['name']} is started for a request that came with a restored resource"
        if key in it.life.runs:
            yield f"{run['name']} is started, but was before"
        if not run.get("request") and instant_of(key) not in due and key not in queued and key not in more:
            yield f"{run['name']} is started, but was neither due nor queued"
    for key, run in it.newly("queued").items():
        if key in it.life.runs or key in it.life.waited:
            yield f"{run['name']} is queued, but was queued or started before"
        if not run.get("request") and instant_of(key) not in due:
            yield f"{run['name']} is queued, but was not due"
    chosen = {key: run for key, run in it.newly("active").items() if not known_by_its_job(it, run)}
    left = [key for key in queued if key in chosen]
    waiting = [key for key in keys(it.after, "queued") if key in queued]
    order = list(queued)
    if left and waiting and max(map(order.index, left)) > min(map(order.index, waiting)):
        yield f"of those that wait {left} went first, before {waiting}"


def wrong_ends(it: Writing) -> Iterator[str]:
    """What has ended is on record as what it was."""
    gone = [run for key, run in keys(it.before, "active").items() if key not in keys(it.after, "active")]
    old = {key_of(run) for run in it.before.get("history", ()) if run["outcome"] not in NEVER_STARTED}
    finished = {
        key_of(run): run
        for run in it.after.get("history", ())
        if key_of(run) not in old and run["outcome"] not in NEVER_STARTED and "count" not in run
    }
    at_once = [key for key in finished if key not in keys(it.before, "active")]
    for key in at_once:
        if key in it.life.runs:
            yield f"{finished[key]['name']} has ended, but had before"
    ended = it.grown(*ENDS)
    unstarted = len(gone) - (ended - len(at_once))
    if not 0 <= unstarted <= it.grown("missed"):
        yield f"{len(gone)} runs are active no longer, but {ended} have ended ({len(at_once)} of them at once)"
    for run in gone:
        end = finished.get(key_of(run))
        if end is not None:
            yield from _truly(it, run, end)
        elif run.get("attempt", 1) == 1 and unstarted and _ran(it, run) and not _gone(it, run):
            yield f"{run['name']} is on record as missed, or not at all, but it ran"


def _ran(it: Writing, run: Json) -> bool:
    """Return whether a run has begun, but for what ran in a Job that was deleted by hand before it was on record."""
    of_users = {job.uid for job in it.life.jobs if not job.deleter.startswith("op-")} & it.life.unknown_jobs
    return any(body.job_uid not in of_users for body in it.bodies.of_run(it.life.number, run["name"]))


def _truly(it: Writing, run: Json, end: Json) -> Iterator[str]:
    outcome = end["outcome"]
    # Between two writes another attempt may have begun, of which the Job alone told: its end is what counts.
    name = run["name"] if outcome == "Lost" else end["name"]
    bodies = it.bodies.of_run(it.life.number, name)
    last: Body | None = bodies[-1] if bodies else None
    if outcome == "Succeeded" and (last is None or last.end is not End.RETURNED):
        yield f"{name} is on record as succeeded, but in truth {_fate(last)}"
    if outcome == "Failed" and last is not None and last.end not in {End.RAISED, End.KILLED} and not _given_up(it, end):
        yield f"{name} is on record as failed ({end.get('reason')}), but in truth {_fate(last)}"
    if outcome == "Lost":
        job = it.life.job(name)
        if process_of(run) == it.writer:
            yield f"{name} is on record as lost by {it.writer}, which holds it"
        if run.get("holder") and process_of(run) == it.leader:
            yield f"{name} is on record as lost by {it.writer}, but {it.leader} holds it, and leads"
        if not run.get("holder") and job is not None and job.deleted is None:
            yield f"{name} is on record as lost, but its Job is there"


def _given_up(it: Writing, end: Json) -> bool:
    """Return whether a Job was wanted gone as one that waits, and somebody else deleted it before more was seen."""
    return end.get("reason") in {"PendingTimeout", "AdmissionTimeout"} and _gone(it, end)


def _gone(it: Writing, run: Json) -> bool:
    """Return whether the Job of a run was deleted by hand."""
    job = it.life.job(run["name"])
    return job is not None and job.deleted is not None and not job.deleter.startswith("op-")


def _fate(body: Body | None) -> str:
    if body is None:
        return "it never ran"
    return "it still runs" if body.end is None else f"it was {body.end}"


def wrong_attempts(it: Writing) -> Iterator[str]:
    """A run is tried again only after its attempt before that, and no more often than it may be."""
    old = keys(it.before, "active")
    for key, run in keys(it.after, "active").items():
        if key not in old or run.get("attempt", 1) == old[key].get("attempt", 1):
            continue
        name, attempt = old[key]["name"], run.get("attempt", 1)
        at, between = instant_of(run["scheduledTime"]), range(old[key].get("attempt", 1) + 1, attempt)
        passed_over = [
            one
            for one in it.bodies.entered
            if (one.life, one.fire_time) == (it.life.number, at) and one.attempt in between
        ]
        # Attempts may be passed over that were refused, or failed, before anybody could record them.
        if attempt <= old[key].get("attempt", 1) or any(one.end in {None, End.RETURNED} for one in passed_over):
            yield f"{name} is followed by attempt {attempt}"
        limits = [one.spec.get("retry", {}).get("limit", 0) for one in it.life.versions.values()]
        if attempt > max(limits) + 1:
            yield f"{run['name']} is attempt {attempt}, and at most {max(limits)} retries are allowed"
        last = next(reversed(it.bodies.of_run(it.life.number, name)), None)
        limit = min(one.spec.get("activeDeadlineSeconds", FOREVER) for one in it.life.versions.values())
        if last is None or last.end is not End.RETURNED or (last.left or 0) - last.entered >= limit:
            continue
        if not old[key].get("cancelling"):
            holder = process_of(old[key])
            if holder == it.writer or not (holder or _job_is_gone(it.life, name)):
                yield f"{name} went well, and is tried again"


def _job_is_gone(life: Life, name: str) -> bool:
    job = life.job(name)
    return job is None or job.deleted is not None
