"""What was decided by a spec starts no more once a newer one, or the resource's end, has been seen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from doubles import JOB, START, Cluster, LoopClock, ObjectStore, Pool, every, resource
from kalends.engine.core.definition import Stored
from kalends.engine.core.state import Ref
from kalends.engine.executor_ports import always
from kalends.engine.loop.scheduler import Scheduler
from kalends.engine.ports import JobView, Run
from kalends.errors import Unavailable

pytestmark = pytest.mark.looptime

MISSED: dict[str, Any] = {"trigger": every(10), "jobTemplate": JOB, "coalesce": "All", "concurrencyPolicy": "Allow"}


class SlowCluster(Cluster):
    """A cluster that takes a second for each Job, after its creation was sent."""

    async def start(self, run: Run, is_wanted: Callable[[], bool] = always) -> None:
        await asyncio.sleep(1)
        await super().start(run)


async def three_jobs_are_due_and_the_first_is_on_its_way(cluster: Cluster, clock: LoopClock) -> Any:
    store = ObjectStore()
    scheduler = Scheduler(clock=clock, store=store, pools={"default": Pool()}, identity="me", cluster=cluster)
    await asyncio.sleep(31)
    store.put(resource(**MISSED))
    scheduler.observe(store.snapshot("default/nightly"))
    running = asyncio.create_task(scheduler.run())
    await asyncio.sleep(0.5)
    return store, scheduler, running


async def test_no_further_job_is_made_of_a_spec_that_was_edited() -> None:
    clock = LoopClock()
    cluster = SlowCluster(clock)
    store, scheduler, running = await three_jobs_are_due_and_the_first_is_on_its_way(cluster, clock)
    store.put(resource(**MISSED, generation=2, suspend=True))
    scheduler.observe(store.snapshot("default/nightly"))
    await asyncio.sleep(5)
    running.cancel()
    assert cluster.created == [f"nightly-{START + 10}"]
    assert store.status("default/nightly")["counts"]["started"] == 1


async def test_no_further_job_is_made_of_a_resource_that_was_deleted() -> None:
    clock = LoopClock()
    cluster = SlowCluster(clock)
    store, scheduler, running = await three_jobs_are_due_and_the_first_is_on_its_way(cluster, clock)
    store.remove("default/nightly")
    scheduler.forget("default/nightly", "uid-of-nightly")
    await asyncio.sleep(5)
    running.cancel()
    assert cluster.created == [f"nightly-{START + 10}"]


async def test_a_server_that_asks_for_an_hour_of_peace_gets_a_minute() -> None:
    class Wishing(Cluster):
        tries = 0

        async def start(self, run: Run, is_wanted: Callable[[], bool] = always) -> None:
            self.tries += 1
            if self.tries == 1:
                raise Unavailable("later", retry_after=3600)
            await super().start(run, is_wanted)

    clock = LoopClock()
    cluster = Wishing(clock)
    _, _, running = await three_jobs_are_due_and_the_first_is_on_its_way(cluster, clock)
    await asyncio.sleep(50)
    assert cluster.tries == 1
    await asyncio.sleep(15)
    running.cancel()
    assert cluster.tries > 1


def a_job_every_ten_seconds(store: ObjectStore) -> tuple[Cluster, Scheduler, asyncio.Task[None]]:
    """Return a running scheduler of a resource in a store, and the cluster that its Jobs are created in."""
    clock = LoopClock()
    cluster = Cluster(clock)
    scheduler = Scheduler(clock=clock, store=store, pools={}, identity="me", cluster=cluster)
    store.put(resource(trigger=every(10), jobTemplate=JOB))
    scheduler.observe(store.snapshot("default/nightly"))
    return cluster, scheduler, asyncio.create_task(scheduler.run())


async def test_nothing_starts_by_a_spec_of_which_a_newer_version_is_known_and_not_read_yet() -> None:
    store = ObjectStore()
    cluster, scheduler, running = a_job_every_ten_seconds(store)
    await asyncio.sleep(5)
    store.put(resource(trigger=every(30), jobTemplate=JOB, generation=2))
    scheduler.await_newer("default/nightly", "uid-of-nightly", 2)
    await asyncio.sleep(30)
    running.cancel()
    assert cluster.created == [f"nightly-{START + 30}"]


async def test_no_job_starts_while_the_newer_version_cannot_be_read() -> None:
    class Away(ObjectStore):
        reads = 0

        async def read(self, ref: Ref) -> Stored:
            self.reads += 1
            raise Unavailable("503")

    store = Away()
    cluster, scheduler, running = a_job_every_ten_seconds(store)
    await asyncio.sleep(5)
    scheduler.await_newer("default/nightly", "uid-of-nightly", 2)
    await asyncio.sleep(20)
    assert cluster.created == []
    assert store.reads > 1
    store.put(resource(trigger=every(10), jobTemplate=JOB, generation=2))
    scheduler.observe(store.snapshot("default/nightly"))  # the feed was quicker than the next try
    await asyncio.sleep(1)
    running.cancel()
    assert cluster.created == [f"nightly-{START + 20}"]


async def test_a_resource_whose_name_is_known_to_be_taken_by_another_starts_nothing() -> None:
    store = ObjectStore()
    cluster, scheduler, running = a_job_every_ten_seconds(store)
    await asyncio.sleep(5)
    scheduler.await_newer("default/nightly", "uid-of-another", 1)
    await asyncio.sleep(30)
    running.cancel()
    assert cluster.created == []


class SilentCluster(Cluster):
    """A cluster that creates the first Job without an answer, and shows it two seconds later."""

    async def start(self, run: Run, is_wanted: Callable[[], bool] = always) -> None:
        await super().start(run, is_wanted)
        if len(self.created) == 1 and run.name in self.jobs[run.ref.uid]:
            job = self.jobs[run.ref.uid].pop(run.name)
            asyncio.get_running_loop().call_later(2, self._show, run.ref, job)
            raise Unavailable("no answer")

    def _show(self, ref: Ref, job: JobView) -> None:
        self.jobs[ref.uid][job.name] = job
        self.report_changed(ref)


async def test_a_job_that_was_created_without_an_answer_runs_beside_no_task_of_a_later_spec() -> None:
    clock, store, pool = LoopClock(), ObjectStore(), Pool()
    cluster = SilentCluster(clock)
    scheduler = Scheduler(clock=clock, store=store, pools={"default": pool}, identity="me", cluster=cluster)
    store.put(resource(trigger=every(60), jobTemplate=JOB))
    scheduler.observe(store.snapshot("default/nightly"))
    running = asyncio.create_task(scheduler.run())
    await asyncio.sleep(60.05)
    store.put(resource(trigger=every(60), generation=2))
    scheduler.observe(store.snapshot("default/nightly"))
    await asyncio.sleep(20)
    running.cancel()
    status = store.status("default/nightly")
    assert (pool.started, cluster.created) == ([], [f"nightly-{START + 60}"])
    assert [run["name"] for run in status["active"]] == [f"nightly-{START + 60}"]
    assert status["observedGeneration"] == 2
