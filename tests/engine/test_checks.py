"""Checking what a resource runs: asked again where the answer may change, and in the way of nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from doubles import JOB, START, every, resource
from engine.world import World
from kalends.errors import StartRefused
from kalends.model.reasons import Reason
from narrowing import present

pytestmark = pytest.mark.looptime

MINUTE = 60
HOUR = 3600
DENIED = StartRefused(Reason.INVALID_JOB_TEMPLATE, "denied request: every Job needs a label team", may_pass=True)
MISSHAPEN = StartRefused(Reason.INVALID_JOB_TEMPLATE, "containers: Required value")


def ready(world: World, key: str) -> dict[str, Any]:
    conditions: list[dict[str, Any]] = world.store.status(key)["conditions"]
    return {condition["type"]: condition for condition in conditions}["Ready"]


async def test_what_an_admission_policy_denied_runs_once_the_policy_is_gone() -> None:
    world = World()
    world.cluster.refuses_check = DENIED
    key = world.apply(resource(trigger=every(MINUTE), jobTemplate=JOB))
    async with world.running():
        await asyncio.sleep(30)
        assert (ready(world, key)["status"], ready(world, key)["reason"]) == ("False", "InvalidJobTemplate")
        world.cluster.refuses_check = None
        await asyncio.sleep(2 * MINUTE)
        assert ready(world, key)["reason"] == "Armed"
    assert world.cluster.created
    assert world.counts(key)["due"] == 2


async def test_an_admission_policy_is_asked_less_and_less_often_and_no_question_costs_a_write() -> None:
    world = World()
    world.cluster.refuses_check = DENIED
    key = world.apply(resource(trigger=every(MINUTE), jobTemplate=JOB))
    async with world.running():
        await asyncio.sleep(30)
        version = world.store.snapshot(key).version
        await asyncio.sleep(2 * HOUR)
        checks = world.cluster.checks
        await asyncio.sleep(10 * HOUR)
    assert 5 <= checks <= 9
    assert 10 <= world.cluster.checks - checks <= 14
    assert world.store.snapshot(key).version == version


async def test_what_has_a_wrong_shape_is_not_asked_again_before_it_is_edited() -> None:
    world = World()
    world.cluster.refuses_check = MISSHAPEN
    world.apply(resource(trigger=every(MINUTE), jobTemplate=JOB))
    async with world.running():
        await asyncio.sleep(10 * HOUR)
        assert world.cluster.checks == 1
        world.cluster.refuses_check = None
        world.apply(resource(trigger=every(MINUTE), jobTemplate=JOB, generation=2))
        await asyncio.sleep(MINUTE + 1)
    assert len(world.cluster.created) == 1


async def test_an_edit_is_checked_at_once_however_long_the_pause_is() -> None:
    world = World()
    world.cluster.refuses_check = DENIED
    key = world.apply(resource(trigger=every(MINUTE), jobTemplate=JOB))
    async with world.running():
        await asyncio.sleep(5 * HOUR)
        world.cluster.refuses_check = None
        world.apply(resource(trigger=every(MINUTE), jobTemplate=JOB, generation=2))
        await asyncio.sleep(1)
        assert ready(world, key)["reason"] == "Armed"


async def test_an_end_is_recorded_and_jobs_are_deleted_while_an_edit_cannot_be_checked() -> None:
    world = World()
    spec: dict[str, Any] = {"trigger": every(MINUTE), "jobTemplate": JOB, "concurrencyPolicy": "Allow"}
    key = world.apply(resource(**spec))
    ref = world.store.snapshot(key).ref
    async with world.running():
        await asyncio.sleep(3 * MINUTE + 1)
        world.cluster.check_is_down = True
        world.apply(resource(**spec, successfulJobsHistoryLimit=1, generation=2))
        await asyncio.sleep(1)
        for n in (1, 2, 3):
            world.cluster.end(ref, f"nightly-{START + n * MINUTE}")
        await asyncio.sleep(MINUTE)
        counts = world.counts(key)
        assert (counts["due"], counts["started"], counts["succeeded"], counts["active"]) == (3, 3, 3, 0)
        assert [job.name for job in present(world.cluster.views(ref))] == [f"nightly-{START + 3 * MINUTE}"]
        assert world.store.status(key)["observedGeneration"] == 1, "what it says of the edit is not known yet"
        world.cluster.check_is_down = False
        await asyncio.sleep(10)
        assert world.store.status(key)["observedGeneration"] == 2
        assert world.counts(key)["started"] == 4


async def test_nothing_of_an_edit_is_recorded_before_it_is_checked() -> None:
    world = World()
    key = world.apply(resource(trigger=every(MINUTE), jobTemplate=JOB))
    async with world.running():
        await asyncio.sleep(10)
        before = world.store.status(key)
        world.cluster.check_is_down = True
        world.apply(resource(trigger=every(20), jobTemplate=JOB, generation=2))
        await asyncio.sleep(2 * MINUTE)
        assert world.store.status(key) == before
        world.cluster.check_is_down = False
        await asyncio.sleep(10)
        assert world.store.status(key)["scheduleHash"] != before["scheduleHash"]
        assert world.store.status(key)["observedGeneration"] == 2


async def test_what_could_not_be_checked_is_checked_by_the_next_operator() -> None:
    world = World()
    key = world.apply(resource(trigger=every(MINUTE), jobTemplate=JOB))
    async with world.running():
        await asyncio.sleep(1)
        world.cluster.check_is_down = True
        world.apply(resource(trigger=every(MINUTE), jobTemplate=JOB, generation=2))
        await asyncio.sleep(10)
    world.cluster.check_is_down, world.cluster.refuses_check = False, MISSHAPEN
    again = world.made("another")
    again.observe(world.store.snapshot(key))
    async with world.running(again):
        await asyncio.sleep(MINUTE)
    assert ready(world, key)["reason"] == "InvalidJobTemplate"
    assert world.cluster.created == []
