"""A scheduler made from the engine's ports alone: no cluster, no operator, no settings."""

from __future__ import annotations

import asyncio

import pytest

from doubles import START, Ledger, LoopClock, every, memory_store, resource
from kalends.engine.loop.scheduler import Scheduler
from kalends.engine.ports import Ended
from kalends.executors.pools.pool import PoolExecutor
from kalends.executors.pools.resolvers import GivenCallables
from kalends.executors.pools.threads import ThreadWorkers

pytestmark = pytest.mark.looptime


async def test_a_lambda_runs_from_a_memory_store_and_again_after_a_stop_and_a_start() -> None:
    clock, store, ledger, made = LoopClock(), memory_store(), Ledger(), []
    resolver = GivenCallables({"append": lambda item: made.append(item) or len(made)})
    pool = PoolExecutor(1, ThreadWorkers(resolver), clock)
    scheduler = Scheduler(clock=clock, store=store, pools={"default": pool}, identity="me", listeners=[ledger])
    store.put(resource(trigger=every(60), task={"name": "append", "args": ["x"]}))
    scheduler.observe(store.snapshot("default/nightly"))
    for number in (1, 2):
        running = asyncio.create_task(scheduler.run())
        while len(made) < number:
            await asyncio.sleep(1)
        await scheduler.drain(grace=5)
        running.cancel()
        await asyncio.wait([running])
    ends = [notice.report for notice in ledger.notices if isinstance(notice, Ended)]
    assert [(report.fire_time, report.value) for report in ends] == [(START + 60, 1), (START + 120, 2)]
    assert store.status("default/nightly")["counts"]["succeeded"] == 2
