"""A record that is written while its answer is lost: what is decided next must not contradict it."""

from __future__ import annotations

import asyncio

import pytest

from doubles import JOB, START, Cluster, LoopClock, ObjectStore, every, resource
from kalends.engine.core.state import Ref, State
from kalends.engine.loop.scheduler import Scheduler
from kalends.errors import Unavailable

pytestmark = pytest.mark.looptime


class LossyStore(ObjectStore):
    """A store that writes the first skip, loses the answer, and in whose cluster the active Job ends just then."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__()
        self._cluster = cluster
        self.lost = 0

    async def write(
        self, ref: Ref, version: str, before: State | None, after: State, *, keeps_unread: bool = False
    ) -> str:
        written = await super().write(ref, version, before, after, keeps_unread=keeps_unread)
        if after.counts.skipped and not self.lost:
            self.lost += 1
            self._cluster.end(ref, self._cluster.created[0])
            raise Unavailable("the connection broke")
        return written


async def test_a_fire_time_that_was_recorded_as_skipped_gets_no_job_when_there_is_room() -> None:
    clock = LoopClock()
    cluster = Cluster(clock)
    store = LossyStore(cluster)
    scheduler = Scheduler(clock=clock, store=store, pools={}, identity="me", cluster=cluster)
    store.put(resource(trigger=every(10), jobTemplate=JOB))
    scheduler.observe(store.snapshot("default/nightly"))
    running = asyncio.create_task(scheduler.run())
    await asyncio.sleep(35)
    running.cancel()
    assert store.lost == 1
    assert cluster.created == [f"nightly-{START + 10}", f"nightly-{START + 30}"]
    counts = store.status("default/nightly")["counts"]
    assert (counts["due"], counts["started"], counts["skipped"], counts["succeeded"]) == (3, 2, 1, 1)
