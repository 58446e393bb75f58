"""The loop, in fake time: a hundred seconds cost nothing."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from doubles import JOB, START, Cluster, Ledger, LoopClock, Pool, every, memory_store, resource
from kalends.engine.ports import StartRefused
from kalends.engine.scheduler import Scheduler
from kalends.errors import Conflict, Unavailable
from kalends.model import Outcome
from kalends.model.reasons import Reason

pytestmark = pytest.mark.looptime


class World:
    """A scheduler with its store and its executors."""

    def __init__(self, size: int = 10, seconds: float | None = 0.0) -> None:
        self.clock = LoopClock()
        self.store = memory_store()
        self.pool = Pool(size, seconds, self.clock)
        self.cluster = Cluster(self.clock)
        self.ledger = Ledger()
        self.scheduler = self.made()

    def made(self, identity: str = "me") -> Scheduler:
        return Scheduler(
            clock=self.clock,
            store=self.store,
            executors={"default": self.pool, "jobs": self.cluster},
            identity=identity,
            jobs=self.cluster,
            listeners=[self.ledger],
        )

    def apply(self, obj) -> str:
        self.store.put(obj)
        key = f"default/{obj['metadata']['name']}"
        self.scheduler.observe(self.store.snapshot(key))
        return key

    def counts(self, key: str):
        return self.store.status(key)["counts"]

    @asynccontextmanager
    async def running(self, scheduler: Scheduler | None = None):
        task = asyncio.create_task((scheduler or self.scheduler).run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_every_minute_means_every_minute():
    world = World()
    world.apply(resource(trigger=every(60)))
    async with world.running():
        await asyncio.sleep(181)
    assert world.pool.fire_times == [START + 60 * n for n in (1, 2, 3)]
    assert all(at - START - 60 * n < 0.1 for n, at in enumerate(world.pool.started_at, start=1))


async def test_an_in_pod_run_costs_two_writes():
    world = World()
    key = world.apply(resource(trigger=every(60)))
    async with world.running():
        await asyncio.sleep(59)
        before = int(world.store.snapshot(key).version)
        await asyncio.sleep(60)
        assert int(world.store.snapshot(key).version) - before == 2


async def test_a_resource_that_is_at_rest_costs_no_writes():
    world = World()
    key = world.apply(resource(schedule="0 0 1 1 *"))
    async with world.running():
        await asyncio.sleep(1)
        armed = world.store.snapshot(key).version
        await asyncio.sleep(3600)
        assert world.store.snapshot(key).version == armed


async def test_a_restart_goes_on_from_the_record_alone():
    world = World()
    key = world.apply(resource(trigger=every(60)))
    async with world.running():
        await asyncio.sleep(61)
    await asyncio.sleep(600)
    again = world.made("another")
    again.observe(world.store.snapshot(key))
    async with world.running(again):
        await asyncio.sleep(1)
    assert world.pool.fire_times == [START + 60, START + 660]
    assert world.counts(key)["coalesced"] == 9
    assert world.counts(key)["due"] == 11


async def test_a_pool_of_two_lets_the_others_wait_and_each_late_one_is_on_record_as_missed():
    world = World(size=2, seconds=1.0)
    keys = [world.apply(resource(f"job-{n}", schedule="* * * * *", startingDeadlineSeconds=3)) for n in range(20)]
    async with world.running():
        await asyncio.sleep(90)
    total = {name: sum(world.counts(key)[name] for key in keys) for name in ("due", "succeeded", "missed")}
    assert total == {"due": 20, "succeeded": 8, "missed": 12}
    assert all(at <= START + 60 + 3.1 for at in world.pool.started_at)


async def test_those_that_wait_for_a_worker_run_when_one_is_free():
    world = World(size=2, seconds=1.0)
    keys = [world.apply(resource(f"job-{n}", schedule="* * * * *")) for n in range(6)]
    async with world.running():
        await asyncio.sleep(75)
    assert sorted(run.ref.name for run in world.pool.started) == [f"job-{n}" for n in range(6)]
    assert [world.counts(key)["succeeded"] for key in keys] == [1] * 6


async def test_a_write_that_conflicts_is_decided_anew_from_what_was_read():
    world = World()
    key = world.apply(resource(trigger=every(60)))
    async with world.running():
        await asyncio.sleep(30)
        edited = resource(trigger=every(60), generation=2, task={"name": "kalends.sleep", "args": [1]})
        world.store.put(edited)  # nobody shows it: the watch is late
        await asyncio.sleep(40)
    assert world.counts(key)["due"] == 1
    assert [run.target.name for run in world.pool.started] == ["kalends.sleep"]


async def test_while_the_store_is_down_nothing_starts_in_the_pod_and_nothing_is_lost():
    world = World()
    key = world.apply(resource(trigger=every(10)))
    write, down = world.store.write, True

    async def failing(*args):
        if down:
            raise Unavailable("down")
        return await write(*args)

    world.store.write = failing
    async with world.running():
        await asyncio.sleep(35)
        assert world.pool.started == []
        down = False
        await asyncio.sleep(10)
    assert world.counts(key)["due"] == 4
    assert world.counts(key)["coalesced"] in {2, 3}  # the next try may fall on the fourth fire time


async def test_a_write_that_happened_without_an_answer_starts_its_claim_once():
    world = World()
    key = world.apply(resource(trigger=every(60)))
    write, lost = world.store.write, []

    async def answer_lost(*args):
        version = await write(*args)
        if args[3].active and not lost:
            lost.append(version)
            raise Unavailable("no answer")
        return version

    world.store.write = answer_lost
    async with world.running():
        await asyncio.sleep(70)
    assert lost
    assert world.pool.fire_times == [START + 60]
    assert world.counts(key) | {"due": 1, "succeeded": 1} == world.counts(key)


async def test_a_job_is_created_once_though_its_record_fails_at_first():
    world = World()
    key = world.apply(resource(trigger=every(60), jobTemplate=JOB))
    write, failures = world.store.write, []

    async def failing(*args):
        if args[3].active and len(failures) < 3:
            failures.append(1)
            raise Conflict("somebody else wrote")
        return await write(*args)

    world.store.write = failing
    async with world.running():
        await asyncio.sleep(70)
    assert world.cluster.created == [f"nightly-{START + 60}"]
    assert world.counts(key)["started"] == 1


async def test_the_api_server_being_down_delays_jobs_and_loses_none():
    world = World()
    key = world.apply(resource(trigger=every(60), jobTemplate=JOB))
    async with world.running():
        await asyncio.sleep(50)
        world.cluster.down = True
        await asyncio.sleep(30)
        world.cluster.down = False
        await asyncio.sleep(6)
    assert world.cluster.created == [f"nightly-{START + 60}"]
    assert world.counts(key)["due"] == 1


async def test_a_job_that_is_refused_for_good_fails_its_run_and_the_next_one_is_tried():
    world = World()
    key = world.apply(resource(trigger=every(60), jobTemplate=JOB))
    async with world.running():
        await asyncio.sleep(1)
        world.cluster.refuses = StartRefused(Reason.NAME_TAKEN, "somebody else's")
        await asyncio.sleep(60)
        world.cluster.refuses = None
        await asyncio.sleep(60)
    assert world.counts(key)["failed"] == 1
    assert world.cluster.created == [f"nightly-{START + 120}"]


async def test_a_template_that_the_api_server_would_refuse_stalls_its_resource_until_it_is_mended():
    world = World()
    world.cluster.refuses_check = StartRefused(Reason.INVALID_JOB_TEMPLATE, "containers: Required value")
    key = world.apply(resource(trigger=every(60), jobTemplate=JOB))
    async with world.running():
        await asyncio.sleep(100)
        assert world.cluster.created == []
        ready = {one["type"]: one for one in world.store.status(key)["conditions"]}["Ready"]
        assert (ready["status"], ready["reason"]) == ("False", "InvalidJobTemplate")
        world.cluster.refuses_check = None
        world.apply(resource(trigger=every(60), jobTemplate=JOB, generation=2))
        await asyncio.sleep(60)
    assert len(world.cluster.created) == 1


async def test_one_trigger_that_raises_harms_only_its_own_resource():
    world = World()

    class Bad:
        def next_after(self, instant):
            raise ZeroDivisionError("boom")

        def tally(self, after, until):
            raise ZeroDivisionError("boom")

    world.apply(resource("good", trigger=every(60)))
    key = "default/bad"
    world.store.put(resource("bad", trigger=every(60)))
    snapshot = world.store.snapshot(key)
    world.scheduler.observe(replace(snapshot, schedule=replace(snapshot.schedule, trigger=Bad())))
    async with world.running():
        await asyncio.sleep(181)
    assert len(world.pool.started) == 3
    ready = {one["type"]: one for one in world.store.status(key)["conditions"]}["Ready"]
    assert ready["reason"] == "InternalError"
    assert "boom" in ready["message"]


async def test_a_deleted_resource_is_forgotten_and_its_run_cancelled():
    world = World(seconds=None)
    key = world.apply(resource(trigger=every(60)))
    async with world.running():
        await asyncio.sleep(61)
        world.store.remove(key)
        world.scheduler.forget(key, "uid-of-nightly")
        await asyncio.sleep(120)
    assert world.pool.cancelled == [f"nightly-{START + 60}"]
    assert len(world.pool.started) == 1


async def test_a_resource_made_again_under_its_name_starts_with_a_clean_record():
    world = World()
    key = world.apply(resource(trigger=every(60)))
    async with world.running():
        await asyncio.sleep(61)
        world.store.remove(key)
        world.apply(resource(uid="another", trigger=every(60), created=START + 61))
        await asyncio.sleep(61)
    assert world.counts(key)["due"] == 1


async def test_a_clock_that_is_set_back_fires_nothing_twice():
    world = World()
    world.apply(resource(trigger=every(60)))
    async with world.running():
        await asyncio.sleep(125)
        world.clock.step = -600
        await asyncio.sleep(500)
        assert world.pool.fire_times == [START + 60, START + 120]
        await asyncio.sleep(160)
    assert world.pool.fire_times == [START + 60, START + 120, START + 180]


async def test_a_clock_that_is_set_forward_is_noticed_within_seconds():
    world = World()
    key = world.apply(resource(schedule="0 0 1 1 *"))
    async with world.running():
        await asyncio.sleep(5)
        world.clock.step = 400 * 86_400
        await asyncio.sleep(11)
    assert world.counts(key)["due"] >= 1


async def test_how_a_run_ended_is_told_once_it_is_on_record():
    world = World()
    world.pool.outcome = Outcome.FAILED
    world.apply(resource(trigger=every(60)))
    async with world.running():
        await asyncio.sleep(61)
    kinds = [type(one).__name__ for one in world.ledger.notices]
    assert kinds == ["Turned", "Decided", "Ended"]


async def test_draining_records_how_the_last_runs_ended_and_starts_none():
    world = World(seconds=5.0)
    key = world.apply(resource(trigger=every(60)))
    async with world.running():
        await asyncio.sleep(61)
        await world.scheduler.drain(30)
        await asyncio.sleep(120)
    assert len(world.pool.started) == 1
    assert world.counts(key)["succeeded"] == 1


async def test_what_is_older_than_what_is_known_changes_nothing():
    world = World()
    key = world.apply(resource(trigger=every(60)))
    old = world.store.snapshot(key)
    async with world.running():
        await asyncio.sleep(61)
        world.scheduler.observe(old)
        await asyncio.sleep(30)
    assert world.pool.fire_times == [START + 60]
    assert world.scheduler.knows(key, old.ref.uid, old.version)


async def test_a_pool_is_not_claimed_beyond_its_size_while_claims_are_being_written():
    world = World(size=2, seconds=1.0)
    world.store.latency = 0.02
    most = 0

    class Counting(Pool):
        async def start(self, run):
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


async def test_one_that_gave_up_waiting_does_not_take_the_turn_of_the_next():
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


async def test_a_look_between_a_fire_time_and_its_jittered_start_puts_nothing_off():
    world = World()
    key = world.apply(resource(trigger=every(600), jitterSeconds=500))
    async with world.running():
        for _ in range(1100):
            await asyncio.sleep(1)
            world.scheduler._inbox.put(key)
    assert world.pool.fire_times == [START + 600]


async def test_a_claim_that_is_being_written_when_the_end_comes_still_runs_and_is_recorded():
    world = World(seconds=1.0)
    world.store.latency = 0.05
    key = world.apply(resource(trigger=every(60)))
    async with world.running():
        await asyncio.sleep(60.02)
        await world.scheduler.drain(30)
    assert world.counts(key)["active"] == 0
    assert world.counts(key)["succeeded"] == 1


async def test_a_one_off_that_was_invalid_at_first_runs_once_it_is_mended():
    world = World()
    world.cluster.refuses_check = StartRefused(Reason.INVALID_JOB_TEMPLATE, "no")
    key = world.apply(resource(jobTemplate=JOB))
    async with world.running():
        await asyncio.sleep(30)
        world.cluster.refuses_check = None
        world.apply(resource(jobTemplate=JOB, generation=2))
        await asyncio.sleep(30)
    assert len(world.cluster.created) == 1
    assert world.counts(key)["due"] == 1


async def test_conditions_that_were_removed_by_hand_come_back():
    world = World()
    key = world.apply(resource(schedule="0 0 1 1 *"))
    async with world.running():
        await asyncio.sleep(1)
        del world.store._objects[key]["status"]["conditions"]
        world.apply(resource(schedule="0 0 1 1 *"))
        await asyncio.sleep(1)
    assert world.store.status(key)["conditions"][0]["reason"] == "Armed"


async def test_a_record_that_was_removed_by_hand_starts_from_now():
    world = World()
    key = world.apply(resource(trigger=every(60)))
    async with world.running():
        await asyncio.sleep(150)
        world.store._objects[key]["status"] = {}
        world.apply(resource(trigger=every(60)))
        await asyncio.sleep(10)
        assert world.pool.fire_times == [START + 60, START + 120]
        await asyncio.sleep(30)
    assert world.pool.fire_times == [START + 60, START + 120, START + 180]


async def test_an_odd_answer_of_the_store_is_survived():
    world = World()
    key = world.apply(resource(trigger=every(60)))
    write, failures = world.store.write, []

    async def conflict(*args):
        if len(failures) < 1:
            failures.append(1)
            raise Conflict("somebody else wrote")
        return await write(*args)

    async def odd(ref):
        raise ZeroDivisionError("odd")

    read = world.store.read
    world.store.write, world.store.read = conflict, odd
    async with world.running():
        await asyncio.sleep(5)
        world.store.read = read
        await asyncio.sleep(70)
    assert world.counts(key)["succeeded"] == 1


async def test_people_are_told_when_a_job_cannot_be_created_for_a_while():
    world = World()
    world.apply(resource(trigger=every(60), jobTemplate=JOB))
    async with world.running():
        await asyncio.sleep(50)
        world.cluster.down = True
        await asyncio.sleep(40)
    told = [one for one in world.ledger.notices if type(one).__name__ == "Delayed"]
    assert [one.message for one in told] == ["the API server is down"]


async def test_a_replacement_starts_only_when_the_old_run_is_gone():
    world = World(seconds=None)
    world.pool.cancelling_takes = 7.5
    key = world.apply(resource(trigger=every(60), concurrencyPolicy="Replace", maxRuns=2))
    async with world.running():
        await asyncio.sleep(140)
    assert world.pool.cancelled == [f"nightly-{START + 60}"]
    assert [round(at - START, 1) for at in world.pool.started_at] == [60, 127.5]
    assert world.counts(key)["cancelled"] == 1


async def test_a_job_is_replaced_when_the_old_one_is_gone():
    world = World()
    world.cluster.cancelling_takes = 5
    key = world.apply(resource(trigger=every(60), concurrencyPolicy="Replace", jobTemplate=JOB))
    async with world.running():
        await asyncio.sleep(121)
        assert world.cluster.created == [f"nightly-{START + 60}"]
        await asyncio.sleep(10)
    assert world.cluster.created == [f"nightly-{START + 60}", f"nightly-{START + 120}"]
    assert world.counts(key)["cancelled"] == 1


async def test_a_queue_survives_a_restart_and_runs_in_order():
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


async def test_a_failed_run_is_tried_again_until_it_succeeds():
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


async def test_a_run_asked_for_by_hand_runs_at_once_and_once():
    world = World()
    obj = resource(trigger=every(3600))
    obj["metadata"]["annotations"] = {"kalends.dev/run-requested": "please"}
    key = world.apply(obj)
    async with world.running():
        await asyncio.sleep(100)
    assert [(run.request, run.fire_time) for run in world.pool.started] == [("please", START)]
    assert world.counts(key)["requested"] == 1
    assert world.store.status(key)["handledRequests"] == ["please"]


async def test_a_resource_whose_time_to_live_is_over_is_deleted():
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
    assert world.scheduler.overview() == []
