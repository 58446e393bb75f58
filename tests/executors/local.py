"""What tests of pools share: a pool that is closed, and reports that can be waited for."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from executors import leaving_tasks, odd_tasks, sample_tasks
from kalends.clock import SystemClock
from kalends.engine.core.schedule import TaskCall
from kalends.engine.core.state import Ref
from kalends.engine.ports import Run, RunReport
from kalends.executors.jobs.seen_jobs import SeenJobs
from kalends.executors.pools.pool import PoolExecutor
from kalends.executors.pools.processes import ProcessWorkers
from kalends.executors.pools.resolvers import RegisteredTasks
from kalends.executors.pools.threads import ThreadWorkers
from kalends.executors.pools.worker_ports import Workers
from kalends.tasks import Registry, builtin

REF = Ref("default", "nightly", "uid")
PATIENCE = 120
"""Seconds. Machines may be busy; what takes so long hangs."""


def registry() -> Registry:
    return Registry([builtin, sample_tasks, odd_tasks, leaving_tasks])


def threads() -> ThreadWorkers:
    return ThreadWorkers(RegisteredTasks(registry()))


def patient_threads() -> ThreadWorkers:
    """Return threads that have long to heed the end of their run, as they may need long to get a processor."""
    workers = threads()
    workers.patience = PATIENCE
    return workers


def processes() -> ProcessWorkers:
    return ProcessWorkers(RegisteredTasks(registry()))


def all_listed() -> SeenJobs:
    """Return the Jobs as informers show them that have listed all."""
    seen = SeenJobs()
    seen.all_are_listed()
    return seen


class Listening:
    """Listens to an executor."""

    def __init__(self) -> None:
        self.reports: list[RunReport] = []
        self.times_freed = 0
        self.changes: list[Ref] = []
        self.news = asyncio.Event()

    def ended(self, report: RunReport) -> None:
        self.reports.append(report)
        self.news.set()

    def changed(self, ref: Ref) -> None:
        self.changes.append(ref)
        self.news.set()

    def freed(self) -> None:
        self.times_freed += 1
        self.news.set()

    async def wait(self, count: int) -> list[RunReport]:
        await self.until(lambda: len(self.reports) >= count)
        return self.reports

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds():
                self.news.clear()
                await self.news.wait()


@asynccontextmanager
async def pool_of(
    workers: Workers, size: int = 2, *, replaced: int = 0
) -> AsyncIterator[tuple[PoolExecutor, Listening]]:
    pool = PoolExecutor(size, workers, SystemClock(), replaced=replaced)
    listening = Listening()
    await pool.open(listening)
    try:
        yield pool, listening
    finally:
        sample_tasks.RELEASE.set()
        await pool.close(0)
        sample_tasks.RELEASE.clear()
        sample_tasks.BEGAN.clear()


def run_of(task: str, *args: object, number: int = 1, limit: int | None = None, ref: Ref = REF) -> Run:
    return Run(ref, f"nightly-{number}", number, TaskCall(task, args, {}), "default", time_limit=limit)


async def result_of(workers: Workers, task: str, *args: object) -> RunReport:
    """Return how one run ended."""
    async with pool_of(workers, 1) as (pool, listening):
        await pool.start(run_of(task, *args))
        (report,) = await listening.wait(1)
        return report


async def written(file: Path) -> str:
    """Return what a task writes to a file, once it has."""
    async with asyncio.timeout(PATIENCE):
        while not (text := _text(file)):
            await asyncio.sleep(0.01)
    return text


def _text(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def is_running(pid: int) -> bool:
    if sys.platform == "linux":
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return False
        return state not in {"Z", "X"}
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def until_gone(pid: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while is_running(pid):
            await asyncio.sleep(0.01)
