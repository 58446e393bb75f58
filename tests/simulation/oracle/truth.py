"""Claims about one body at the moment when it is entered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simulation.bodies import Bodies, Body, Kind
from simulation.oracle.books import Life

LATE = 1.0
"""Seconds between the last look at the deadline and the first line of the body; a worker is free by then."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The moment at which a pool was asked to start a run."""

    clock: float
    """What its operator's clock showed."""
    latest: float
    """The latest instant that this clock had shown in the last minutes."""
    leader: str
    """Who held the lease, where there is one."""


def wrong_with(body: Body, life: Life, bodies: Bodies, asked: Asked | None) -> Iterator[str]:
    """Yield what is wrong with a body that begins now.

    Args:
        body: The one that begins.
        life: The resource whose spec it has.
        bodies: All there were; the new one is the last.
        asked: When its pool was asked to start it; None for a pod.
    """
    yield from _once(body, life, bodies)
    if asked is not None:
        yield from _claimed(body, life, asked.leader)
        yield from _up_to_date(body, life)
        yield from _in_time(body, life, asked)
    yield from _room(body, life, bodies)


def _once(body: Body, life: Life, bodies: Bodies) -> Iterator[str]:
    earlier = [one for one in bodies.of_run(body.life, body.name) if one is not body]
    if body.kind is Kind.POD:
        # A Job that somebody deleted before anybody could record it is made again: nobody knows of it.
        unrecorded = {job.uid for job in life.jobs if not job.recorded and job.deleted is not None}
        earlier = [one for one in earlier if one.job_uid not in unrecorded]
    if earlier:
        yield f"{body.name} is entered a second time; the first was at {earlier[0].entered:.3f} s"


def _claimed(body: Body, life: Life, leader: str) -> Iterator[str]:
    holder = body.process.name if body.process is not None else ""
    claims = [run for run in life.status.get("active", ()) if run["name"] == body.name]
    if life.deleted is None and not any(run.get("holder") == holder for run in claims):
        yield f"{body.name} begins in {holder}, but its claim on record is {claims or 'not there'}"
    if leader and leader != holder:
        yield f"{body.name} begins in {holder}, but the lease is held by {leader}"


def _up_to_date(body: Body, life: Life) -> Iterator[str]:
    seen = 0 if body.process is None else life.shown.get(body.process, 0)
    if body.version < seen:
        yield f"{body.name} begins with version {body.version}, but its operator has seen version {seen}"


def _in_time(body: Body, life: Life, asked: Asked) -> Iterator[str]:
    spec = next((one.spec for one in life.versions.values() if one.number == body.version), {})
    if asked.latest < body.fire_time:
        yield f"{body.name} begins {body.fire_time - asked.latest:.1f} s before it is due"
    deadline = spec.get("startingDeadlineSeconds")
    lateness = asked.clock - body.fire_time - spec.get("jitterSeconds", 0)
    if deadline is not None and body.attempt == 1 and lateness > deadline + LATE:
        yield f"{body.name} begins {lateness:.1f} s late, and {deadline} s are allowed"


def _room(body: Body, life: Life, bodies: Bodies) -> Iterator[str]:
    """No more run at once than may, but for those of which nobody can know that they still run.

    These are: threads that were given up; bodies of operators that do not lead any more and whose runs are on record
    as lost; pods whose Job was deleted by hand, without waiting for them; and Jobs whose creation arrived after whoever
    asked for it had given up waiting, or had died.
    """
    spec = life.newest.spec
    if spec.get("concurrencyPolicy", "Forbid") == "Allow":
        return
    most = max(one.spec.get("maxInstances", 1) for one in life.versions.values())
    active = {run["name"] for run in life.status.get("active", ())}
    stale = {job.uid for job in life.jobs if job.stale}
    running = [one for one in bodies.running(body.life) if one is body or (one.name in active and not one.given_up)]
    running = [one for one in running if one.job_uid not in stale]
    if len(running) > most and all(_forbids(one.spec) for one in life.versions.values()):
        yield f"{len(running)} run at once, and maxInstances is {most}: {', '.join(one.name for one in running)}"


def _forbids(spec: dict[str, object]) -> bool:
    return spec.get("concurrencyPolicy", "Forbid") != "Allow"
