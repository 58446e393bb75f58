"""What tests of the engine share: a scheduler in fake time, and facts for those that need no loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from doubles import Cluster, Ledger, LoopClock, ObjectStore, Pool
from kalends.engine import executor_ports as ports
from kalends.engine.core.facts import Decision, Facts
from kalends.engine.core.schedule import Schedule
from kalends.engine.core.state import State
from kalends.engine.loop.scheduler import Scheduler
from kalends.engine.ports import Decided, JobView


class World:
    """A scheduler with its store and its executors."""

    def __init__(self, size: int = 10, seconds: float | None = 0.0, **more: ports.Pool) -> None:
        self.clock = LoopClock()
        self.store = ObjectStore()
        self.pool = Pool(size, seconds, self.clock)
        self.cluster = Cluster(self.clock)
        self.ledger = Ledger()
        self.more = more
        self.scheduler = self.made()

    def made(self, identity: str = "me") -> Scheduler:
        return Scheduler(
            clock=self.clock,
            store=self.store,
            pools={"default": self.pool, **self.more},
            identity=identity,
            cluster=self.cluster,
            listeners=[self.ledger],
        )

    def apply(self, obj: dict[str, Any]) -> str:
        self.store.put(obj)
        key = f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"
        self.scheduler.observe(self.store.snapshot(key))
        return key

    def status(self, key: str) -> Any:
        return self.store.status(key)

    def counts(self, key: str) -> dict[str, Any]:
        counts: dict[str, Any] = self.store.status(key)["counts"]
        return counts

    @asynccontextmanager
    async def running(self, scheduler: Scheduler | None = None) -> AsyncIterator[Any]:
        task = asyncio.create_task((scheduler or self.scheduler).run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def facts(now: float, **more: Any) -> Facts:
    return Facts(now=now, **{"me": "me", **more})


def decided(decision: Decision, kind: str) -> int:
    return sum(one.count for one in decision.notices if isinstance(one, Decided) and one.verdict == kind)


def armed(schedule: Schedule, **more: Any) -> State:
    return State(armed=schedule.first_armed, schedule_hash=schedule.hash, observed_generation=1, **more)


def jobs_of(state: State) -> tuple[JobView, ...]:
    return tuple(JobView(run.name, run.fire_time, run.fire_time, attempt=run.attempt) for run in state.active)
