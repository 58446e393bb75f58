"""A scheduler made from the engine's ports alone: no cluster, no operator, no settings."""

from __future__ import annotations

import asyncio

from doubles import Ledger, LoopClock
from kalends.engine.core.definition import Definition
from kalends.engine.core.schedule import TaskCall
from kalends.engine.loop.scheduler import Scheduler
from kalends.engine.ports import Ended, RunReport
from kalends.executors.pools.pool import PoolExecutor
from kalends.executors.pools.resolvers import GivenCallables
from kalends.executors.pools.threads import ThreadWorkers
from kalends.stores.memory import MemoryJobStore
from kalends.triggers.when import IntervalSpec, TriggerSpec, When


async def test_a_lambda_runs_from_a_memory_store_and_again_after_a_stop_and_a_start() -> None:
    clock, ledger = LoopClock(), Ledger()
    made: list[str] = []

    def append(item: str) -> int:
        made.append(item)
        return len(made)

    store = MemoryJobStore(clock)
    resolver = GivenCallables({"append": append})
    pool = PoolExecutor(1, ThreadWorkers(resolver), clock)
    scheduler = Scheduler(clock=clock, store=store, pools={"default": pool}, identity="me", listeners=[ledger])
    when = When(trigger=TriggerSpec(interval=IntervalSpec(minutes=1)))
    scheduler.observe(await store.put("default", "nightly", Definition(when=when, target=TaskCall("append", ["x"]))))
    due = int(clock.now()) + 60
    ends: list[RunReport] = []
    for number in (1, 2):
        clock.step += 60  # to the next fire time: threads run in real time
        running = asyncio.create_task(scheduler.run())
        while len(ends := [notice.report for notice in ledger.notices if isinstance(notice, Ended)]) < number:
            await asyncio.sleep(0.01)
        await scheduler.drain(grace=5)
        running.cancel()
        await asyncio.wait([running])
    assert [(report.fire_time, report.value) for report in ends] == [(due, 1), (due + 60, 2)]
    (kept,) = await store.load()
    assert kept.record is not None
    assert kept.record.counts.succeeded == 2
