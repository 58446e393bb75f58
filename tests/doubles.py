"""Stand-ins for the engine's ports, and resources to show it. No stand-in for anything of the engine itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kalends.clock import Clock
from kalends.engine.core.compiler import Compiler, Surroundings
from kalends.engine.core.definition import Definition, Stored
from kalends.engine.core.schedule import Defaults, Schedule
from kalends.engine.core.state import Ref, State
from kalends.engine.executor_ports import ExecutorEvents, always
from kalends.engine.ports import JobView, Notice, Run, RunReport, Snapshot
from kalends.errors import Conflict, Gone, NoLongerWanted, StartDeferred, StartRefused, Unavailable
from kalends.model import Outcome, format_instant
from kalends.model.reasons import Reason
from kalends.stores.objects import read_object
from kalends.stores.status_record import encode

START = 1_795_000_000 - 1_795_000_000 % 60
"""An instant at a full minute: 2026-11-18T…Z."""


class LoopClock:
    """The event loop's time, as looptime has it, counted from START. A test may step the wall clock."""

    second = 1

    def __init__(self) -> None:
        self.step = 0.0

    def now(self) -> float:
        return START + self.monotonic() + self.step

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


def resource(name: str = "nightly", *, uid: str = "", generation: int = 1, created: int = START, **spec: Any) -> Any:
    """Return a ScheduledJob as the API server has it; a task unless it says otherwise."""
    if "jobTemplate" not in spec:
        spec.setdefault("task", {"name": "kalends.echo"})
    return {
        "apiVersion": "kalends.dev/v1alpha1",
        "kind": "ScheduledJob",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": uid or f"uid-of-{name}",
            "generation": generation,
            "resourceVersion": "1",
            "creationTimestamp": format_instant(created),
        },
        "spec": spec,
    }


JOB = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "busybox"}], "restartPolicy": "Never"}}}}


def every(seconds: int) -> dict[str, Any]:
    """Return the trigger of an interval."""
    return {"interval": {"seconds": seconds}}


def compiler(**defaults: Any) -> Compiler:
    """Return a compiler that refuses no target."""
    return Compiler(Surroundings(Defaults(**defaults)))


def definition_of(obj: Any) -> Definition:
    definition = read_object(obj).definition
    assert definition is not None
    return definition


def snapshot_of(obj: Any, **defaults: Any) -> Snapshot:
    return compiler(**defaults).compile(read_object(obj))


def schedule_of(obj: Any) -> Schedule:
    snapshot = snapshot_of(obj)
    assert snapshot.schedule is not None, snapshot.problem
    return snapshot.schedule


@dataclass
class Ledger:
    """Listens, and remembers."""

    notices: list[Notice] = field(default_factory=list)

    def notice(self, notice: Notice) -> None:
        self.notices.append(notice)


class Pool:
    """A pool whose runs take ``seconds`` of loop time, or continue until they are ended manually."""

    stuck = 0
    held_up = 0.0
    held_up_by = ""
    """Why no worker is free, in words."""

    def __init__(self, size: int = 10, seconds: float | None = 0.0, clock: Clock | None = None) -> None:
        self.size = size
        self.seconds = seconds
        self.started: list[Run] = []
        self.started_at: list[float] = []
        self.cancelled: list[str] = []
        self.cancelling_takes = 0.0
        self.outcome = Outcome.SUCCEEDED
        self.fails_with: Exception | None = None
        self._clock = clock or LoopClock()
        self.running: dict[str, Run] = {}
        self._open = False
        self._events: ExecutorEvents

    async def open(self, events: ExecutorEvents) -> None:
        self._events = events
        self._open = True

    def obstacle(self) -> str:
        return self.held_up_by

    def free_slots(self) -> int:
        return 0 if self.held_up_by else self.size - len(self.running)

    async def check(self, run: Run) -> None:
        return

    async def start(self, run: Run) -> None:
        if self.fails_with is not None:
            raise self.fails_with
        if run.name in self.running:
            return
        if not self._open or self.free_slots() <= 0:
            raise Unavailable("no worker is free")
        self.started.append(run)
        self.started_at.append(self._clock.now())
        self.running[run.name] = run
        loop = asyncio.get_running_loop()
        if self.seconds is not None:
            loop.call_later(self.seconds, self.end, run.name)
        if run.time_limit is not None:
            loop.call_later(run.time_limit, self.end, run.name, Outcome.TIMED_OUT, Reason.TIMED_OUT)

    def end(self, name: str, outcome: Outcome | None = None, reason: str = "") -> None:
        run = self.running.pop(name, None)
        if run is None:
            return
        now = int(self._clock.now())
        outcome = outcome or self.outcome
        self._events.ended(RunReport(run.ref, run.name, run.fire_time, outcome, now, now, reason, result='"done"'))
        if reason == Reason.OWNER_DELETED:
            self._events.freed()

    async def cancel(self, run_name: str, ref: Ref, reason: Reason, *, job_uid: str = "") -> None:
        """It is gone after ``cancelling_takes`` seconds, and not before."""
        self.cancelled.append(run_name)
        run = self.running.get(run_name)
        if run is not None and run.ref.uid == ref.uid:
            asyncio.get_running_loop().call_later(self.cancelling_takes, self.end, run_name, Outcome.CANCELLED, reason)

    async def close(self, grace: float) -> None:
        self._open = False
        ends_at = self._clock.monotonic() + grace
        while self.running and self._clock.monotonic() < ends_at:
            await asyncio.sleep(0.1)
        for name in list(self.running):
            self.end(name, Outcome.CANCELLED, Reason.SHUTTING_DOWN)

    @property
    def fire_times(self) -> list[int]:
        return [run.fire_time for run in self.started]


