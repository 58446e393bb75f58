"""Claims about what really runs: when a pool is asked for it, and when its body is entered."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from kalends.engine.ports import Run
from simulation.bodies import Bodies, Body
from simulation.oracle.books import Life
from simulation.oracle.writing import process_of

LATE = 0.1
"""Seconds between the last look at the deadline and the moment at which a pool is asked."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The moment at which a pool is asked to start a run."""

    by: str
    run: Run
    clock: float
    """What its operator's clock showed."""
    latest: float
    """The latest instant that any operator's clock had ever shown: what one has queued, another one may start."""
    leader: str
    """Who held the lease, where there is one."""
    fenced: bool
    """Whether nobody else can have led: not so for a while after somebody deleted the lease."""


def wrong_with_asking(asked: Asked, life: Life, seen: int) -> Iterator[str]:
    """Yield what is wrong with a start that is asked for now.

    Args:
        asked: By whom, and when.
        life: The resource.
        seen: The newest version of its spec that whoever asks has been shown.
    """
    run = asked.run
    claims = [one for one in life.status.get("active", ()) if one["name"] == run.name]
    if asked.fenced and life.deleted is None and not any(process_of(one) == asked.by for one in claims):
        yield f"{run.name} is started in {asked.by}, but its claim on record is {claims or 'not there'}"
    if asked.leader and asked.leader != asked.by:
        yield f"{run.name} is started in {asked.by}, but the lease is held by {asked.leader}"
    version = reported_by_run(run)
    if version < seen:
        yield f"{run.name} is started with version {version}, but its operator has seen version {seen}"
    if asked.latest < run.fire_time and not run.request:
        yield f"{run.name} is started {run.fire_time - asked.latest:.1f} s before it is due"
    spec = next((one.spec for one in life.versions.values() if one.number == version), {})
    deadline = spec.get("startingDeadlineSeconds")
    lateness = asked.clock - run.fire_time - spec.get("jitterSeconds", 0)
    if deadline is not None and run.attempt == 1 and lateness > deadline + LATE:
        yield f"{run.name} is started {lateness:.1f} s late, and {deadline} s are allowed"


def reported_by_run(run: Run) -> int:
    """Return the version that a run of a task carries."""
    kwargs = getattr(run.target, "kwargs", None) or {}
    return int(kwargs["version"])


def wrong_with_body(body: Body, life: Life, bodies: Bodies, acting: AbstractSet[str]) -> Iterator[str]:
    """Yield what is wrong with a body that begins now, the last of ``bodies``, while some processes are ``acting``."""
    # What a Job ran that somebody deleted before anybody could record it is run again: nobody knows of it.
    unknown = life.unknown_jobs
    earlier = [one for one in bodies.of_run(body.life, body.name) if one is not body and one.job_uid not in unknown]
    stale = any(job.uid == body.job_uid and job.stale for job in life.jobs)
    if earlier and not stale:
        yield f"{body.name} is entered a second time; the first was at {earlier[0].entered:.3f} s"
    yield from _room(body, life, bodies, acting)


def _room(body: Body, life: Life, bodies: Bodies, acting: AbstractSet[str]) -> Iterator[str]:
    """No more run at once than may, but for those of which nobody can know that they still run.

    These are: threads that were given up; bodies of operators that do not lead any more and whose runs are recorded as
    lost, or are lost for the next leader, which creates a Job before it records that; pods whose Job was deleted by
    hand, without waiting for them; Jobs whose creation arrived after the operator that asked for it had given up
    waiting, or had died; and Jobs of a clock that was too far ahead, whose operator died, or lost the lead, before it
    recorded them.
    """
    spec = life.newest.spec
    if spec.get("concurrencyPolicy", "Forbid") == "Allow":
        return
    most = max(one.spec.get("maxInstances", 1) for one in life.versions.values())
    active = {run["name"] for run in life.status.get("active", ())}
    if body.process is not None and body.name not in active:
        return  # it was claimed in time, and is on record as lost by now: its operator was stopped in between
    unseen = {job.uid for job in life.jobs if job.stale or job.deleted is not None} | life.disbelieved_jobs(acting)
    running = [one for one in bodies.running(body.life) if one is body or (one.name in active and not one.given_up)]
    running = [one for one in running if one.job_uid not in unseen]
    maker = next((job.maker for job in life.jobs if body.job_uid and job.uid == body.job_uid), None)
    if maker is not None:
        running = [one for one in running if one.process is None or one.process.name == maker]
    if len(running) > most and all(_forbids(one.spec) for one in life.versions.values()):
        yield f"{len(running)} run at once, and maxInstances is {most}: {', '.join(one.name for one in running)}"


def _forbids(spec: dict[str, object]) -> bool:
    return spec.get("concurrencyPolicy", "Forbid") != "Allow"
