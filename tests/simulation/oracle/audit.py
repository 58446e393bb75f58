"""Watches a world, keeps its books, and says at once what is not as it was promised."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

from kalends.engine.ports import Run
from kalends.kube.wire.transport import Request
from kube.fake_objects import Write
from simulation.bodies import Body
from simulation.instants import is_ours
from simulation.loop import Process
from simulation.network import body_of
from simulation.oracle.books import Books, Life
from simulation.oracle.ending import unsettled
from simulation.oracle.firetimes import FOREVER
from simulation.oracle.policies import wrong_choices, wrong_with_removal
from simulation.oracle.record import wrong_sums
from simulation.oracle.releases import Leases, wrong_with_maker, wrong_with_release
from simulation.oracle.reported_changes import reported_change
from simulation.oracle.runs import wrong_attempts, wrong_ends, wrong_starts
from simulation.oracle.truth import Asked, wrong_with_asking, wrong_with_body
from simulation.oracle.writing import Writing, key_of
from simulation.server import JOBS, LEASES, SCHEDULED_JOBS

if TYPE_CHECKING:
    from simulation.replicas import Replica
    from simulation.world import World

Json = dict[str, Any]
MOST_REQUESTS = 1200
"""Requests of one operator within a minute of true time: Jobs every two seconds, each tried six times, take 400."""

CLAIMS = (wrong_sums, wrong_starts, wrong_ends, wrong_attempts, wrong_choices)
"""About every write of a status."""
CALM = 60.0
"""Seconds without trouble after which nothing is late: requests that hang are given up after thirty, and only then does
a replica look for the first time at a lease that has fifteen to go."""
ON_TIME = 1.5
"""Seconds, of which creating a Job takes some, and writing the status."""
UNTOLD = 2.0
"""Seconds that a fire time may wait for a worker before that is on record."""
UNFENCED = 15.0
"""Seconds after the deletion of a lease during which its holder may still count on it."""
DECIDED_WITHIN = 120.0
"""Seconds, pauses and slow answers included, within which a decision is written."""


class Audit:
    """The auditor of one world."""

    def __init__(self, world: World) -> None:
        self.wrong: list[str] = []
        self.failed = asyncio.Event()
        self.books = Books()
        self.leaders: dict[str, str] = {}
        """Who holds the Lease of each release."""
        self.leases = Leases(world.loop.time)
        self._world = world
        self._lease_deleted: dict[str, float] = {}
        self.requests: Counter[tuple[str, int]] = Counter()
        """Requests by process and minute."""
        world.server.listeners.append(self._written)
        world.bodies.on_enter = self._entered
        world.bodies.on_leave = self._left

    def accuse(self, what: str) -> None:
        """Take note of something that must not be."""
        self.wrong.append(f"{self._world.loop.time():.3f} s: {what}")
        self._world.story.tell("AUDIT", f"✗ {what}")
        self.failed.set()

    def settled(self) -> None:
        """Check what must hold once all is quiet."""
        for what in unsettled(self._world, self.books):
            self.accuse(what)

    @property
    def leader(self) -> str:
        """Who holds the Lease of the first release."""
        return self.leaders.get(self._world.replicas[0].lease, "")

    @property
    def acting(self) -> frozenset[str]:
        """The names of the processes that run and may act: not those of a release that another process leads."""
        return frozenset(name for name in self._world.alive if self._leader(name) in {"", name})

    def _leader(self, process: str) -> str:
        """Return who alone of a process' release may act, where that is certain."""
        return self.leaders.get(self.replica_of(process).lease, "") if self._is_fenced(process) else ""

    def _is_fenced(self, process: str) -> bool:
        deleted = self._lease_deleted.get(self.replica_of(process).lease, -UNFENCED)
        return self._world.loop.time() - deleted > UNFENCED

    # -- what it is told

    def shown(self, process: Process, kind: str | None, obj: Json) -> None:
        self.books.shown(process, kind, obj)

    def sent(self, process: Process, request: Request) -> None:
        """Check what an operator sends at the moment when it sends it."""
        minute = (process.name, int(self._world.loop.time() // 60))
        self.requests[minute] += 1
        if self.requests[minute] == MOST_REQUESTS:
            self.accuse(f"{process.name} has sent {MOST_REQUESTS} requests within a minute")
        acts = request.method != "GET" and any(word in request.path for word in ("/jobs", "/scheduledjobs"))
        leader = self._leader(process.name)
        if acts and not request.params.get("dryRun") and leader not in {"", process.name}:
            self.accuse(f"{process.name} sends {request.method} {request.path}, but {leader} leads")
        if request.method == "POST" and request.path.endswith("/jobs") and not request.params.get("dryRun"):
            annotations = body_of(request)["metadata"]["annotations"]
            life = self.books.by_number[int(annotations["simulation/life"])]
            seen, version = life.shown.get(process, 0), int(annotations["simulation/version"])
            if version < seen:
                name = body_of(request)["metadata"]["name"]
                self.accuse(f"{process.name} asks for Job {name} of version {version}, but has seen version {seen}")

    def asked(self, process: Process, run: Run) -> None:
        """Check a run when its pool is asked to start it: what comes after that is beyond anybody's control."""
        clock = self.replica_of(process.name).clock
        latest = max(replica.clock.shown(FOREVER)[1] for replica in self._world.replicas)
        by = process.name
        asked = Asked(by, run, clock.now(), latest, self._leader(by), self._is_fenced(by))
        life = self.books.lives[run.ref.uid]
        for what in wrong_with_asking(asked, life, life.shown.get(process, 0)):
            self.accuse(what)

    def _entered(self, body: Body) -> None:
        where = body.process.name if body.process is not None else "node"
        self._world.story.tell(where, f"{body.kind} {body.name} begins (version {body.version})")
        life = self.books.by_number[body.life]
        for what in wrong_with_body(body, life, self._world.bodies, self.acting):
            self.accuse(what)

    def _left(self, body: Body) -> None:
        where = body.process.name if body.process is not None else "node"
        self._world.story.tell(where, f"{body.kind} {body.name} has {body.end}")

    def replica_of(self, process: str) -> Replica:
        """Return whose process it is, or was."""
        return next(one for one in self._world.replicas if process.startswith(f"op-{one.name}"))

    # -- what the API server writes

    def _written(self, writer: str, write: Write) -> None:
        now = self._world.loop.time() + self._world.epoch
        if write.collection == SCHEDULED_JOBS:
            self._resource(writer, write, now)
        elif write.collection == JOBS:
            self._job(writer, write, now)
        elif write.collection == LEASES:
            self._lease(write)

    def _resource(self, writer: str, write: Write, now: float) -> None:
        obj = write.after
        if write.before is None:
            self.books.created(obj, now)
            return
        life = self.books.lives[obj["metadata"]["uid"]]
        if write.kind == "DELETED":
            life.deleted = now
            for what in wrong_with_removal(writer, life):
                self.accuse(f"{life.name}: {what}")
            self._world.story.tell("server", f"{life.name} (life {life.number}) is gone")
            return
        self.books.edited(obj, now)
        before, after = life.status, obj.get("status", {})
        if before != after:
            self._status(writer, life, before, after)

    def _status(self, writer: str, life: Life, before: Json, after: Json) -> None:
        self._world.story.tell(writer, f"records {life.name}: {reported_change(before, after)}")
        earliest, latest = self.replica_of(writer).clock.shown(DECIDED_WITHIN)
        behind = max(0.0, self._world.now() - earliest)
        it = Writing(life, before, after, writer, self._leader(writer), latest, behind, self._world.bodies)
        for what in wrong_with_release(it, self.replica_of(writer).lease, self.leases):
            self.accuse(f"{life.name}: {what}")
        if it.version is None:
            self.accuse(f"{life.name}: generation {after.get('observedGeneration')} never was")
            return
        for claims in CLAIMS:
            for what in claims(it):
                self.accuse(f"{life.name}: {what}")
        late = it.lateness(self.replica_of(writer).clock.now())
        if self._world.calm() > CALM and late > ON_TIME + (0.0 if it.makes_jobs else UNTOLD):
            self.accuse(f"{life.name}: {it.due[0]} is decided {late:.1f} s late, although all has been well")
        life.recorded(after, self._world.loop.time())
        for field in ("active", "history"):
            for run in after.get(field, ()):
                if run.get("outcome") not in {"Missed", "Skipped"} and "count" not in run:
                    life.runs.setdefault(key_of(run), run["name"])
                    life.reported.update((run["scheduledTime"], run["name"]))
                    job = life.job(run["name"])
                    # A claim, or a wait for the next attempt, speaks of no Job, though one of that name was there. And
                    # the Job whose name was taken is another one.
                    disbelieved = job is not None and job.is_premature and run.get("reason") == "NameTaken"
                    if job is not None and not run.get("holder") and not run.get("retryTime") and not disbelieved:
                        job.recorded = True
        life.waited.update(key_of(run) for run in after.get("queued", ()))

    def _job(self, writer: str, write: Write, now: float) -> None:
        job = write.after
        if not is_ours(job):
            return
        name = job["metadata"]["name"]
        if write.kind == "ADDED":
            self._world.story.tell(writer, f"creates Job {name}")
            self._check_new_job(writer, job)
            self.books.job_created(writer, job, now, stale=self._world.network.stale)
        elif write.kind == "DELETED":
            self._world.story.tell(writer, f"Job {name} is gone")
            self.books.job_deleted(job, now)
        if write.kind == "DELETED" or "deletionTimestamp" in job["metadata"]:
            self.books.job_leaves(job, writer)

    def _check_new_job(self, writer: str, job: Json) -> None:
        life = self.books.owner(job)
        if life is None:
            return
        for what in wrong_with_maker(life, self.replica_of(writer).lease, self.leases):
            self.accuse(f"Job {job['metadata']['name']} is made by {writer}, but {what}")
        name = job["metadata"]["name"]
        earlier = [made for made in life.jobs if made.name == name]
        # What arrives when its sender is long gone finds no fence: a create has no precondition.
        if any(made.recorded for made in earlier) and not self._world.network.stale:
            self.accuse(f"Job {name} is made a second time, although its run is on record")

    def _lease(self, write: Write) -> None:
        # Nobody can tell a lease that was deleted from one that never was: for a moment two may lead.
        holder = "" if write.kind == "DELETED" else write.after.get("spec", {}).get("holderIdentity") or ""
        lease = write.after["metadata"]["name"]
        if holder != self.leaders.get(lease, ""):
            self._world.story.tell("lease", f"is held by {holder or 'nobody'}")
            self.leaders[lease] = holder
        if write.kind == "DELETED":
            self._lease_deleted[lease] = self._world.loop.time()
        elif holder:
            self.leases.renewed(lease)
