"""Who waits for a worker, and who gets it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from doubles import START, Pool, every, resource
from engine.world import World
from kalends.engine.ports import Run
from kalends.model import format_instant

pytestmark = pytest.mark.looptime


async def test_a_pool_of_two_lets_other_runs_wait_and_each_late_run_is_recorded_as_missed() -> None:
    world = World(size=2, seconds=1.0)
    keys = [world.apply(resource(f"job-{n}", schedule="* * * * *", startingDeadlineSeconds=3)) for n in range(20)]
    async with world.running():
        await asyncio.sleep(90)
    total = {name: sum(world.counts(key)[name] for key in keys) for name in ("due", "succeeded", "missed")}
    assert total == {"due": 20, "succeeded": 8, "missed": 12}
    assert all(at <= START + 60 + 3.1 for at in world.pool.started_at)


async def test_those_that_wait_for_a_worker_run_when_one_is_free() -> None:
    world = World(size=2, seconds=1.0)
    keys = [world.apply(resource(f"job-{n}", schedule="* * * * *")) for n in range(6)]
    async with world.running():
        await asyncio.sleep(75)
    assert sorted(run.ref.name for run in world.pool.started) == [f"job-{n}" for n in range(6)]
    assert [world.counts(key)["succeeded"] for key in keys] == [1] * 6


async def test_a_pool_is_not_claimed_beyond_its_size_while_claims_are_being_written() -> None:
    world = World(size=2, seconds=1.0)
    world.store.latency = 0.02
    most = 0

    class Counting(Pool):
        async def start(self, run: Run) -> None:
            nonlocal most
            await super().start(run)
            most = max(most, self.size - self.free_slots())

    world.pool = Counting(2, 1.0, world.clock)
    world.scheduler = world.made()
    keys = [world.apply(resource(f"job-{n}", schedule="* * * * *")) for n in range(10)]
    async with world.running():
        await asyncio.sleep(59)
        assert most == 0
        await asyncio.sleep(30)
    assert most == 2
    assert [world.counts(key)["succeeded"] for key in keys] == [1] * 10


async def test_one_that_gave_up_waiting_does_not_take_the_turn_of_the_next() -> None:
    world = World(size=1, seconds=None)
    world.apply(resource("hog", created=START - 1))
    for n in range(6):
        world.apply(resource(f"late-{n}", schedule="* * * * *", startingDeadlineSeconds=2))
    async with world.running():
        await asyncio.sleep(61)
        world.apply(resource("once", created=START + 61))
        await asyncio.sleep(10)
        assert [run.ref.name for run in world.pool.started] == ["hog"]
        world.pool.end(world.pool.started[0].name)
        await asyncio.sleep(1)
    assert [run.ref.name for run in world.pool.started] == ["hog", "once"]


async def test_a_look_between_a_fire_time_and_its_jittered_start_puts_nothing_off() -> None:
    world = World()
    key = world.apply(resource(trigger=every(600), jitterSeconds=500))
    ref = world.store.snapshot(key).ref
    async with world.running():
        for _ in range(1100):
            await asyncio.sleep(1)
            world.cluster.report_changed(ref)
    assert world.pool.fire_times == [START + 600]


async def test_a_claim_that_is_being_written_when_the_end_comes_still_runs_and_is_recorded() -> None:
    world = World(seconds=1.0)
    world.store.latency = 0.05
    key = world.apply(resource(trigger=every(60)))
    async with world.running():
        await asyncio.sleep(60.02)
        await world.scheduler.drain(30)
    assert world.counts(key)["active"] == 0
    assert world.counts(key)["succeeded"] == 1


async def test_a_claim_whose_deadline_passes_while_others_are_started_is_missed() -> None:
    class Slow(Pool):
        async def start(self, run: Run) -> None:
            await super().start(run)
            await asyncio.sleep(100)

    world = World()
    world.pool = Slow(10, 0.0, world.clock)
    world.scheduler = world.made()
    limits: dict[str, Any] = {"startingDeadlineSeconds": 90, "coalesce": "All", "concurrencyPolicy": "Allow"}
    world.clock.step = 130
    key = world.apply(resource(trigger=every(60), **limits))
    async with world.running():
        await asyncio.sleep(110)
    assert START + 120 not in world.pool.fire_times
    missed = [run for run in world.store.status(key)["history"] if run["outcome"] == "Missed"]
    assert [run["scheduledTime"] for run in missed] == [format_instant(START + 120)]


@pytest.mark.parametrize("deleted", [0, 1])
async def test_a_worker_goes_to_the_next_resource_if_a_waiting_resource_is_deleted(deleted: int) -> None:
    world = World(size=1, seconds=None)
    for name in ("hog", "deleted", "next"):
        world.apply(resource(name, trigger={"date": {"at": format_instant(START + 60)}}))
    async with world.running():
        await asyncio.sleep(70)
        hog = world.pool.started[0]
        waiting = [key for key in ("default/hog", "default/deleted", "default/next") if key != hog.ref.key]
        world.pool.end(hog.name)  # wakes one of them, which has not looked when one is deleted
        world.scheduler.forget(waiting[deleted], "")
        await asyncio.sleep(10)
    assert len(world.pool.started) == 2


HELD_UP = "all 20 workers are held by runs that timed out and have not returned"


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({}, "TooManyInstances"),
        ({"concurrencyPolicy": "Queue", "maxQueued": 1}, "QueueFull"),
        ({"startingDeadlineSeconds": 5}, "WaitedTooLong"),
    ],
    ids=["skipped", "queue full", "missed"],
)
async def test_a_fire_time_that_may_never_get_a_worker_is_reported(spec: dict[str, Any], reason: str) -> None:
    world = World()
    world.pool.held_up_by = HELD_UP
    key = world.apply(resource(trigger=every(10), **spec))
    async with world.running():
        await asyncio.sleep(65)
    misfire = world.store.status(key)["lastMisfire"]
    assert misfire["reason"] == reason
    assert misfire["message"].endswith(f"; {HELD_UP}")
