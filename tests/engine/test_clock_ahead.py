"""The operator's clock is a day ahead of the API server's: what this process created itself needs no other proof."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from typing_extensions import override

from doubles import JOB, START, Cluster, LoopClock, ObjectStore, Pool, every, resource
from kalends.engine.core.state import QueuedRun, Ref, State
from kalends.engine.loop.entry import LocalRuns
from kalends.engine.loop.scheduler import Scheduler
from kalends.errors import Unavailable

pytestmark = pytest.mark.looptime
DAY = 86_400


class EditedStore(ObjectStore):
    """A store in which the spec is edited right before the first start is recorded: the write conflicts."""

    def __init__(self, edit: Any) -> None:
        super().__init__()
        self._edit = edit
        self.edited = False

    @override
    async def write(
        self, ref: Ref, version: str, before: State | None, after: State, *, keeps_unread: bool = False
    ) -> str:
        if after.counts.started and not self.edited:
            self.edited = True
            self.put(self._edit)
        return await super().write(ref, version, before, after, keeps_unread=keeps_unread)


class SilentCluster(Cluster):
    """A cluster that creates each Job, and gives no answer to the first creation."""

    @override
    async def start(self, run: Any, is_wanted: Any = lambda: True) -> None:
        first = not self.created
        await super().start(run, is_wanted)
        if first:
            raise Unavailable("no answer")


SUSPENDED = resource(trigger=every(60), jobTemplate=JOB, suspend=True, generation=2)
OTHER_TIMES = resource(trigger=every(3600), jobTemplate=JOB, generation=2)
A_TASK = resource(trigger=every(60), generation=2)


@pytest.mark.parametrize("edit", [SUSPENDED, OTHER_TIMES, A_TASK], ids=["suspended", "other fire times", "a task"])
@pytest.mark.parametrize("cluster_of", [Cluster, SilentCluster])
async def test_a_job_that_was_created_right_before_an_edit_is_counted(edit: Any, cluster_of: type[Cluster]) -> None:
    ahead = LoopClock()
    ahead.step = DAY
    store, cluster = EditedStore(edit), cluster_of(LoopClock())
    scheduler = Scheduler(clock=ahead, store=store, pools={"default": Pool()}, identity="me", cluster=cluster)
    store.put(resource(trigger=every(60), jobTemplate=JOB, created=START + DAY))
    scheduler.observe(store.snapshot("default/nightly"))
    running = asyncio.create_task(scheduler.run())
    await asyncio.sleep(100)
    running.cancel()
    status = store.status("default/nightly")
    assert store.edited
    assert cluster.created == [f"nightly-{START + DAY + 60}"]
    assert (status["counts"]["started"], status["counts"]["active"]) == (1, 1)
    assert [run["name"] for run in status["active"]] == cluster.created


class InterruptedStore(ObjectStore):
    """A store that cannot be reached when the first start is to be recorded; just then the clock is put right."""

    def __init__(self, clock: LoopClock) -> None:
        super().__init__()
        self._clock = clock

    @override
    async def write(
        self, ref: Ref, version: str, before: State | None, after: State, *, keeps_unread: bool = False
    ) -> str:
        if after.counts.started and self._clock.step:
            self._clock.step = 0.0
            raise Unavailable("no answer")
        return await super().write(ref, version, before, after, keeps_unread=keeps_unread)


async def test_a_job_counts_although_the_clock_is_put_back_before_it_is_recorded() -> None:
    clock = LoopClock()
    clock.step = 1200.0
    store, cluster = InterruptedStore(clock), Cluster(LoopClock())
    scheduler = Scheduler(clock=clock, store=store, pools={"default": Pool()}, identity="me", cluster=cluster)
    store.put(resource(trigger=every(60), jobTemplate=JOB))
    scheduler.observe(store.snapshot("default/nightly"))
    running = asyncio.create_task(scheduler.run())
    await asyncio.sleep(300)
    running.cancel()
    status = store.status("default/nightly")
    assert cluster.created == [f"nightly-{START + 1200}"]
    assert (status["counts"]["due"], status["counts"]["started"], status["counts"]["coalesced"]) == (20, 1, 19)


def test_a_created_job_is_known_until_its_waiting_run_is_recorded_as_started() -> None:
    at, name = START + DAY, f"nightly-{START + DAY}"
    runs = LocalRuns(created={name: at})
    waiting = State(armed=START, cursor=at, queued=(QueuedRun(name, at),))
    runs.are_recorded(waiting)  # a record of something else: an invalid spec, say
    assert runs.created == {name: at}
    runs.are_recorded(replace(waiting, queued=()))
    assert runs.created == {}
