"""The creation of a Job waits for a slot of the API client; it is sent only if the run is still to start then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from doubles import JOB, LoopClock, ObjectStore, every, resource
from executors.local import all_listed
from kalends.engine.loop.scheduler import Scheduler
from kalends.executors.jobs.executor import JobsExecutor
from kalends.kube.client.client import ApiClient
from kalends.kube.client.lanes import Lane, Lanes
from kalends.kube.client.paths import JOBS
from kube.fake_api import FakeApi

pytestmark = pytest.mark.looptime

KEY = "default/nightly"
SPEC: dict[str, Any] = {"trigger": every(60), "jobTemplate": JOB}


class World:
    """A scheduler whose API client has a single slot, and a resource whose first fire time comes in a minute."""

    def __init__(self) -> None:
        clock = LoopClock()
        self.api = FakeApi(now=clock.now)
        self.lanes = Lanes(limit=1)
        self.store = ObjectStore()
        client = ApiClient(self.api.connect(), clock, lanes=self.lanes)
        cluster = JobsExecutor(client, clock, all_listed())
        self.scheduler = Scheduler(clock=clock, store=self.store, pools={}, identity="me", cluster=cluster)

    def put(self, **spec: Any) -> None:
        self.store.put(resource(**spec))
        self.scheduler.observe(self.store.snapshot(KEY))

    async def jobs_created_while_the_slot_is_taken(self, change: Callable[[World], None]) -> int:
        """Return how many Jobs exist of a fire time that is due, and waits, while ``change`` happens."""
        running = asyncio.create_task(self.scheduler.run())
        await asyncio.sleep(30)
        await self.lanes.acquire(Lane.CREATE)
        await asyncio.sleep(31)
        assert self.lanes.waiting(Lane.CREATE) == 1
        change(self)
        await asyncio.sleep(10)
        self.lanes.release(Lane.CREATE)
        await asyncio.sleep(1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        found = await ApiClient(self.api.connect(), LoopClock()).get(JOBS.collection("default"))
        return len(found["items"])


def nothing_happens(_: World) -> None:
    return


def edited(world: World) -> None:
    world.put(**SPEC | {"trigger": every(3600)}, generation=2)


def suspended(world: World) -> None:
    world.put(**SPEC, suspend=True, generation=2)


def deleted(world: World) -> None:
    world.store.remove(KEY)
    world.scheduler.forget(KEY, "uid-of-nightly")


def newer_version_announced(world: World) -> None:
    world.store.put(resource(**SPEC, suspend=True, generation=2))
    world.scheduler.await_newer(KEY, "uid-of-nightly", 2)


async def test_a_creation_that_waited_for_a_slot_is_sent_if_nothing_has_changed() -> None:
    world = World()
    world.put(**SPEC)
    assert await world.jobs_created_while_the_slot_is_taken(nothing_happens) == 1


@pytest.mark.parametrize("change", [edited, suspended, deleted, newer_version_announced])
async def test_a_creation_that_waits_for_a_slot_is_not_sent_after_a_change(change: Callable[[World], None]) -> None:
    world = World()
    world.put(**SPEC)
    assert await world.jobs_created_while_the_slot_is_taken(change) == 0


async def test_a_creation_that_waits_for_a_slot_is_not_sent_after_the_deadline_of_its_run() -> None:
    world = World()
    world.put(**SPEC, startingDeadlineSeconds=5)
    assert await world.jobs_created_while_the_slot_is_taken(nothing_happens) == 0
