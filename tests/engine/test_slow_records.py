"""Runs that end sooner than their records are written: what this process knows counts, not what is recorded yet."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from doubles import START, every, resource
from engine.world import World
from kalends.engine.ports import Decided, Verdict

pytestmark = pytest.mark.looptime


def with_slow_writes(monkeypatch: pytest.MonkeyPatch, world: World, shortest: float, longest: float) -> World:
    chance, write = random.Random(1), world.store.write  # noqa: S311 - the same numbers each time

    async def slow(*args: Any, **options: Any) -> Any:
        await asyncio.sleep(chance.uniform(shortest, longest))
        return await write(*args, **options)

    monkeypatch.setattr(world.store, "write", slow)
    return world


@pytest.mark.parametrize(("shortest", "longest"), [(0.1, 0.45), (0.2, 0.7), (0.4, 0.9)])
async def test_short_runs_make_no_fire_time_of_each_second_wait_however_slow_the_writes(
    monkeypatch: pytest.MonkeyPatch, shortest: float, longest: float
) -> None:
    world = with_slow_writes(monkeypatch, World(size=100, seconds=0.001), shortest, longest)
    keys = [world.apply(resource(f"job-{n}", trigger=every(1))) for n in range(50)]
    async with world.running():
        await asyncio.sleep(12)
    counts = [world.counts(key) for key in keys]
    assert sum(one["skipped"] + one["coalesced"] for one in counts) == 0
    assert min(one["started"] for one in counts) >= 10


async def test_a_run_that_really_overlaps_with_the_next_fire_time_lets_that_be_skipped_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = with_slow_writes(monkeypatch, World(seconds=5.0), 0.05, 0.1)
    key = world.apply(resource(trigger=every(1)))
    async with world.running():
        await asyncio.sleep(2.5)
        assert world.counts(key)["skipped"] == 1
        await asyncio.sleep(10)
    assert world.counts(key)["skipped"] == 10 - world.counts(key)["coalesced"]


async def test_an_active_run_whose_claim_was_slow_lets_the_next_fire_time_be_skipped_two_seconds_later() -> None:
    world = World(seconds=60.0)
    key = world.apply(resource(trigger=every(60)))
    async with world.running():
        await asyncio.sleep(1)
        world.store.latency = 61.0
        await asyncio.sleep(120.5)
        world.store.latency = 0.0
        assert world.pool.fire_times == [START + 60]
        assert not [one for one in world.ledger.notices if isinstance(one, Decided) and one.verdict is Verdict.SKIPPED]
        await asyncio.sleep(1.5)
    assert world.counts(key)["skipped"] == 1


async def test_an_end_is_recorded_at_once_where_the_next_fire_time_is_far_off() -> None:
    world = World(seconds=0.5)
    key = world.apply(resource(trigger=every(10)))
    async with world.running():
        await asyncio.sleep(9)
        world.store.latency = 3.0
        await asyncio.sleep(8)  # claimed from 10 to 13, ended at 13.5, recorded at 16.5
    assert world.counts(key)["succeeded"] == 1


async def test_an_end_that_waits_for_the_next_fire_time_is_recorded_before_the_operator_ends() -> None:
    world = World(seconds=0.1)
    key = world.apply(resource(trigger=every(1)))
    async with world.running():
        await asyncio.sleep(0.5)
        world.store.latency = 0.7
        await asyncio.sleep(1.35)  # claimed from 1 to 1.7, ended at 1.8: the next fire time is due at 2
        assert world.counts(key)["active"] == 1
        await world.scheduler.drain(1.0)
        assert world.counts(key)["succeeded"] == world.counts(key)["started"] >= 1
