"""Jobs that wait for the end of others: at most so many are unfinished at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from doubles import JOB, START, Cluster, every, resource, schedule_of
from engine.world import World, armed, facts
from kalends.engine.decisions.decide import decide
from kalends.engine.ports import JobView
from kalends.model import Outcome

pytestmark = pytest.mark.looptime


def limited(size: int, seconds: float | None = 1.0) -> World:
    world = World()
    world.cluster = Cluster(world.clock)
    world.cluster.size, world.cluster.seconds = size, seconds
    world.scheduler = world.made()
    return world


async def test_runs_beyond_the_limit_wait_for_the_end_of_jobs_and_none_is_lost() -> None:
    world = limited(2)
    keys = [world.apply(resource(f"job-{n}", schedule="* * * * *", jobTemplate=JOB)) for n in range(7)]
    async with world.running():
        await asyncio.sleep(75)
    assert world.cluster.most == 2
    assert [world.counts(key)["succeeded"] for key in keys] == [1] * 7
    assert all(world.status(key).get("queued", []) == [] for key in keys)


async def test_the_limit_holds_while_jobs_are_being_created_and_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    world = limited(2)
    world.store.latency = 0.3
    create = world.cluster.start

    async def slowly(run: Any, is_wanted: Any) -> None:
        await asyncio.sleep(0.2)
        await create(run, is_wanted)

    monkeypatch.setattr(world.cluster, "start", slowly)
    keys = [world.apply(resource(f"job-{n}", schedule="* * * * *", jobTemplate=JOB)) for n in range(6)]
    async with world.running():
        await asyncio.sleep(90)
    assert world.cluster.most == 2
    assert [world.counts(key)["succeeded"] for key in keys] == [1] * 6


async def test_jobs_that_were_created_before_a_restart_count() -> None:
    world = limited(2, seconds=None)
    for n in range(3):
        world.apply(resource(f"job-{n}", schedule="* * * * *", jobTemplate=JOB))
    async with world.running():
        await asyncio.sleep(65)
    assert len(world.cluster.created) == 2
    world.scheduler = world.made("another process")
    for n in range(3):
        world.scheduler.observe(world.store.snapshot(f"default/job-{n}"))
    async with world.running():
        await asyncio.sleep(40)
        assert len(world.cluster.created) == 2
        ref = world.store.snapshot("default/job-0").ref
        world.cluster.end(ref, next(iter(world.cluster.jobs[ref.uid])))
        await asyncio.sleep(1)
    assert len(world.cluster.created) == 3


async def test_a_run_that_waits_beyond_its_deadline_is_missed() -> None:
    world = limited(1, seconds=None)
    keys = [
        world.apply(resource(f"job-{n}", schedule="* * * * *", jobTemplate=JOB, startingDeadlineSeconds=20))
        for n in range(2)
    ]
    async with world.running():
        await asyncio.sleep(85)
    assert sorted(world.counts(key)["missed"] for key in keys) == [0, 1]
    assert len(world.cluster.created) == 1


async def test_a_retry_waits_for_a_slot_too() -> None:
    world = limited(1)
    world.cluster.outcome = Outcome.FAILED
    retry = {"limit": 1, "backoffSeconds": 1}
    keys = [
        world.apply(resource(f"job-{n}", trigger=every(60), jobTemplate=JOB, retry=retry, maxRuns=1)) for n in range(3)
    ]
    async with world.running():
        await asyncio.sleep(120)
    assert world.cluster.most == 1
    assert [world.counts(key)["failed"] for key in keys] == [1] * 3
    assert len(world.cluster.created) == 6


def test_an_unrecorded_job_is_adopted_without_a_slot() -> None:
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB))
    job = JobView(f"nightly-{START + 60}", START + 60, START + 60)
    decision = decide(schedule, armed(schedule), facts(START + 61, durable=True, jobs=(job,), free_slots=0))
    assert [run.name for run in decision.state.active] == [job.name]
    assert decision.state.counts.queued == 0
