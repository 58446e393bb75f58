"""Resources that come from a backup: without their status nothing that they had runs again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from doubles import JOB, START, every, resource
from engine.world import World
from kalends.engine.core.definition import Problem
from kalends.errors import StartRefused
from kalends.model import format_instant
from kalends.model.reasons import Reason

pytestmark = pytest.mark.looptime
REQUEST = "kalends.dev/run-requested"


def with_mark(obj: dict[str, Any], *, label: bool = False) -> dict[str, Any]:
    meta = obj["metadata"]
    if label:
        meta["labels"] = {"velero.io/restore-name": "january"}
    else:
        meta["annotations"] = {"kalends.dev/restored": "true"}
    return obj


def with_request(obj: dict[str, Any], token: str, *, at: int | None = None, of_spec: bool = False) -> dict[str, Any]:
    """Ask for a run; ``at`` is when, by the API server's bookkeeping."""
    meta = obj["metadata"]
    meta["annotations"] = {REQUEST: token}
    if at is not None:
        fields: dict[str, Any] = {
            "f:metadata": {"f:annotations": {f"f:{REQUEST}": {}}},
            **({"f:spec": {}} if of_spec else {}),
        }
        meta["managedFields"] = [{"manager": "kubectl", "time": format_instant(at), "fieldsV1": fields}]
    return obj


def ready(world: World, key: str) -> dict[str, Any]:
    return next(one for one in world.store.status(key)["conditions"] if one["type"] == "Ready")


async def test_a_request_that_came_with_a_resource_is_taken_for_handled() -> None:
    world = World()
    key = world.apply(with_request(resource(schedule="0 0 1 1 *"), "ticket-4711"))
    async with world.running():
        await asyncio.sleep(10)
        assert world.store.status(key)["handledRequests"] == ["ticket-4711"]
        assert world.pool.started == []
        world.apply(with_request(resource(schedule="0 0 1 1 *"), "ticket-4712"))
        await asyncio.sleep(1)
    assert [run.request for run in world.pool.started] == ["ticket-4712"]


@pytest.mark.parametrize(
    ("at", "of_spec", "runs"), [(START - 900, False, 0), (START, True, 0), (START, False, 1), (START + 60, True, 1)]
)
async def test_a_request_that_was_made_after_the_creation_runs_also_where_no_operator_saw_that(
    at: int, of_spec: bool, runs: int
) -> None:
    world = World()
    world.clock.step = 120
    world.apply(with_request(resource(schedule="0 0 1 1 *"), "ticket", at=at, of_spec=of_spec))
    async with world.running():
        await asyncio.sleep(10)
    assert len(world.pool.started) == runs


async def test_a_request_that_comes_before_the_first_record_is_written_runs() -> None:
    world = World()
    world.store.latency = 5.0
    world.apply(resource(schedule="0 0 1 1 *"))
    async with world.running():
        await asyncio.sleep(1)
        world.apply(with_request(resource(schedule="0 0 1 1 *"), "ticket"))
        await asyncio.sleep(30)
    assert [run.request for run in world.pool.started] == ["ticket"]


@pytest.mark.parametrize("label", [False, True])
@pytest.mark.parametrize(
    "spec",
    [{}, {"schedule": "* * * * *"}, {"trigger": every(60), "maxRuns": 2}, {"trigger": every(60), "coalesce": "All"}],
    ids=str,
)
async def test_a_restored_resource_is_held(spec: dict[str, Any], label: bool) -> None:
    world = World()
    key = world.apply(with_mark(resource(**spec), label=label))
    async with world.running():
        await asyncio.sleep(300)
        condition = ready(world, key)
        assert (condition["status"], condition["reason"]) == ("True", "Restored")
        assert world.pool.started == []
        again = world.made()
        again.observe(world.store.snapshot(key))
    async with world.running(again):
        await asyncio.sleep(300)
    assert world.pool.started == []


ONE_A_MINUTE: dict[str, Any] = {"schedule": "* * * * *"}
DENIED = StartRefused(Reason.INVALID_JOB_TEMPLATE, "denied request: every Job needs a label team", may_pass=True)