class Cluster:
    """Kubernetes Jobs without Kubernetes: names are unique, and what was created stays until it is deleted."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.created: list[str] = []
        self.cancelled: list[str] = []
        self.cancelling_takes = 0.0
        self.jobs: dict[str, dict[str, JobView]] = {}
        self.hidden: dict[str, JobView] = {}
        self.stripped: dict[str, dict[str, JobView]] = {}
        self.looked: list[str] = []
        self.looked_for_uids: list[str] = []
        self.cancelled_uids: list[str] = []
        self.down = False
        self.refuses: StartRefused | None = None
        self.defers: StartDeferred | Unavailable | None = None
        self.size: int | None = None
        """How many Jobs may be unfinished at once; None: any number."""
        self.most = 0
        """How many were unfinished at once."""
        self.seconds: float | None = None
        """After so many seconds a Job ends by itself, with this outcome."""
        self.outcome = Outcome.SUCCEEDED
        self.quota: int | None = None
        """How many Jobs there may be at once."""
        self.tries = 0
        self.checks = 0
        self.check_is_down = False
        self.refuses_check: StartRefused | None = None
        self._clock = clock or LoopClock()
        self._gone: set[tuple[str, str]] = set()
        self._events: ExecutorEvents | None = None

    async def open(self, events: ExecutorEvents) -> None:
        self._events = events

    def _freed(self) -> None:
        if self._events is not None:
            self._events.freed()

    def report_changed(self, ref: Ref) -> None:
        if self._events is not None:
            self._events.changed(ref)

    def free_slots(self) -> int:
        return 1_000_000 if self.size is None else self.size - self.unfinished()

    def unfinished(self) -> int:
        return sum(job.report is None for jobs in self.jobs.values() for job in jobs.values())

    async def check(self, run: Run) -> None:
        self.checks += 1
        if self.check_is_down:
            raise Unavailable("500 failed calling webhook")
        if self.refuses_check is not None:
            raise self.refuses_check

    async def start(self, run: Run, is_wanted: Callable[[], bool] = always) -> None:
        if not is_wanted():
            raise NoLongerWanted("it was withdrawn before it was sent")
        jobs = self.jobs.setdefault(run.ref.uid, {})
        if run.name in jobs:
            return
        self.tries += 1
        if self.down:
            raise Unavailable("the API server is down")
        if self.refuses is not None:
            raise self.refuses
        if self.defers is not None:
            raise self.defers
        if self.quota is not None and sum(len(one) for one in self.jobs.values()) >= self.quota:
            raise StartDeferred(f"403 Forbidden: exceeded quota: few, used: count/jobs.batch={self.quota}")
        if run.name not in jobs and (run.ref.uid, run.name) not in self._gone:
            self.created.append(run.name)
            jobs[run.name] = JobView(
                run.name,
                run.fire_time,
                int(self._clock.now()),
                attempt=run.attempt,
                request=run.request,
                uid=f"uid-{len(self.created)}",
            )
            self.most = max(self.most, self.unfinished())
            if self.seconds is not None:
                asyncio.get_running_loop().call_later(self.seconds, self.end, run.ref, run.name, self.outcome)

    def end(self, ref: Ref, name: str, outcome: Outcome = Outcome.SUCCEEDED) -> None:
        job = self.jobs[ref.uid][name]
        now = int(self._clock.now())
        report = RunReport(ref, name, job.fire_time, outcome, job.created, now)
        self.jobs[ref.uid][name] = replace(job, report=report)
        self.report_changed(ref)
        self._freed()

    def views(self, ref: Ref) -> Sequence[JobView] | None:
        return tuple(self.jobs.get(ref.uid, {}).values())

    def orphans(self, ref: Ref) -> Sequence[JobView]:
        return tuple(self.stripped.get(ref.uid, {}).values())

    def is_gone(self, ref: Ref, job: str) -> bool:
        return (ref.uid, job) in self._gone

    async def look(self, ref: Ref, job: str, uid: str = "") -> None:
        """Read a Job that is not shown: hidden ones are shown again, and followed by name."""
        self.looked.append(job)
        self.looked_for_uids.append(uid)
        hidden = self.hidden.pop(job, None)
        if hidden is None:
            self._gone.add((ref.uid, job))
        else:
            self.stripped.get(ref.uid, {}).pop(job, None)
            self.jobs[ref.uid][job] = replace(hidden, altered=True)
        self.report_changed(ref)

    def hide(self, ref: Ref, name: str) -> None:
        """Take a Job out of sight, as a watch does with one that has lost its label."""
        self.hidden[name] = self.jobs[ref.uid].pop(name)
        self.report_changed(ref)

    async def delete(self, ref: Ref, job: str) -> None:
        del self.jobs[ref.uid][job]

    async def cancel(self, run_name: str, ref: Ref, reason: Reason, *, job_uid: str = "") -> None:
        """The Job is there for ``cancelling_takes`` seconds more, until its pods are gone."""
        self.cancelled.append(run_name)
        self.cancelled_uids.append(job_uid)
        job = self.jobs.get(ref.uid, {}).get(run_name)
        if job is None or job.report is not None or reason is Reason.OWNER_DELETED:
            return
        asyncio.get_running_loop().call_later(self.cancelling_takes, self.vanish, ref, run_name)

    def vanish(self, ref: Ref, name: str) -> None:
        """Let a Job be gone, as by somebody's hand."""
        if self.jobs.get(ref.uid, {}).pop(name, None) is not None:
            self._gone.add((ref.uid, name))
            self.report_changed(ref)
            self._freed()

    async def close(self, grace: float) -> None:
        return


