"""A scheduler that was stopped is started again: its executors are open while it runs, and closed between."""

from __future__ import annotations

import asyncio

import pytest

from doubles import JOB, every, resource
from engine.world import World

pytestmark = pytest.mark.looptime


async def test_after_a_drain_it_starts_runs_in_pools_and_in_the_cluster_again() -> None:
    world = World(seconds=1.0)
    keys = [
        world.apply(resource("task", trigger=every(60))),
        world.apply(resource("job", trigger=every(60), jobTemplate=JOB, concurrencyPolicy="Allow")),
    ]
    async with world.running():
        await asyncio.sleep(70)
        await world.scheduler.drain(5)
    assert [world.counts(key)["started"] for key in keys] == [1, 1]
    async with world.running():
        await asyncio.sleep(60)
    assert [world.counts(key)["started"] for key in keys] == [2, 2]


async def test_between_stop_and_start_fire_times_are_not_lost() -> None:
    world = World()
    key = world.apply(resource(trigger=every(60), coalesce="All", concurrencyPolicy="Allow"))
    async with world.running():
        await world.scheduler.drain(5)
        await asyncio.sleep(130)
    assert world.pool.started == []
    async with world.running():
        await asyncio.sleep(1)
    assert world.counts(key)["succeeded"] == 2


async def test_a_loop_that_starts_anew_during_a_drain_opens_nothing() -> None:
    world = World(seconds=None)
    world.apply(resource("lasting", trigger=every(60)))
    world.apply(resource("other", trigger=every(70)))
    async with world.running():
        await asyncio.sleep(65)
        draining = asyncio.create_task(world.scheduler.drain(30))
        await asyncio.sleep(1)
    async with world.running():
        await asyncio.sleep(20)
        assert [run.ref.name for run in world.pool.started] == ["lasting"]
        await draining
    assert [run.ref.name for run in world.pool.started] == ["lasting"]
