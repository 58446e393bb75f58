"""A resource that cannot be carried out keeps account of its past, so that nothing runs again once it is corrected."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from doubles import JOB, START, every, resource
from engine.world import World
from kalends.model import format_instant

pytestmark = pytest.mark.looptime
REQUEST = "kalends.dev/run-requested"
BAD: dict[str, Any] = {"schedule": "61 * * * *"}
GOOD: dict[str, Any] = {"schedule": "0 0 1 1 *"}


def with_request(obj: dict[str, Any], at: int | None = None) -> dict[str, Any]:
    obj["metadata"]["annotations"] = {REQUEST: "ticket"}
    if at is not None:
        fields: dict[str, Any] = {"f:metadata": {"f:annotations": {f"f:{REQUEST}": {}}}}
        obj["metadata"]["managedFields"] = [{"manager": "kubectl", "time": format_instant(at), "fieldsV1": fields}]
    return obj


def without_status(obj: dict[str, Any]) -> dict[str, Any]:
    return {**obj, "status": {}}


@pytest.mark.parametrize(("at", "runs"), [(None, 0), (START + 60, 1)])
async def test_a_request_that_came_with_an_invalid_resource_does_not_run_once_that_is_corrected(
    at: Any, runs: int
) -> None:
    world = World()
    world.clock.step = 120
    key = world.apply(with_request(resource(**BAD), at=at))
    async with world.running():
        await asyncio.sleep(5)
        assert world.status(key)["conditions"]
        world.apply(with_request(resource(generation=2, **GOOD), at=at))
        await asyncio.sleep(5)
    assert len(world.pool.started) == runs


async def test_a_request_made_while_a_resource_is_invalid_runs_once_that_is_corrected() -> None:
    world = World()
    world.apply(resource(**BAD))
    async with world.running():
        await asyncio.sleep(5)
        world.apply(with_request(resource(**BAD)))
        await asyncio.sleep(5)
        world.apply(with_request(resource(generation=2, **GOOD)))
        await asyncio.sleep(5)
    assert [run.request for run in world.pool.started] == ["ticket"]


async def test_a_request_does_not_run_again_where_the_record_was_removed_while_the_spec_was_invalid() -> None:
    world = World()
    world.apply(resource(**GOOD))
    async with world.running():
        await asyncio.sleep(5)
        world.apply(with_request(resource(**GOOD)))
        await asyncio.sleep(5)
        world.apply(with_request(resource(generation=2, **BAD)))
        await asyncio.sleep(5)
        world.apply(without_status(with_request(resource(generation=2, **BAD))))
        await asyncio.sleep(5)
        world.apply(with_request(resource(generation=3, **GOOD)))
        await asyncio.sleep(5)
    assert [run.request for run in world.pool.started] == ["ticket"]


async def test_jobs_that_run_count_where_the_record_was_removed_while_the_spec_was_invalid() -> None:
    world = World()
    good: dict[str, Any] = {"jobTemplate": JOB, "trigger": every(60), "concurrencyPolicy": "Forbid"}
    key = world.apply(resource(**good))
    async with world.running():
        await asyncio.sleep(70)
        assert world.cluster.created == [f"nightly-{START + 60}"]
        world.apply(resource(generation=2, jobTemplate=JOB, **BAD))
        await asyncio.sleep(5)
        world.apply(without_status(resource(generation=2, jobTemplate=JOB, **BAD)))
        await asyncio.sleep(5)
        assert [run["name"] for run in world.status(key)["active"]] == [f"nightly-{START + 60}"]
        world.apply(resource(generation=3, **good))
        await asyncio.sleep(120)
    assert world.cluster.created == [f"nightly-{START + 60}"]