class ObjectStore:
    """A job store in memory that keeps ScheduledJobs as the API server would, with versions that conflict."""

    def __init__(self) -> None:
        self._objects: dict[str, Any] = {}
        self._version = 0
        self.latency = 0.0
        """Seconds that a write takes: other decisions are made during this time."""

    def put(self, obj: Any) -> Any:
        """Create or replace an object's metadata and spec, as ``kubectl apply`` does; its status stays."""
        meta = obj["metadata"]
        key = f"{meta.get('namespace') or 'default'}/{meta['name']}"
        known = self._objects.get(key)
        status = known.get("status", {}) if known and known["metadata"]["uid"] == meta["uid"] else {}
        self._objects[key] = self._stamped({"status": status, **obj})
        return self._objects[key]

    def replace_status(self, key: str, status: dict[str, Any]) -> None:
        """Replace the status, as a user does with ``kubectl edit --subresource=status``."""
        self._objects[key] = self._stamped({**self._objects[key], "status": status})

    def remove(self, key: str) -> None:
        """Delete an object."""
        del self._objects[key]

    def snapshot(self, key: str) -> Stored:
        """Return an object as it now is."""
        return read_object(self._objects[key])

    def status(self, key: str) -> Any:
        """Return what is recorded."""
        return self._objects[key]["status"]

    async def write(
        self, ref: Ref, version: str, before: State | None, after: State, *, keeps_unread: bool = False
    ) -> str:
        """Record a state."""
        await asyncio.sleep(self.latency)
        known = self._find_version(ref, version)
        self._objects[ref.key] = self._stamped({**known, "status": encode(after)})
        return str(self._version)

    async def read(self, ref: Ref) -> Stored:
        """Return the resource as it now is."""
        return read_object(self._find(ref))

    async def delete(self, ref: Ref, version: str) -> None:
        """Delete the resource itself."""
        self._find_version(ref, version)
        self.remove(ref.key)

    def _find(self, ref: Ref) -> Any:
        known = self._objects.get(ref.key)
        if known is None or known["metadata"]["uid"] != ref.uid:
            raise Gone(f"{ref.key} is not there")
        return known

    def _find_version(self, ref: Ref, version: str) -> Any:
        known = self._find(ref)
        if known["metadata"]["resourceVersion"] != version:
            raise Conflict(f"{ref.key} is at {known['metadata']['resourceVersion']}, not at {version}")
        return known

    def _stamped(self, obj: dict[str, Any]) -> Any:
        self._version += 1
        return {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self._version)}}
