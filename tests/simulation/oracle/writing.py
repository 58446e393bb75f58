"""One write of a status: what stood there, what stands there now, and what lies between."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from simulation.bodies import Bodies
from simulation.instants import instant_of, rfc3339
from simulation.oracle.books import Life, Version

Json = dict[str, Any]
NEVER_STARTED = frozenset({"Missed", "Skipped"})


def key_of(run: Json) -> str:
    """Return what a run is for: its request, or its fire time. Attempts share it."""
    return str(run.get("request") or run["scheduledTime"])


def process_of(run: Json) -> str:
    """Return the process that holds a run, without its Lease; an empty text for a Job."""
    return str(run.get("holder", "")).rpartition("/")[2]


def keys(status: Json, field: str) -> dict[str, Json]:
    return {key_of(run): run for run in status.get(field, ())}


@dataclass(frozen=True)
class Writing:
    """One write of a status by an operator; ``clock`` is the latest instant that it may have taken for now."""

    life: Life
    before: Json
    after: Json
    writer: str
    leader: str
    """Who holds the lease, where there is one."""
    clock: float
    behind: float
    """By how many seconds its clock may have been late."""
    bodies: Bodies

    @property
    def generation(self) -> int:
        """The generation that it carries out.

        A spec that follows Jobs is recorded as observed only once all Jobs of the spec before it are counted; until
        then its conditions show the generation.
        """
        return self._carried_out(self.after)

    @property
    def generation_before(self) -> int:
        """The generation that the record carried out until now: its edit counts already."""
        return self._carried_out(self.before)

    def _carried_out(self, status: Json) -> int:
        recorded = int(status.get("observedGeneration", 0))
        ready: Json = next((one for one in status.get("conditions", ()) if one["type"] == "Ready"), {})
        shown = int(ready.get("observedGeneration", recorded))
        before = self.life.versions.items()
        follows_jobs = any("jobTemplate" in one.spec for generation, one in before if generation < shown)
        return shown if follows_jobs else recorded

    @property
    def version(self) -> Version | None:
        return self.life.versions.get(self.generation)

    @property
    def makes_jobs(self) -> bool:
        """Whether its runs are Jobs, for which no worker is waited."""
        return self.version is not None and "jobTemplate" in self.version.spec

    def grown(self, *names: str) -> int:
        """Return by how much counts have grown together."""
        old, new = self.before.get("counts", {}), self.after.get("counts", {})
        return sum(new.get(name, 0) - old.get(name, 0) for name in names)

    def instant(self, status: Json, field: str) -> int | None:
        return instant_of(status[field]) if field in status else None

    def decided_until(self) -> int:
        """Return up to when fire times had been decided."""
        marks = [self.instant(self.before, field) for field in ("armedTime", "decidedUntilTime")]
        return max((mark for mark in marks if mark is not None), default=self.life.created - 1)

    def lateness(self, now: float) -> float:
        """Return by how many seconds the first fire time that is decided here is late at ``now``."""
        version = self.version
        jitter = 0 if version is None else version.spec.get("jitterSeconds", 0)
        return now - self.due[0] - jitter if self.due else 0.0

    def newly(self, field: str) -> dict[str, Json]:
        """Return the runs that a list has gained."""
        old = keys(self.before, field)
        return {key: run for key, run in keys(self.after, field).items() if key not in old}

    def _taken_up(self, version: Version) -> int:
        """Return how many Jobs are taken note of here that an older spec's decision has made: they count as runs.

        Not those that were asked for: where they reach the limit, what is due together with them is skipped.
        """
        new = {**self.newly("active"), **self.newly("history")}
        of_schedule = [run for key, run in new.items() if key not in self.life.runs and not run.get("request")]
        times = [instant_of(run["scheduledTime"]) for run in of_schedule]
        made = {job.fire_time for job in self.life.jobs if job.version < version.number}
        return sum(1 for at in times if at in made and not version.fires.between(at - 1, at))

    def _unstarted(self) -> int:
        """Return how many claims on record turn out never to have started: what was the last run may not be it."""
        gone = [key for key in keys(self.before, "active") if key not in keys(self.after, "active")]
        ended = {key for key, run in keys(self.after, "history").items() if run["outcome"] not in NEVER_STARTED}
        return sum(1 for key in gone if key not in ended)

    @cached_property
    def due(self) -> list[int]:
        """The fire times that this write decides, by our own reckoning."""
        version, cursor = self.version, self.instant(self.after, "decidedUntilTime")
        if version is None or cursor is None:
            return []
        started = min(status.get("counts", {}).get("started", 0) for status in (self.before, self.after))
        if started - self._unstarted() + self._taken_up(version) >= version.spec.get("maxRuns", math.inf):
            return []  # it has ended: only Jobs that are there move the cursor
        since = max(self.decided_until(), self.instant(self.after, "armedTime") or 0)
        return version.fires.between(since, cursor)


def adopted(it: Writing) -> list[str]:
    """Return the runs whose Jobs had been created without being recorded, and that no schedule names any more."""
    due, since = set(it.due), it.decided_until()
    found = []
    ended = {key: run for key, run in it.newly("history").items() if run["outcome"] not in NEVER_STARTED}
    for key, run in {**it.newly("active"), **ended}.items():
        if key in it.life.runs:
            continue
        job = it.life.job_of(key)
        at = instant_of(run["scheduledTime"])
        if job is not None and not run.get("request") and at not in due and at > since:
            found.append(key)
    return found


def known_by_its_job(it: Writing, run: Json) -> bool:
    """Return whether a run was started before this decision, as its Jobs show: the decision only takes note of it.

    Those are the Jobs of all of its attempts: the first may have failed before anybody recorded it.
    """
    version = it.version
    if version is None:
        return False
    at = run["scheduledTime"]  # of a request, too: its instant is in its Jobs
    jobs = [job for job in it.life.jobs if job.name == run["name"] or rfc3339(job.fire_time) == at]
    return any(job.maker != it.writer or job.version < version.number or job.stale for job in jobs)
