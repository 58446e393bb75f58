"""Overlap, retries, requests and the end of a schedule, with the loop that carries them out."""

from __future__ import annotations

import asyncio

import pytest

from doubles import JOB, START, Pool, every, resource
from engine.world import World
from kalends.model import Outcome

pytestmark = pytest.mark.looptime


async def test_a_replacement_starts_only_when_the_old_run_is_gone() -> None:
    world = World(seconds=None)
    world.pool.cancelling_takes = 7.5
    key = world.apply(resource(trigger=every(60), concurrencyPolicy="Replace", maxRuns=2))
    async with world.running():
        await asyncio.sleep(140)
    assert world.pool.cancelled == [f"nightly-{START + 60}"]
    assert [round(at - START, 1) for at in world.pool.started_at] == [60, 127.5]
    assert world.counts(key)["cancelled"] == 1


async def test_a_job_is_replaced_when_the_old_one_is_gone() -> None:
    world = World()
    world.cluster.cancelling_takes = 5
    key = world.apply(resource(trigger=every(60), concurrencyPolicy="Replace", jobTemplate=JOB))
    async with world.running():
        await asyncio.sleep(121)
        assert world.cluster.created == [f"nightly-{START + 60}"]
        await asyncio.sleep(10)
    assert world.cluster.created == [f"nightly-{START + 60}", f"nightly-{START + 120}"]
    assert world.counts(key)["cancelled"] == 1


async def test_a_queue_survives_a_restart_and_runs_in_order() -> None:
    world = World(seconds=None)
    key = world.apply(resource(trigger=every(10), concurrencyPolicy="Queue"))
    async with world.running():
        await asyncio.sleep(41)
    assert world.counts(key)["queued"] == 3
    world.pool = Pool(10, 1.0, world.clock)
    again = world.made("another")
    again.observe(world.store.snapshot(key))
    async with world.running(again):
        await asyncio.sleep(5)
    assert world.pool.fire_times[:3] == [START + 20, START + 30, START + 40]
    assert world.counts(key)["lost"] == 1


async def test_a_failed_run_is_tried_again_until_it_succeeds() -> None:
    world = World(seconds=1.0)
    world.pool.outcome = Outcome.FAILED
    key = world.apply(resource(trigger=every(600), retry={"limit": 5, "backoffSeconds": 10, "factor": 2}))
    async with world.running():
        await asyncio.sleep(605)
        world.pool.outcome = Outcome.SUCCEEDED
        await asyncio.sleep(30)
    assert [run.attempt for run in world.pool.started] == [1, 2]
    assert len({run.name for run in world.pool.started}) == 2
    assert world.counts(key) | {"due": 1, "started": 1, "succeeded": 1} == world.counts(key)
    assert world.store.status(key)["history"][0]["attempts"] == 2


async def test_a_requested_run_starts_immediately_and_once() -> None:
    world = World()
    obj = resource(trigger=every(3600))
    key = world.apply(obj)
    async with world.running():
        await asyncio.sleep(5)
        obj["metadata"]["annotations"] = {"kalends.dev/run-requested": "please"}
        world.apply(obj)
        await asyncio.sleep(100)
    assert [(run.request, run.fire_time) for run in world.pool.started] == [("please", START + 5)]
    assert world.counts(key)["requested"] == 1
    assert world.store.status(key)["handledRequests"] == ["please"]


async def test_a_resource_whose_time_to_live_is_over_is_deleted() -> None:
    world = World()
    key = world.apply(resource(trigger=every(60), maxRuns=1, ttlSecondsAfterFinished=100))
    async with world.running():
        await asyncio.sleep(159)
        assert world.counts(key)["succeeded"] == 1
        await asyncio.sleep(2)
        with pytest.raises(KeyError):
            world.store.status(key)
        world.scheduler.forget(key, "uid-of-nightly")
        await asyncio.sleep(30)
    assert world.scheduler.overview.resources() == []
