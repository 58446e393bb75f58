"""A record that the store refuses for what the resource holds besides: it is not written again and again."""

from __future__ import annotations

import asyncio

import pytest

from doubles import LoopClock, ObjectStore, Pool, every, resource
from kalends.engine.core.state import Ref, State
from kalends.engine.loop.scheduler import Scheduler
from kalends.errors import Refused

pytestmark = pytest.mark.looptime


class PickyStore(ObjectStore):
    """A store that refuses every record of a resource until it is corrected, and counts."""

    def __init__(self) -> None:
        super().__init__()
        self.picky = True
        self.writes = 0

    async def write(
        self, ref: Ref, version: str, before: State | None, after: State, *, keeps_unread: bool = False
    ) -> str:
        self.writes += 1
        if self.picky:
            raise Refused("spec.jitterSeconds: Invalid value: -1")
        return await super().write(ref, version, before, after, keeps_unread=keeps_unread)


async def test_a_refused_record_is_seldom_tried_again_until_the_resource_is_corrected() -> None:
    store, pool, clock = PickyStore(), Pool(), LoopClock()
    scheduler = Scheduler(clock=clock, store=store, pools={"default": pool}, identity="me")
    store.put(resource(trigger=every(10)))
    scheduler.observe(store.snapshot("default/nightly"))
    running = asyncio.create_task(scheduler.run())
    await asyncio.sleep(600)
    assert store.writes <= 4
    store.picky = False
    store.put(resource(trigger=every(10), generation=2))
    scheduler.observe(store.snapshot("default/nightly"))
    await asyncio.sleep(11)
    running.cancel()
    assert pool.fire_times, "corrected, it continues at once"
