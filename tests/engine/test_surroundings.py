"""News by content: what a resource was compiled with besides its definition may change under the same version."""

from __future__ import annotations

import asyncio

import pytest

from doubles import START, LoopClock, ObjectStore, Pool, every, resource, snapshot_of
from kalends.engine.core.compiler import Compiler, Surroundings
from kalends.engine.core.schedule import Defaults
from kalends.engine.core.target import Target
from kalends.engine.loop.scheduler import Scheduler
from kalends.errors import InvalidSpec

pytestmark = pytest.mark.looptime

KEY = "default/nightly"


class World:
    """A scheduler whose runs never end, and the compiler that it was made with."""

    def __init__(self) -> None:
        clock = LoopClock()
        self.store = ObjectStore()
        self.pool = Pool(seconds=None, clock=clock)
        self.compiler = Compiler()
        self.scheduler = Scheduler(
            clock=clock, store=self.store, pools={"default": self.pool}, identity="me", compiler=self.compiler
        )
        self.store.put(resource(trigger=every(60)))

    def show(self) -> None:
        self.scheduler.observe(self.store.snapshot(KEY))

    def knows(self) -> bool:
        stored = self.store.snapshot(KEY)
        return self.scheduler.overview.knows(KEY, stored.ref.uid, stored.version)


async def test_changed_defaults_reach_a_resource_that_is_shown_again_under_the_same_version() -> None:
    world = World()
    world.show()
    running = asyncio.create_task(world.scheduler.run())
    await asyncio.sleep(130)
    assert world.pool.fire_times == [START + 60], "there is room for one"
    assert world.knows()
    world.compiler.use(Surroundings(Defaults(max_instances=2)))
    assert not world.knows()
    world.show()
    assert world.knows()
    await asyncio.sleep(60)
    running.cancel()
    assert world.pool.fire_times == [START + 60, START + 180]


async def test_what_is_compiled_with_other_surroundings_while_it_is_acted_on_is_adopted_afterwards() -> None:
    world = World()
    world.show()
    running = asyncio.create_task(world.scheduler.run())
    await asyncio.sleep(59)
    world.store.latency = 2.0
    await asyncio.sleep(2)  # the claim is being written
    world.compiler.use(Surroundings(Defaults(max_instances=2)))
    world.show()
    world.store.latency = 0.0
    await asyncio.sleep(65)
    running.cancel()
    assert world.knows()
    assert START + 120 in world.pool.fire_times


async def test_an_older_version_is_no_news_whatever_it_was_compiled_with() -> None:
    world = World()
    older = world.store.snapshot(KEY)
    world.store.put(resource(trigger=every(60), generation=2, suspend=True))
    world.show()
    world.compiler.use(Surroundings(Defaults(max_instances=2)))
    world.scheduler.observe(older)
    running = asyncio.create_task(world.scheduler.run())
    await asyncio.sleep(130)
    running.cancel()
    assert world.pool.fire_times == []


async def test_a_target_that_cannot_run_any_more_is_refused_when_it_is_shown_again() -> None:
    def refuse(target: Target, executor: str) -> None:
        raise InvalidSpec("must be the name of a configured executor", path="spec.executor")

    world = World()
    world.show()
    running = asyncio.create_task(world.scheduler.run())
    await asyncio.sleep(10)
    world.compiler.use(Surroundings(check=refuse))
    world.show()
    await asyncio.sleep(60)
    running.cancel()
    assert world.pool.fire_times == []
    assert "configured executor" in str(world.store.status(KEY)["conditions"])


def test_a_snapshot_precedes_a_newer_version_and_its_own_version_with_other_surroundings() -> None:
    snapshot = snapshot_of(resource(trigger=every(60)))
    edition = snapshot.compiled_with
    news = {(v, e): snapshot.precedes(v, e) for v in ("0", "1", "2") for e in (edition, edition + 1)}
    assert {what for what, is_news in news.items() if is_news} == {
        ("1", edition + 1),
        ("2", edition),
        ("2", edition + 1),
    }
