"""The books of the world: each resource's life, from what the API server was told and what really ran."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from kalends.conversion.v1alpha1 import RESTORED_ANNOTATION
from kalends.engine.core.schedule import REQUEST_ANNOTATION
from kalends.engine.runs.proofs_of_start import CLOCK_SLACK
from simulation.instants import fire_time_of, instant_of, rfc3339
from simulation.loop import Process
from simulation.oracle.firetimes import FireTimes

Json = dict[str, Any]
NEVER_AGAIN = 1 << 30
"""The version that an operator has seen of a resource once it has seen that it is gone."""


@dataclass(frozen=True, slots=True)
class Version:
    """One generation of a spec."""

    generation: int
    number: int
    spec: Json
    written: float
    """When it was written, in true time."""
    fires: FireTimes


@dataclass(slots=True)
class JobLife:
    """One Job of a resource."""

    name: str
    uid: str
    fire_time: int
    created: float
    maker: str
    version: int
    stale: bool
    """Whether its maker had died, or did not wait any more, when the request arrived."""
    recorded: bool = False
    """Whether some status has named its run."""
    deleted: float | None = None
    deleter: str = ""
    """Who had it deleted, where somebody had."""

    @property
    def is_premature(self) -> bool:
        """Whether it was made by a clock that was too far ahead: only its maker knows it from a forged Job."""
        return self.fire_time > self.created + CLOCK_SLACK


@dataclass(slots=True)
class Life:
    """One resource, from its creation to its end."""

    uid: str
    name: str
    number: int
    created: int
    restored: bool = False
    """Whether it is marked as coming from a backup."""
    came_with: str = ""
    """The token of the request that it was created with: a request of a life before, which must not run again."""
    versions: dict[int, Version] = field(default_factory=dict)
    status: Json = field(default_factory=dict)
    operator_since: float = 0.0
    """Since when the record names the operator that it names."""
    deleted: float | None = None
    shown: dict[Process, int] = field(default_factory=dict)
    """The newest version that each operator has been shown."""
    runs: dict[str, str] = field(default_factory=dict)
    """Every run that was ever started on record, by fire time or request, with its name."""
    reported: set[str] = field(default_factory=set)
    """The fire time and the name of every run that was ever on record."""
    waited: set[str] = field(default_factory=set)
    """Every run that was ever queued."""
    jobs: list[JobLife] = field(default_factory=list)

    def recorded(self, status: Json, at: float) -> None:
        """Take note of a status that was written."""
        if self.status.get("operator") != status.get("operator"):
            self.operator_since = at
        self.status = status

    def job_of(self, key: str) -> JobLife | None:
        """Return the first Job that was made for a fire time."""
        return next((job for job in self.jobs if rfc3339(job.fire_time) == key), None)

    @property
    def unknown_jobs(self) -> set[str]:
        """The UIDs of Jobs that were deleted before any record named their run: no operator knows of them."""
        return {job.uid for job in self.jobs if not job.recorded and job.deleted is not None}

    def disbelieved_jobs(self, acting: AbstractSet[str]) -> set[str]:
        """Return the UIDs of Jobs of a clock too far ahead, which are not recorded and whose makers do not act.

        To every other process each looks like a Job that an account with the permission named after a future fire time.
        """
        return {job.uid for job in self.jobs if job.is_premature and not job.recorded and job.maker not in acting}

    @property
    def newest(self) -> Version:
        return self.versions[max(self.versions)]

    def job(self, name: str) -> JobLife | None:
        """Return the last Job of a name."""
        return next((job for job in reversed(self.jobs) if job.name == name), None)


class Books:
    """All lives, by UID."""

    def __init__(self) -> None:
        self.lives: dict[str, Life] = {}
        self.by_number: dict[int, Life] = {}

    def created(self, obj: Json, now: float) -> None:
        meta = obj["metadata"]
        number, _ = reported_by(obj["spec"])
        life = Life(meta["uid"], meta["name"], number, instant_of(meta["creationTimestamp"]))
        annotations = meta.get("annotations") or {}
        life.restored = annotations.get(RESTORED_ANNOTATION) == "true"
        life.came_with = annotations.get(REQUEST_ANNOTATION, "")
        self.lives[life.uid] = self.by_number[number] = life
        self.edited(obj, now)

    def edited(self, obj: Json, now: float) -> None:
        meta, spec = obj["metadata"], obj["spec"]
        life = self.lives[meta["uid"]]
        generation = meta["generation"]
        if generation not in life.versions:
            _, number = reported_by(spec)
            if life.restored and not life.status:
                # It is held until it is edited after the first record. An edit before that may be part of the restore.
                spec = {**spec, "suspend": True}
            fires = FireTimes(spec, life.created)
            life.versions[generation] = Version(generation, number, spec, now, fires)

    def shown(self, process: Process, kind: str | None, obj: Json) -> Life | None:
        """Take note of what an operator has been shown."""
        life = self.lives.get(obj["metadata"]["uid"])
        if life is None:
            return None
        for other in self.lives.values():
            if other.name == life.name and other.number < life.number:
                other.shown[process] = NEVER_AGAIN
        gone = kind == "DELETED" or "deletionTimestamp" in obj["metadata"]
        version = NEVER_AGAIN if gone else reported_by(obj["spec"])[1]
        life.shown[process] = max(life.shown.get(process, 0), version)
        return life

    def job_created(self, maker: str, job: Json, now: float, *, stale: bool) -> None:
        life = self.owner(job)
        if life is not None:
            meta = job["metadata"]
            version = int(meta["annotations"]["simulation/version"])
            life.jobs.append(JobLife(meta["name"], meta["uid"], fire_time_of(job), now, maker, version, stale))

    def job_deleted(self, job: Json, now: float) -> None:
        life = self.owner(job)
        for made in () if life is None else life.jobs:
            if made.uid == job["metadata"]["uid"]:
                made.deleted = now

    def job_leaves(self, job: Json, deleter: str) -> None:
        life = self.owner(job)
        for made in () if life is None else life.jobs:
            if made.uid == job["metadata"]["uid"]:
                made.deleter = made.deleter or deleter

    def owner(self, job: Json) -> Life | None:
        """Return whose a Job is."""
        references = job["metadata"].get("ownerReferences") or ()
        named = next((self.lives[one["uid"]] for one in references if one["uid"] in self.lives), None)
        if named is not None:
            return named
        # Its owner references were removed after it was created.
        uid = job["metadata"]["uid"]
        return next((life for life in self.lives.values() if any(made.uid == uid for made in life.jobs)), None)


def reported_by(spec: Json) -> tuple[int, int]:
    """Return the life and the version that a spec carries."""
    if "jobTemplate" in spec:
        reported = spec["jobTemplate"]["metadata"]["annotations"]
        return int(reported["simulation/life"]), int(reported["simulation/version"])
    reported = spec["task"]["kwargs"]
    return reported["life"], reported["version"]
