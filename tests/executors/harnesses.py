"""A harness for each executor: it starts runs that end by themselves, and runs that the test ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from doubles import JOB, START, Cluster, Pool
from executors.local import REF, Listening, patient_threads, processes
from kalends.clock import SystemClock
from kalends.engine.core.schedule import JobTemplate, TaskCall
from kalends.engine.core.state import Ref
from kalends.engine.core.target import Target
from kalends.engine.executor_ports import Executor
from kalends.engine.ports import JobView, Run, RunReport
from kalends.executors.jobs.executor import JobsExecutor
from kalends.executors.jobs.seen_jobs import SeenJobs
from kalends.executors.local_jobs.pool import CommandsExecutor
from kalends.executors.pools.pool import PoolExecutor
from kalends.kube.client.client import ApiClient
from kalends.kube.client.paths import JOBS
from kalends.kube.informers.informer import Informer
from kalends.model import format_instant
from kube.fake_api import FakeApi
from kube.fake_clock import LoopClock as ApiClock
from kube.fake_objects import Collection
from narrowing import present

SIZE = 2


class Harness(Protocol):
    """One executor, and what a test needs around it."""

    heard: Listening

    @property
    def executor(self) -> Executor: ...

    def brief(self, number: int) -> Run:
        """Return a run that ends well by itself, or by ``let_end``."""
        ...

    def lasting(self, number: int, limit: int | None = None) -> Run:
        """Return a run that continues for longer than any test."""
        ...

    async def let_end(self, run: Run) -> None: ...

    async def report_of(self, run: Run) -> RunReport: ...

    def is_active(self, run: Run) -> bool:
        """Return whether the executor shows the run as active."""
        ...

    async def until_gone(self, run: Run) -> None: ...

    async def close(self) -> None: ...


class Local:
    """Workers of this machine."""

    def __init__(self, executor: Executor, brief: Target, lasting: Target) -> None:
        self.executor = executor
        self.heard = Listening()
        self._brief, self._lasting = brief, lasting

    def brief(self, number: int) -> Run:
        return Run(REF, f"nightly-{START + number}", START + number, self._brief, "x")

    def lasting(self, number: int, limit: int | None = None) -> Run:
        return Run(REF, f"nightly-{START + number}", START + number, self._lasting, "x", time_limit=limit)

    async def let_end(self, run: Run) -> None:
        return

    async def report_of(self, run: Run) -> RunReport:
        await self.heard.until(lambda: any(report.name == run.name for report in self.heard.reports))
        (report,) = [report for report in self.heard.reports if report.name == run.name]
        return report

    def is_active(self, run: Run) -> bool:
        return self.executor.free_slots() < SIZE

    async def until_gone(self, run: Run) -> None:
        await self.report_of(run)

    async def close(self) -> None:
        await self.executor.close(0)


class LocalStandIn(Local):
    """The stand-in for pools, whose runs end when they are asked to."""

    def __init__(self) -> None:
        self.pool = Pool(SIZE, seconds=None)
        super().__init__(self.pool, TaskCall("a", (), {}), TaskCall("b", (), {}))

    async def let_end(self, run: Run) -> None:
        self.pool.end(run.name)


class InCluster:
    """What is common to Jobs and their stand-in: a run is seen in its Job's view."""

    def __init__(self, executor: JobsExecutor | Cluster, ref: Ref = REF) -> None:
        self.executor = executor
        self.ref = ref
        self.heard = Listening()

    def brief(self, number: int) -> Run:
        template = JobTemplate({}, {}, {"template": {"spec": {"containers": [{"name": "main", "image": "busybox"}]}}})
        return Run(self.ref, f"nightly-{START + number}", START + number, template, "jobs")

    def lasting(self, number: int, limit: int | None = None) -> Run:
        return self.brief(number)

    async def report_of(self, run: Run) -> RunReport:
        await self.heard.until(lambda: self._report(run) is not None)
        report = self._report(run)
        assert report is not None
        return report

    def _report(self, run: Run) -> RunReport | None:
        return next((view.report for view in self._views(run) if view.name == run.name), None)

    def _views(self, run: Run) -> Sequence[JobView]:
        return present(self.executor.views(run.ref))

    def is_active(self, run: Run) -> bool:
        return any(view.name == run.name and view.report is None for view in self._views(run))

    async def until_gone(self, run: Run) -> None:
        await self.heard.until(lambda: not any(view.name == run.name for view in self._views(run)))


class ClusterStandIn(InCluster):
    def __init__(self) -> None:
        self.cluster = Cluster()
        super().__init__(self.cluster)

    async def let_end(self, run: Run) -> None:
        self.cluster.end(run.ref, run.name)

    async def close(self) -> None:
        return


class Jobs(InCluster):
    """Jobs on an API server in memory, with an informer, and a garbage collector that comes every second."""

    def __init__(self) -> None:
        clock = ApiClock()
        self.api = FakeApi(now=clock.now)
        self.client = ApiClient(self.api.connect(), clock)
        seen = SeenJobs()
        seen.all_are_listed()
        jobs = JobsExecutor(self.client, clock, seen)
        owner = self.api.objects.create(
            Collection("kalends.dev/v1alpha1", "scheduledjobs"),
            "default",
            {"metadata": {"name": "nightly"}, "spec": {"schedule": "@daily", "jobTemplate": JOB}},
        )
        super().__init__(jobs, Ref("default", "nightly", owner["metadata"]["uid"]))
        self._informer = Informer(self.client, JOBS.collection(), clock=clock, on_change=seen.job_changed)
        self._tasks: list[asyncio.Task[None]] = []

    def brief(self, number: int) -> Run:
        # Fixtures are made before fake time begins; whatever waits for an instant starts with the test.
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._informer.run()), asyncio.create_task(self._collect_garbage())]
        return super().brief(number)

    async def _collect_garbage(self) -> None:
        while True:
            await asyncio.sleep(1)
            self.api.objects.collect_garbage()

    async def let_end(self, run: Run) -> None:
        end = {"type": "Complete", "status": "True", "lastTransitionTime": format_instant(START + 60)}
        path = JOBS.named(run.ref.namespace, run.name, "status")
        await self.client.merge_patch(path, {"status": {"conditions": [end]}})

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for end in await asyncio.gather(*self._tasks, return_exceptions=True):
            assert isinstance(end, asyncio.CancelledError), end


def _command(*script: str) -> JobTemplate:
    return JobTemplate({}, {}, {"template": {"spec": {"containers": [{"name": "main", "command": list(script)}]}}})


REAL: dict[str, Callable[[], Harness]] = {
    "threads": lambda: Local(
        PoolExecutor(SIZE, patient_threads(), SystemClock()),
        TaskCall("kalends.echo", (), {}),
        TaskCall("kalends.sleep", (60,), {}),
    ),
    "processes": lambda: Local(
        PoolExecutor(SIZE, processes(), SystemClock()),
        TaskCall("kalends.echo", (), {}),
        TaskCall("kalends.sleep", (60,), {}),
    ),
    "commands": lambda: Local(CommandsExecutor(SIZE, SystemClock()), _command("true"), _command("sleep", "60")),
}
SIMULATED: dict[str, Callable[[], Harness]] = {
    "jobs": Jobs,
    "stand-in for pools": LocalStandIn,
    "stand-in for jobs": ClusterStandIn,
}
POOLS = ("threads", "processes", "commands", "stand-in for pools")
