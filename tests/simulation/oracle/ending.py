"""Claims about a world that has been left alone for long enough: nothing is missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kalends.engine.core.state import HOURS_AHEAD
from simulation.instants import instant_of, rfc3339
from simulation.oracle.books import Books, Life
from simulation.oracle.writing import keys, process_of
from simulation.server import JOBS, SCHEDULED_JOBS

if TYPE_CHECKING:
    from simulation.world import World

Json = dict[str, Any]
JUST_NOW = 3.0
"""Seconds: what became due within so long may still be on its way."""
STARTS_SOON = 30.0
SEEN_SOON = 2.0
BEGINNING = "1970-01-01T00:00:00Z"


def unsettled(world: World, books: Books) -> Iterator[str]:
    """Yield what should have become of something, and has not."""
    for obj in world.server.all(SCHEDULED_JOBS):
        life = books.lives[obj["metadata"]["uid"]]
        if "deletionTimestamp" not in obj["metadata"]:
            for what in _unsettled(world, life):
                yield f"{life.name}, at the end: {what}"
    for body in world.bodies.entered:
        life = books.by_number[body.life]
        unknown = (
            life.unknown_jobs | life.disbelieved_jobs(world.audit.acting) | {job.uid for job in life.jobs if job.stale}
        )
        # A request whose Job came and went is on record with the instant at which it was heeded last.
        reported = rfc3339(body.fire_time) in life.reported or body.name in life.reported
        if life.deleted is None and not reported and body.job_uid not in unknown:
            yield f"{body.name} has run, and was never on record"
        if body.process is None and body.end is None and world.loop.time() - body.entered > 120:
            yield f"{body.name} still runs"


def _unsettled(world: World, life: Life) -> Iterator[str]:
    status, version = life.status, life.newest
    if status.get("observedGeneration") != version.generation:
        yield f"generation {status.get('observedGeneration')} was observed last, not {version.generation}"
        return
    clock = world.now() + max(replica.clock.offset for replica in world.replicas)
    earliest = world.now() + min(replica.clock.offset for replica in world.replicas)
    marks = [instant_of(status[name]) for name in ("armedTime", "decidedUntilTime") if name in status]
    decided = max(marks, default=life.created - 1)
    # After a clock was put back nothing is decided for a while, and what was refused last stays refused.
    if not version.fires.are_none() and decided <= clock:
        yield from _conditions(status)
    jitter = version.spec.get("jitterSeconds", 0)
    open_ = version.fires.between(decided, int(earliest - JUST_NOW - jitter))
    if open_ and "maxRuns" not in version.spec:
        yield f"nobody has decided on {len(open_)} fire times, the first {open_[0]}"
    upcoming = version.fires.next_after(max(decided, int(earliest) - jitter - 1))
    reported = status.get("nextRunTime")
    # Clocks were put back by days: nothing is decided until they come near what is on record, and it says so.
    far_ahead = max(decided, instant_of(status.get("lastRequestTime", BEGINNING))) > earliest + HOURS_AHEAD * 3600
    is_refused = far_ahead and _reason(status) == "InvalidStatus"
    if upcoming is not None and reported is None and "maxRuns" not in version.spec and not is_refused:
        yield f"nextRunTime is unset, and {upcoming} is still to come"
    if reported is not None and upcoming is None and instant_of(reported) > clock:
        yield f"nextRunTime is {reported}, but there is none to come"
    clocks_agree = clock == earliest == world.now()
    if clocks_agree and reported is not None and upcoming is not None:
        late = instant_of(reported) - upcoming
        if not 0 <= late <= jitter and world.now() - instant_of(reported) < -JUST_NOW:
            yield f"nextRunTime is {reported}, but {upcoming} comes next"
    yield from _active(world, life)


def _reason(status: Json) -> str | None:
    return next((one["reason"] for one in status.get("conditions", ()) if one["type"] == "Ready"), None)


def _conditions(status: Json) -> Iterator[str]:
    for one in status.get("conditions", ()):
        if (one["type"], one["status"]) in {("Ready", "False"), ("Stalled", "True")}:
            yield f"it is {one['type']}={one['status']}: {one['reason']}: {one['message']}"


def _active(world: World, life: Life) -> Iterator[str]:
    jobs = {job["metadata"]["name"]: job for job in world.server.all(JOBS)}
    for run in keys(life.status, "active").values():
        holder = process_of(run)
        if run.get("retryTime"):
            continue
        if holder and holder not in world.alive:
            yield f"{run['name']} is still active, held by {holder}, which is gone"
        bodies = world.bodies.of_run(life.number, run["name"])
        if holder and bodies and bodies[-1].left is not None and world.loop.time() - bodies[-1].left > STARTS_SOON:
            yield f"{run['name']} is still active, but has {bodies[-1].end} at {bodies[-1].left:.3f} s"
        job = life.job(run["name"])
        seen_gone = job is None or job.deleted is None or world.now() - job.deleted > SEEN_SOON
        if not holder and run["name"] not in jobs and seen_gone:
            yield f"{run['name']} is still active, but has no Job"