@pytest.mark.parametrize("spec", [{}, ONE_A_MINUTE], ids=str)
@pytest.mark.parametrize("valid_at_first", [False, True])
async def test_a_restored_resource_is_still_held_after_it_could_not_be_carried_out(
    spec: dict[str, Any], valid_at_first: Any
) -> None:
    world = World()
    world.cluster.refuses_check = None if valid_at_first else DENIED
    key = world.apply(with_mark(resource(jobTemplate=JOB, **spec)))
    async with world.running():
        await asyncio.sleep(60)
    world.cluster.refuses_check = DENIED
    again = world.made()
    again.observe(replace(world.store.snapshot(key), definition=None, problem=Problem("InvalidSpec", "not installed")))
    async with world.running(again):
        await asyncio.sleep(60)
        assert ready(world, key)["status"] == "False"
    world.cluster.refuses_check = None
    again = world.made("the next")
    again.observe(world.store.snapshot(key))
    async with world.running(again):
        await asyncio.sleep(300)
        assert ready(world, key)["reason"] == "Restored"
    assert world.cluster.created == []


async def test_an_edit_lets_an_invalid_restored_schedule_continue() -> None:
    world = World()
    world.cluster.refuses_check = DENIED
    world.apply(with_mark(resource(jobTemplate=JOB, **ONE_A_MINUTE)))
    async with world.running():
        await asyncio.sleep(90)
        world.cluster.refuses_check = None
        world.apply(with_mark(resource(jobTemplate=JOB, **ONE_A_MINUTE, generation=2)))
        await asyncio.sleep(60)
    assert world.cluster.created == [f"nightly-{START + 120}"]


async def test_a_restored_resource_that_cannot_be_carried_out_waits_for_its_status_too() -> None:
    world = World()
    world.cluster.refuses_check = DENIED
    key = world.apply(with_mark(resource(jobTemplate=JOB, **ONE_A_MINUTE)))
    async with world.running():
        await asyncio.sleep(9)
        assert world.store.status(key) == {}
        await asyncio.sleep(5)
        assert ready(world, key)["reason"] == "InvalidJobTemplate"


async def test_an_edit_lets_a_restored_schedule_continue_from_then() -> None:
    world = World()
    world.apply(with_mark(resource(trigger=every(60))))
    async with world.running():
        await asyncio.sleep(150)
        world.apply(with_mark(resource(trigger=every(60), suspend=False, generation=2)))
        await asyncio.sleep(60)
    assert world.pool.fire_times == [START + 180]


async def test_a_removed_mark_lets_a_restored_schedule_continue_from_then() -> None:
    world = World()
    key = world.apply(with_mark(resource(trigger=every(60))))
    async with world.running():
        await asyncio.sleep(150)
        world.apply(resource(trigger=every(60)))
        await asyncio.sleep(60)
    assert world.pool.fire_times == [START + 180]
    assert ready(world, key)["reason"] == "Armed"


async def test_what_runs_once_at_its_creation_does_not_run_again_when_it_is_let_go() -> None:
    world = World()
    key = world.apply(with_mark(resource()))
    async with world.running():
        await asyncio.sleep(150)
        world.apply(resource())
        await asyncio.sleep(60)
    assert world.pool.started == []
    assert ready(world, key)["reason"] == "Exhausted"


async def test_no_record_is_written_in_the_way_of_a_status_that_is_restored_a_moment_later() -> None:
    world = World()
    async with world.running():
        key = world.apply(resource("first"))
        await asyncio.sleep(1)
        status = world.store.status(key)
        restored = with_mark(resource("first", uid="restored", created=START + 2), label=True)
        world.scheduler.forget(key, "uid-of-first")
        await asyncio.sleep(1)
        world.apply(restored)
        await asyncio.sleep(5)
        assert world.store.status(key) == {}
        world.store.put({**restored, "status": status})
        world.scheduler.observe(world.store.snapshot(key))
        await asyncio.sleep(60)
    assert len(world.pool.started) == 1
    assert world.counts(key)["succeeded"] == 1
    assert ready(world, key)["reason"] == "Exhausted"
