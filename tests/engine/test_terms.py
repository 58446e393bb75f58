"""The loop is cut off and run again: what leading, losing the lead and leading again ask of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from doubles import JOB, START, Cluster, LoopClock, ObjectStore, Pool, every, resource
from kalends.engine.loop.scheduler import Scheduler
from kalends.errors import Unavailable

pytestmark = pytest.mark.looptime

KEY = "default/nightly"


class World:
    """Two schedulers, each with a separate pool, and one store."""

    def __init__(self, seconds: float | None = 0.0) -> None:
        self.clock = LoopClock()
        self.store = ObjectStore()
        self.cluster = Cluster(self.clock)
        self.pools = {name: Pool(2, seconds, self.clock) for name in ("first", "second")}
        self.first, self.second = (
            Scheduler(
                clock=self.clock,
                store=self.store,
                pools={"default": self.pools[name]},
                identity=name,
                cluster=self.cluster,
            )
            for name in self.pools
        )

    def apply(self, obj: Any) -> None:
        self.store.put(obj)

    @asynccontextmanager
    async def term(self, scheduler: Scheduler) -> AsyncIterator[None]:
        """Let one of them lead: it catches up first."""
        scheduler.observe(self.store.snapshot(KEY))
        task = asyncio.create_task(scheduler.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @property
    def status(self) -> dict[str, Any]:
        return dict(self.store.status(KEY))


async def test_a_run_continues_between_two_terms_and_is_recorded_in_the_second() -> None:
    world = World(seconds=20)
    world.apply(resource(trigger=every(60)))
    async with world.term(world.first):
        await asyncio.sleep(70)
    await asyncio.sleep(20)
    assert world.status["counts"]["active"] == 1
    async with world.term(world.first):
        await asyncio.sleep(1)
    assert world.status["counts"]["succeeded"] == 1
    assert world.pools["first"].fire_times == [START + 60]


async def test_what_another_one_recorded_in_between_stands() -> None:
    world = World(seconds=20)
    world.apply(resource(trigger=every(60)))
    async with world.term(world.first):
        await asyncio.sleep(70)
    async with world.term(world.second):
        await asyncio.sleep(1)
    world.first.give_up_runs()
    await asyncio.sleep(20)
    async with world.term(world.first):
        await asyncio.sleep(10)
    counts = world.status["counts"]
    assert (counts["lost"], counts["succeeded"], counts["started"]) == (1, 0, 1)
    assert world.pools["first"].cancelled == [f"nightly-{START + 60}"]
    assert world.pools["second"].fire_times == []


async def test_a_term_of_less_than_a_step_leaves_nothing_behind() -> None:
    world = World()
    world.apply(resource(trigger=every(60)))
    for _ in range(3):
        async with world.term(world.first):
            await asyncio.sleep(0)
    async with world.term(world.first):
        await asyncio.sleep(61)
    assert world.pools["first"].fire_times == [START + 60]


@pytest.mark.parametrize("steps", range(12))
async def test_no_moment_at_which_a_term_ends_loses_or_repeats_a_run(steps: int) -> None:
    world = World(seconds=None)
    world.apply(resource(trigger=every(60)))
    async with world.term(world.first):
        await asyncio.sleep(60)
        for _ in range(steps):
            await asyncio.sleep(0)
    async with world.term(world.first):
        await asyncio.sleep(1)
    assert world.pools["first"].fire_times == [START + 60]
    assert world.status["counts"]["started"] == 1


async def test_a_job_cut_off_between_its_creation_and_the_record_is_adopted() -> None:
    world = World()
    world.apply(resource(trigger=every(60), jobTemplate=JOB))
    async with world.term(world.first):
        await asyncio.sleep(59)
        world.store.latency = 10.0
        await asyncio.sleep(2)
    world.store.latency = 0.0
    async with world.term(world.second):
        await asyncio.sleep(1)
    assert world.cluster.created == [f"nightly-{START + 60}"]
    assert world.status["counts"]["started"] == 1


async def test_draining_without_the_lead_only_ends_runs() -> None:
    world = World(seconds=5)
    world.apply(resource(trigger=every(60)))
    async with world.term(world.first):
        await asyncio.sleep(61)
    begun = world.clock.monotonic()
    await world.first.drain(25)
    assert world.clock.monotonic() - begun <= 5
    assert world.status["counts"]["active"] == 1


async def test_while_a_run_in_this_process_ends_jobs_are_started_and_tasks_are_not() -> None:
    world = World(seconds=50)
    world.apply(resource(trigger=every(60)))
    world.apply(resource("jobs", trigger=every(7), jobTemplate=JOB, concurrencyPolicy="Allow"))
    world.first.observe(world.store.snapshot("default/jobs"))
    async with world.term(world.first):
        await asyncio.sleep(71)
        before = len(world.cluster.created)
        begun = world.clock.monotonic()
        await world.first.drain(60)
        assert world.clock.monotonic() - begun == pytest.approx(39, abs=1)
        during = len(world.cluster.created)
        await asyncio.sleep(120)
    assert during - before == 5
    assert len(world.cluster.created) == during
    assert world.pools["first"].fire_times == [START + 60]
    assert world.status["counts"]["succeeded"] == 1
    assert world.store.status("default/jobs")["counts"]["started"] == during


async def test_a_retry_does_not_wait_for_a_clock_that_was_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()

    async def unavailable(_: object) -> None:
        raise Unavailable("the API server is down")

    monkeypatch.setattr(world.cluster, "check", unavailable)
    world.apply(resource(trigger=every(60), jobTemplate=JOB))
    async with world.term(world.first):
        await asyncio.sleep(5)
        world.clock.step = -600
        monkeypatch.undo()
        await asyncio.sleep(16)
        assert world.status["conditions"]
