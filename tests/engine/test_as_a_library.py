"""A scheduler made from the engine's ports alone: no cluster, no operator, no settings."""

from __future__ import annotations

import asyncio

import pytest

from doubles import START, Ledger, LoopClock
from kalends.engine.core.definition import Definition
from kalends.engine.core.schedule import TaskCall
from kalends.engine.loop.scheduler import Scheduler
from kalends.engine.ports import Ended
from kalends.executors.pools.pool import PoolExecutor
from kalends.executors.pools.resolvers import GivenCallables
from kalends.executors.pools.threads import ThreadWorkers
from kalends.stores.memory import MemoryJobStore
from kalends.triggers.when import IntervalSpec, TriggerSpec, When

pytestmark = pytest.mark.looptime


async def test_a_lambda_runs_from_a_memory_store_and_again_after_a_stop_and_a_start() -> None:
    clock, ledger, made = LoopClock(), Ledger(), []
    store = MemoryJobStore(clock)
    resolver = GivenCallables({"append": lambda item: made.append(item) or len(made)})
    pool = PoolExecutor(1, ThreadWorkers(resolver), clock)
    scheduler = Scheduler(clock=clock, store=store, pools={"default": pool}, identity="me", listeners=[ledger])
    when = When(trigger=TriggerSpec(interval=IntervalSpec(minutes=1)))
    scheduler.observe(await store.put("default", "nightly", Definition(when=when, target=TaskCall("append", ["x"]))))
    for number in (1, 2):
        running = asyncio.create_task(scheduler.run())
        while len(made) < number:
            await asyncio.sleep(1)
        await scheduler.drain(grace=5)
        running.cancel()
        await asyncio.wait([running])
    ends = [notice.report for notice in ledger.notices if isinstance(notice, Ended)]
    assert [(report.fire_time, report.value) for report in ends] == [(START + 60, 1), (START + 120, 2)]
    (kept,) = await store.load()
    assert kept.record is not None
    assert kept.record.counts.succeeded == 2
