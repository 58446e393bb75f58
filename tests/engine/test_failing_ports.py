"""Stores, executors and API servers that fail: what is delayed is not lost, and each harms only its own."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, NoReturn

import pytest

from doubles import JOB, START, every, resource
from engine.world import World
from kalends.engine.core.schedule import TaskCall
from kalends.engine.core.state import Ref
from kalends.engine.ports import Delayed
from kalends.errors import Conflict, StartRefused, Unavailable
from kalends.model.reasons import Reason

pytestmark = pytest.mark.looptime


async def test_a_write_that_conflicts_is_decided_anew_from_what_was_read() -> None:
    world = World()
    key = world.apply(resource(trigger=every(60)))
    async with world.running():
        await asyncio.sleep(30)
        edited = resource(trigger=every(60), generation=2, task={"name": "kalends.sleep", "args": [1]})
        world.store.put(edited)  # nobody shows it: the watch is late
        await asyncio.sleep(40)
    assert world.counts(key)["due"] == 1
    assert [isinstance(run.target, TaskCall) and run.target.name for run in world.pool.started] == ["kalends.sleep"]


async def test_while_the_store_is_down_nothing_starts_in_the_pod_and_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    key = world.apply(resource(trigger=every(10)))
    write, down = world.store.write, True

    async def failing(*args: Any, **options: Any) -> Any:
        if down:
            raise Unavailable("down")
        return await write(*args, **options)

    monkeypatch.setattr(world.store, "write", failing)
    async with world.running():
        await asyncio.sleep(35)
        assert world.pool.started == []
        down = False
        await asyncio.sleep(10)
    assert world.counts(key)["due"] == 4
    assert world.counts(key)["coalesced"] in {2, 3}  # the next try may fall on the fourth fire time


async def test_a_write_that_happened_without_an_answer_starts_its_claim_once(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    key = world.apply(resource(trigger=every(60)))
    write = world.store.write
    lost: list[str] = []

    async def answer_lost(*args: Any, **options: Any) -> Any:
        version = await write(*args, **options)
        if args[3].active and not lost:
            lost.append(version)
            raise Unavailable("no answer")
        return version

    monkeypatch.setattr(world.store, "write", answer_lost)
    async with world.running():
        await asyncio.sleep(70)
    assert lost
    assert world.pool.fire_times == [START + 60]
    assert world.counts(key) | {"due": 1, "succeeded": 1} == world.counts(key)


async def test_a_job_is_created_once_though_its_record_fails_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    key = world.apply(resource(trigger=every(60), jobTemplate=JOB))
    write = world.store.write
    failures: list[int] = []

    async def failing(*args: Any, **options: Any) -> Any:
        if args[3].active and len(failures) < 3:
            failures.append(1)
            raise Conflict("another client wrote")
        return await write(*args, **options)

    monkeypatch.setattr(world.store, "write", failing)
    async with world.running():
        await asyncio.sleep(70)
    assert world.cluster.created == [f"nightly-{START + 60}"]
    assert world.counts(key)["started"] == 1


async def test_the_api_server_being_down_delays_jobs_and_loses_none() -> None:
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


async def test_a_permanently_refused_job_fails_its_run_and_the_next_run_is_tried() -> None:
    world = World()
    key = world.apply(resource(trigger=every(60), jobTemplate=JOB))
    async with world.running():
        await asyncio.sleep(1)
        world.cluster.refuses = StartRefused(Reason.NAME_TAKEN, "another owner's")
        await asyncio.sleep(60)
        world.cluster.refuses = None
        await asyncio.sleep(60)
    assert world.counts(key)["failed"] == 1
    assert world.cluster.created == [f"nightly-{START + 120}"]


async def test_a_template_that_the_api_server_would_refuse_stalls_its_resource_until_it_is_corrected() -> None:
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


async def test_one_trigger_that_raises_harms_only_its_own_resource() -> None:
    world = World()

    class Bad:
        def next_after(self, instant: int) -> NoReturn:
            raise ZeroDivisionError("boom")

        def several_after(self, instant: int, number: int) -> NoReturn:
            raise ZeroDivisionError("boom")

        def fires_at(self, instant: int) -> NoReturn:
            raise ZeroDivisionError("boom")

        def tally(self, after: int, until: int) -> NoReturn:
            raise ZeroDivisionError("boom")

    world.apply(resource("good", trigger=every(60)))
    key = "default/bad"
    world.store.put(resource("bad", trigger=every(60)))
    stored = world.store.snapshot(key)
    assert stored.definition is not None
    world.scheduler.observe(replace(stored, definition=replace(stored.definition, when=Bad())))
    async with world.running():
        await asyncio.sleep(181)
    assert len(world.pool.started) == 3
    ready = {one["type"]: one for one in world.store.status(key)["conditions"]}["Ready"]
    assert ready["reason"] == "InternalError"
    assert "boom" in ready["message"]


async def test_an_odd_answer_of_the_store_is_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    key = world.apply(resource(trigger=every(60)))
    write = world.store.write
    failures: list[int] = []

    async def conflict(*args: Any, **options: Any) -> Any:
        if len(failures) < 1:
            failures.append(1)
            raise Conflict("another client wrote")
        return await write(*args, **options)

    async def odd(ref: Ref) -> None:
        raise ZeroDivisionError("odd")

    read = world.store.read
    monkeypatch.setattr(world.store, "write", conflict)
    monkeypatch.setattr(world.store, "read", odd)
    async with world.running():
        await asyncio.sleep(5)
        monkeypatch.setattr(world.store, "read", read)
        await asyncio.sleep(70)
    assert world.counts(key)["succeeded"] == 1


async def test_a_job_that_cannot_be_created_for_a_while_is_reported() -> None:
    world = World()
    world.apply(resource(trigger=every(60), jobTemplate=JOB))
    async with world.running():
        await asyncio.sleep(50)
        world.cluster.down = True
        await asyncio.sleep(40)
    delays = [notice.message for notice in world.ledger.notices if isinstance(notice, Delayed)]
    assert delays == ["the API server is down"]
