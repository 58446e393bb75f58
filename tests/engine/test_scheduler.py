"""The loop, in fake time: a hundred seconds cost nothing."""

from __future__ import annotations

import asyncio

import pytest

from doubles import JOB, START, every, resource
from engine.world import World
from kalends.engine.ports import Decided, Ended
from kalends.errors import StartRefused
from kalends.model import Outcome
from kalends.model.reasons import Reason

pytestmark = pytest.mark.looptime


async def test_every_minute_means_every_minute() -> None:
    world = World()
    world.apply(resource(trigger=every(60)))
    async with world.running():
        await asyncio.sleep(181)
    assert world.pool.fire_times == [START + 60 * n for n in (1, 2, 3)]
    assert all(at - START - 60 * n < 0.1 for n, at in enumerate(world.pool.started_at, start=1))


async def test_an_in_pod_run_costs_two_writes() -> None:
    world = World()
    key = world.apply(resource(trigger=every(60)))
    async with world.running():
        await asyncio.sleep(59)
        before = int(world.store.snapshot(key).version)
        await asyncio.sleep(60)
        assert int(world.store.snapshot(key).version) - before == 2


async def test_a_resource_that_is_at_rest_costs_no_writes() -> None:
    world = World()
    key = world.apply(resource(schedule="0 0 1 1 *"))
    async with world.running():
        await asyncio.sleep(1)
        armed = world.store.snapshot(key).version
        await asyncio.sleep(3600)
        assert world.store.snapshot(key).version == armed


async def test_a_restart_continues_from_the_record_alone() -> None:
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


async def test_a_deleted_resource_is_forgotten_and_its_run_cancelled() -> None:
    world = World(seconds=None)
    key = world.apply(resource(trigger=every(60)))
    async with world.running():
        await asyncio.sleep(61)
        world.store.remove(key)
        world.scheduler.forget(key, "uid-of-nightly")
        await asyncio.sleep(120)
    assert world.pool.cancelled == [f"nightly-{START + 60}"]
    assert len(world.pool.started) == 1


async def test_a_resource_made_again_under_its_name_starts_with_a_clean_record() -> None:
    world = World()
    key = world.apply(resource(trigger=every(60)))
    async with world.running():
        await asyncio.sleep(61)
        world.store.remove(key)
        world.apply(resource(uid="another", trigger=every(60), created=START + 61))
        await asyncio.sleep(61)
    assert world.counts(key)["due"] == 1


async def test_a_clock_that_is_set_back_fires_nothing_twice() -> None:
    world = World()
    world.apply(resource(trigger=every(60)))
    async with world.running():
        await asyncio.sleep(125)
        world.clock.step = -600
        await asyncio.sleep(500)
        assert world.pool.fire_times == [START + 60, START + 120]
        await asyncio.sleep(160)
    assert world.pool.fire_times == [START + 60, START + 120, START + 180]


async def test_a_clock_that_is_set_forward_is_noticed_within_seconds() -> None:
    world = World()
    key = world.apply(resource(schedule="0 0 1 1 *"))
    async with world.running():
        await asyncio.sleep(5)
        world.clock.step = 400 * 86_400
        await asyncio.sleep(11)
    assert world.counts(key)["due"] >= 1


async def test_the_end_of_a_run_is_reported_once_it_is_recorded() -> None:
    world = World()
    world.pool.outcome = Outcome.FAILED
    world.apply(resource(trigger=every(60)))
    async with world.running():
        await asyncio.sleep(61)
    kinds = [type(one).__name__ for one in world.ledger.notices]
    assert kinds == ["ReadinessChanged", "Decided", "Ended"]


async def test_draining_records_how_the_last_runs_ended_and_starts_none() -> None:
    world = World(seconds=5.0)
    key = world.apply(resource(trigger=every(60)))
    async with world.running():
        await asyncio.sleep(61)
        await world.scheduler.drain(30)
        await asyncio.sleep(120)
    assert len(world.pool.started) == 1
    assert world.counts(key)["succeeded"] == 1


async def test_what_is_older_than_what_is_known_changes_nothing() -> None:
    world = World()
    key = world.apply(resource(trigger=every(60)))
    old = world.store.snapshot(key)
    async with world.running():
        await asyncio.sleep(61)
        world.scheduler.observe(old)
        await asyncio.sleep(30)
    assert world.pool.fire_times == [START + 60]
    assert world.scheduler.overview.knows(key, old.ref.uid, old.version)


async def test_a_one_off_that_was_invalid_at_first_runs_once_it_is_corrected() -> None:
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


async def test_conditions_that_a_user_removed_are_restored() -> None:
    world = World()
    key = world.apply(resource(schedule="0 0 1 1 *"))
    async with world.running():
        await asyncio.sleep(1)
        status = {field: value for field, value in world.store.status(key).items() if field != "conditions"}
        world.store.replace_status(key, status)
        world.apply(resource(schedule="0 0 1 1 *"))
        await asyncio.sleep(1)
    assert world.store.status(key)["conditions"][0]["reason"] == "Armed"


async def test_a_record_that_a_user_removed_starts_from_now() -> None:
    world = World()
    key = world.apply(resource(trigger=every(60)))
    async with world.running():
        await asyncio.sleep(150)
        world.store.replace_status(key, {})
        world.apply(resource(trigger=every(60)))
        await asyncio.sleep(10)
        assert world.pool.fire_times == [START + 60, START + 120]
        await asyncio.sleep(30)
    assert world.pool.fire_times == [START + 60, START + 120, START + 180]


async def test_a_removed_record_starts_from_now_also_where_the_resource_changes_before_the_next_write() -> None:
    world = World()
    key = world.apply(resource(trigger=every(60)))
    async with world.running():
        await asyncio.sleep(150)
    for generation in (2, 3):
        world.store.replace_status(key, {})
        world.apply(resource(trigger=every(60), generation=generation))
    async with world.running():
        await asyncio.sleep(10)
        assert world.pool.fire_times == [START + 60, START + 120]


async def test_a_record_that_was_removed_while_the_resource_is_invalid_fires_for_nothing_that_is_past() -> None:
    world = World()
    key = world.apply(resource(trigger=every(60)))
    async with world.running():
        await asyncio.sleep(150)
        world.store.replace_status(key, {})
        world.apply(resource(schedule="nonsense", generation=2))
        await asyncio.sleep(5)
        world.apply(resource(trigger=every(60), generation=2))
        await asyncio.sleep(10)
    assert world.pool.fire_times == [START + 60, START + 120]


async def test_jobs_that_come_and_go_without_end_do_not_hold_up_the_end_of_the_process() -> None:
    world = World()
    world.store.latency = 1.2
    for number in range(20):
        world.apply(resource(f"job-{number}", trigger=every(1), jobTemplate=JOB, concurrencyPolicy="Allow"))
    async with world.running():
        await asyncio.sleep(10.5)
        began = world.clock.monotonic()
        await world.scheduler.drain(30)
        assert world.clock.monotonic() - began < 2


async def test_a_notice_names_the_run_that_it_is_about() -> None:
    world = World(seconds=1.0)
    world.apply(resource(trigger=every(60)))
    async with world.running():
        await asyncio.sleep(62)
    started = next(one for one in world.ledger.notices if isinstance(one, Decided))
    ended = next(one for one in world.ledger.notices if isinstance(one, Ended))
    assert started.run == ended.report.name == f"nightly-{START + 60}"
    assert ended.attempt == 1
