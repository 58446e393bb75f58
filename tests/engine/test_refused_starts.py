"""Starts that are refused for a reason that may pass: everything else continues, and people can see what is wrong."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from doubles import JOB, START, every, resource
from engine.world import World
from kalends.engine.ports import Delayed, ReadinessChanged, StartPutOff
from kalends.errors import ExecutorShutDown, NamespaceTerminating, StartDeferred, Unavailable
from kalends.model import Outcome
from kalends.model.reasons import Reason
from narrowing import present

pytestmark = pytest.mark.looptime

MINUTE = 60


def conditions(world: World, key: str) -> dict[str, Any]:
    return {one["type"]: one for one in world.store.status(key)["conditions"]}


def counted(world: World, key: str) -> dict[str, int]:
    return {name: count for name, count in world.counts(key).items() if count}


def end_all(world: World, key: str) -> None:
    ref = world.store.snapshot(key).ref
    for job in present(world.cluster.views(ref)):
        if job.report is None:
            world.cluster.end(ref, job.name)


def jobs_of(world: World, key: str) -> list[str]:
    return [job.name for job in present(world.cluster.views(world.store.snapshot(key).ref))]


async def test_jobs_beyond_a_limit_are_deleted_although_a_quota_refuses_new_ones() -> None:
    world = World()
    world.cluster.quota = 2
    key = world.apply(resource(trigger=every(MINUTE), jobTemplate=JOB, successfulJobsHistoryLimit=5))
    async with world.running():
        for _ in range(4):
            await asyncio.sleep(MINUTE)
            end_all(world, key)
        assert len(jobs_of(world, key)) == 2
        world.apply(resource(trigger=every(MINUTE), jobTemplate=JOB, successfulJobsHistoryLimit=1, generation=2))
        await asyncio.sleep(1)
        assert jobs_of(world, key) == [f"nightly-{START + 2 * MINUTE}", f"nightly-{START + 4 * MINUTE}"]
    assert counted(world, key) == {"due": 4, "started": 3, "coalesced": 1, "succeeded": 2, "active": 1}


async def test_the_end_of_a_run_is_recorded_although_its_own_job_fills_the_quota() -> None:
    world = World()
    world.cluster.quota = 1
    key = world.apply(
        resource(trigger=every(MINUTE), jobTemplate=JOB, concurrencyPolicy="Allow", successfulJobsHistoryLimit=0)
    )
    async with world.running():
        await asyncio.sleep(MINUTE + MINUTE + 5)
        assert world.cluster.created == [f"nightly-{START + MINUTE}"]
        end_all(world, key)
        await asyncio.sleep(10)
        status = world.store.status(key)
        assert status["lastSuccessfulTime"]
        assert world.cluster.created == [f"nightly-{START + MINUTE}", f"nightly-{START + 2 * MINUTE}"]
        assert jobs_of(world, key) == [f"nightly-{START + 2 * MINUTE}"]


@pytest.mark.parametrize(
    "refusal",
    [StartDeferred("403 Forbidden: cannot create resource jobs"), Unavailable("500 failed calling webhook")],
    ids=["permission", "webhook"],
)
async def test_an_end_is_recorded_while_the_next_start_is_refused(refusal: StartDeferred | Unavailable) -> None:
    world = World()
    key = world.apply(resource(trigger=every(MINUTE), jobTemplate=JOB, concurrencyPolicy="Allow"))
    async with world.running():
        await asyncio.sleep(MINUTE + 1)
        world.cluster.defers = refusal
        await asyncio.sleep(MINUTE)
        end_all(world, key)
        await asyncio.sleep(1)
        assert counted(world, key) == {"due": 1, "started": 1, "succeeded": 1}
        world.cluster.defers = None
        await asyncio.sleep(10)
    assert counted(world, key) == {"due": 2, "started": 2, "succeeded": 1, "active": 1}


async def test_runs_in_a_pool_are_recorded_as_ended_while_no_worker_can_be_started() -> None:
    world = World(seconds=None)
    key = world.apply(resource(trigger=every(MINUTE), concurrencyPolicy="Allow"))
    async with world.running():
        await asyncio.sleep(MINUTE + 1)
        world.pool.fails_with = Unavailable("no worker can be started: out of memory")
        await asyncio.sleep(MINUTE)
        world.pool.end(world.pool.started[0].name)
        await asyncio.sleep(1)
        assert counted(world, key) == {"due": 2, "started": 2, "succeeded": 1, "active": 1}
        world.pool.fails_with = None
        await asyncio.sleep(10)
    assert world.pool.fire_times == [START + MINUTE, START + 2 * MINUTE]


async def test_what_a_quota_leaves_over_starts_once_there_is_room_and_each_once() -> None:
    world = World()
    world.cluster.quota = 2
    await asyncio.sleep(5 * MINUTE + 1)
    spec: dict[str, Any] = {
        "trigger": every(MINUTE),
        "coalesce": "All",
        "concurrencyPolicy": "Allow",
        "jobTemplate": JOB,
    }
    key = world.apply(resource(**spec, successfulJobsHistoryLimit=0))
    async with world.running():
        await asyncio.sleep(1)
        assert counted(world, key) == {"due": 2, "started": 2, "active": 2}
        for _ in range(2):
            end_all(world, key)
            await asyncio.sleep(10)
        assert counted(world, key) == {"due": 5, "started": 5, "active": 1, "succeeded": 4}
    assert world.cluster.created == [f"nightly-{START + n * MINUTE}" for n in range(1, 6)]


async def test_fire_times_are_accounted_for_while_their_starts_are_refused() -> None:
    world = World()
    world.cluster.quota = 0
    key = world.apply(resource(trigger=every(MINUTE), jobTemplate=JOB))
    async with world.running():
        await asyncio.sleep(10 * MINUTE + 1)
        assert counted(world, key) == {"due": 9, "coalesced": 9}
        world.cluster.quota = 5
        await asyncio.sleep(40)
        assert counted(world, key) == {"due": 10, "coalesced": 9, "started": 1, "active": 1}
    assert world.cluster.created == [f"nightly-{START + 10 * MINUTE}"]


async def test_a_fire_time_is_tried_when_it_becomes_due_however_long_the_one_before_was_refused() -> None:
    world = World()
    world.cluster.quota = 0
    key = world.apply(resource(trigger=every(MINUTE), jobTemplate=JOB))
    async with world.running():
        await asyncio.sleep(10 * MINUTE - 0.01)  # no try of the fire time before falls into so little
        world.cluster.quota = 5
        await asyncio.sleep(2)
    assert world.cluster.created == [f"nightly-{START + 10 * MINUTE}"]
    assert world.counts(key)["started"] == 1


async def test_a_start_that_is_refused_again_and_again_is_shown_until_one_succeeds() -> None:
    world = World()
    world.cluster.quota = 0
    key = world.apply(resource(trigger=every(10 * MINUTE), jobTemplate=JOB))
    async with world.running():
        await asyncio.sleep(11 * MINUTE)
        shown = conditions(world, key)
        assert (shown["Ready"]["status"], shown["Ready"]["reason"]) == ("False", "StartRefused")
        assert (shown["Stalled"]["status"], shown["Stalled"]["reason"]) == ("True", "StartRefused")
        assert "exceeded quota" in shown["Ready"]["message"]
        world.cluster.quota = 5
        await asyncio.sleep(MINUTE)
        shown = conditions(world, key)
        assert (shown["Ready"]["status"], shown["Ready"]["reason"]) == ("True", "Armed")
        assert "Stalled" not in shown
    kinds = [one.reason for one in world.ledger.notices if isinstance(one, ReadinessChanged)]
    assert kinds == ["Armed", "StartRefused", "Armed"]
    assert sum(isinstance(one, Delayed) for one in world.ledger.notices) == 1
    assert sum(isinstance(one, StartPutOff) for one in world.ledger.notices) > 8


async def test_a_pool_that_refuses_is_shown_until_a_later_fire_time_starts() -> None:
    world = World(seconds=1.0)
    world.pool.fails_with = Unavailable("no worker process can be forked")
    key = world.apply(resource(trigger=every(10 * MINUTE), startingDeadlineSeconds=60))
    async with world.running():
        await asyncio.sleep(12 * MINUTE)
        assert conditions(world, key)["Ready"]["reason"] == "StartRefused"
        assert counted(world, key)["missed"] == 1
        world.pool.fails_with = None
        await asyncio.sleep(10 * MINUTE)
        shown = conditions(world, key)
    assert counted(world, key)["succeeded"] == 1
    assert (shown["Ready"]["status"], shown["Ready"]["reason"]) == ("True", "Armed")
    assert "Stalled" not in shown


async def test_a_refusal_that_passes_soon_is_not_shown() -> None:
    world = World()
    world.cluster.quota = 0
    key = world.apply(resource(trigger=every(10 * MINUTE), jobTemplate=JOB))
    async with world.running():
        await asyncio.sleep(10 * MINUTE + 2)
        world.cluster.quota = 5
        await asyncio.sleep(10)
    assert conditions(world, key)["Ready"]["status"] == "True"
    assert [one.reason for one in world.ledger.notices if isinstance(one, ReadinessChanged)] == ["Armed"]


async def test_no_try_costs_a_write() -> None:
    world = World()
    world.cluster.quota = 0
    key = world.apply(resource(trigger=every(3600), jobTemplate=JOB))
    async with world.running():
        await asyncio.sleep(3600 + MINUTE)
        version, tries = world.store.snapshot(key).version, world.cluster.tries
        await asyncio.sleep(1800)
        assert world.cluster.tries > tries + 50
        assert world.store.snapshot(key).version == version


async def test_what_was_shown_before_a_restart_stays_until_a_run_has_started() -> None:
    world = World()
    world.cluster.quota = 0
    key = world.apply(resource(trigger=every(10 * MINUTE), jobTemplate=JOB))
    async with world.running():
        await asyncio.sleep(11 * MINUTE)
    again = world.made("another")
    again.observe(world.store.snapshot(key))
    async with world.running(again):
        await asyncio.sleep(1)
        assert conditions(world, key)["Ready"]["reason"] == "StartRefused"
        world.cluster.quota = 1
        await asyncio.sleep(10)
    assert conditions(world, key)["Ready"]["reason"] == "Armed"


async def test_a_run_missed_because_of_a_refused_start_names_the_refusal() -> None:
    world = World()
    world.cluster.quota = 0
    key = world.apply(resource(trigger=every(MINUTE), jobTemplate=JOB, startingDeadlineSeconds=4))
    async with world.running():
        await asyncio.sleep(MINUTE + 10)
    assert counted(world, key) == {"due": 1, "missed": 1}
    message = world.store.status(key)["lastMisfire"]["message"]
    assert message.startswith("4.")
    assert "its start was refused: 403 Forbidden: exceeded quota" in message


async def test_a_run_that_was_asked_for_waits_for_the_quota_as_well() -> None:
    world = World()
    world.cluster.quota = 0
    asked = resource(trigger=every(3600), jobTemplate=JOB)
    key = world.apply(asked)
    async with world.running():
        await asyncio.sleep(1)
        asked["metadata"]["annotations"] = {"kalends.dev/run-requested": "now"}
        world.apply(asked)
        await asyncio.sleep(MINUTE)
        assert counted(world, key) == {}
        world.cluster.quota = 1
        await asyncio.sleep(MINUTE)
    assert counted(world, key) == {"requested": 1, "started": 1, "active": 1}


async def test_an_edit_ends_the_pause_between_two_tries() -> None:
    world = World()
    world.cluster.quota = 0
    key = world.apply(resource(trigger=every(10 * MINUTE), jobTemplate=JOB))
    async with world.running():
        await asyncio.sleep(15 * MINUTE)
        world.cluster.quota = 1
        world.apply(resource(trigger=every(10 * MINUTE), jobTemplate=JOB, generation=2, failedJobsHistoryLimit=2))
        await asyncio.sleep(0.5)
        assert len(jobs_of(world, key)) == 1


async def test_a_retry_that_is_refused_does_not_keep_other_ends_from_the_record() -> None:
    world = World()
    retried: dict[str, Any] = {"retry": {"limit": 3, "backoffSeconds": 1}, "concurrencyPolicy": "Allow"}
    key = world.apply(resource(trigger=every(MINUTE), jobTemplate=JOB, **retried))
    async with world.running():
        await asyncio.sleep(2 * MINUTE + 1)
        world.cluster.quota = 0
        ref = world.store.snapshot(key).ref
        world.cluster.end(ref, f"nightly-{START + MINUTE}", Outcome.FAILED)
        await asyncio.sleep(10)
        world.cluster.end(ref, f"nightly-{START + 2 * MINUTE}")
        await asyncio.sleep(1)
        assert counted(world, key) == {"due": 2, "started": 2, "succeeded": 1, "active": 1}


# -- namespaces that are being deleted


async def test_a_namespace_that_is_being_deleted_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    keys = [world.apply(resource(f"job-{n}", trigger=every(MINUTE), jobTemplate=JOB)) for n in range(20)]
    world.cluster.defers = NamespaceTerminating("403 Forbidden: the namespace is being terminated")
    versions = {}
    with caplog.at_level(logging.INFO):
        async with world.running():
            await asyncio.sleep(MINUTE + 10)
            tries, versions = world.cluster.tries, {key: world.store.snapshot(key).version for key in keys}
            await asyncio.sleep(1800)
    assert tries <= 20  # those that had been decided on by the first answer
    assert world.cluster.tries - tries <= 6
    assert {key: world.store.snapshot(key).version for key in keys} == versions
    assert len([one for one in caplog.records if "being deleted" in one.message]) == 1
    assert not [one for one in caplog.records if one.levelno > logging.INFO]
    assert not [one for one in world.ledger.notices if isinstance(one, Delayed)]


async def test_a_namespace_that_is_created_again_is_acted_on_at_once() -> None:
    world = World()
    world.apply(resource(trigger=every(MINUTE), jobTemplate=JOB))
    world.cluster.defers = NamespaceTerminating("403 Forbidden: the namespace is being terminated")
    async with world.running():
        await asyncio.sleep(MINUTE + 10)
        world.scheduler.forget("default/nightly", "uid-of-nightly")
        world.cluster.defers = None
        world.apply(resource(trigger=every(MINUTE), jobTemplate=JOB, uid="new", created=START + MINUTE + 10))
        await asyncio.sleep(MINUTE + 1)
    assert world.cluster.created == [f"nightly-{START + 2 * MINUTE + 10}"]


async def test_a_task_continues_in_a_namespace_in_which_no_job_can_be_created() -> None:
    world = World()
    world.apply(resource("job", trigger=every(MINUTE), jobTemplate=JOB))
    key = world.apply(resource("task", trigger=every(MINUTE)))
    world.cluster.defers = NamespaceTerminating("403 Forbidden: the namespace is being terminated")
    async with world.running():
        await asyncio.sleep(5 * MINUTE + 1)
    assert world.counts(key)["succeeded"] == 5
    assert conditions(world, key)["Ready"]["reason"] == Reason.ARMED


async def test_an_executor_that_is_shut_down_is_logged_from_the_second_try_on(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.cluster.defers = ExecutorShutDown("the executor is shut down")
    world.apply(resource(trigger=every(MINUTE), jobTemplate=JOB))
    with caplog.at_level(logging.WARNING, "kalends"):
        async with world.running():
            await asyncio.sleep(MINUTE + 0.1)
            assert caplog.messages == []
            await asyncio.sleep(1)
    assert "the executor is shut down" in caplog.messages[0]
