"""No resource is left behind: a free worker takes waiting runs, runs that cannot start end, corrections are seen."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from doubles import JOB, START, LoopClock, Pool, every, resource, schedule_of
from engine.world import World, facts
from kalends.engine.core.definition import Problem
from kalends.engine.core.schedule import Schedule
from kalends.engine.core.state import ActiveRun, Counts, Ref, State
from kalends.engine.decisions.decide import decide, decide_invalid
from kalends.engine.ports import JobView, Removed, RunReport
from kalends.errors import StartRefused, Unavailable
from kalends.model import Outcome, format_instant
from kalends.model.reasons import Reason

pytestmark = pytest.mark.looptime
IN_A_MINUTE: dict[str, Any] = {"trigger": {"date": {"at": format_instant(START + 60)}}}


def crowded() -> World:
    """Return a world with a pool of one, and another one, whose runs continue until they are ended manually."""
    return World(size=1, seconds=None, other=Pool(1, None, LoopClock()))


async def until_one_claims_and_the_other_waits(world: World) -> tuple[str, str]:
    claims, waits = (world.apply(resource(name, **IN_A_MINUTE)) for name in ("claims", "waits"))
    await asyncio.sleep(59)
    world.store.latency = 0.5
    await asyncio.sleep(1.2)
    return claims, waits


def counts(world: World, key: str) -> dict[str, int]:
    return {name: count for name, count in world.counts(key).items() if count}


@pytest.mark.parametrize("edit", [{**IN_A_MINUTE, "executor": "other"}, {"schedule": "nonsense"}])
async def test_a_worker_that_an_edited_resource_gives_back_goes_to_the_next_in_line(edit: dict[str, Any]) -> None:
    world = crowded()
    async with world.running():
        _, waits = await until_one_claims_and_the_other_waits(world)
        world.apply(resource("claims", generation=2, **edit))
        await asyncio.sleep(100)
    assert "waits" in [run.ref.name for run in world.pool.started]
    assert counts(world, waits)["started"] == 1


async def test_a_worker_that_a_deleted_resource_gives_back_goes_to_the_next_in_line() -> None:
    world = crowded()
    async with world.running():
        claims, _ = await until_one_claims_and_the_other_waits(world)
        world.store.remove(claims)
        world.scheduler.forget(claims, "uid-of-claims")
        await asyncio.sleep(100)
    assert "waits" in [run.ref.name for run in world.pool.started]


async def test_an_executor_that_raises_something_odd_costs_that_run_and_no_other() -> None:
    world = crowded()
    key = world.apply(resource("odd", trigger=every(60)))
    async with world.running():
        await asyncio.sleep(59)
        world.pool.fails_with = RuntimeError("odd")
        await asyncio.sleep(30)
        world.pool.fails_with = None
        await asyncio.sleep(60)
    assert counts(world, key) == {"due": 2, "started": 2, "active": 1, "lost": 1}
    assert "RuntimeError: odd" in world.store.status(key)["history"][0]["message"]


async def test_a_refused_template_stays_refused_though_an_answer_was_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    world = crowded()
    refusal = StartRefused(Reason.INVALID_JOB_TEMPLATE, "containers: Required value")
    world.cluster.refuses_check = world.cluster.refuses = refusal
    write = world.store.write
    lost: list[str] = []

    async def first_answer_is_lost(*what: Any, **options: Any) -> Any:
        version = await write(*what, **options)
        if not lost:
            lost.append(version)
            raise Unavailable("no answer")
        return version

    monkeypatch.setattr(world.store, "write", first_answer_is_lost)
    key = world.apply(resource("bad", trigger=every(60), jobTemplate=JOB))
    async with world.running():
        await asyncio.sleep(130)
    conditions = {one["type"]: one["reason"] for one in world.store.status(key)["conditions"]}
    assert conditions["Ready"] == Reason.INVALID_JOB_TEMPLATE
    assert counts(world, key) == {}


async def test_a_resource_that_stays_after_its_deletion_is_reported_once_and_not_deleted_repeatedly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = crowded()
    world.pool.seconds = 0.0
    asked: list[str] = []

    async def delete(ref: Ref, version: str) -> None:
        asked.append(version)

    monkeypatch.setattr(world.store, "delete", delete)
    world.apply(resource("gone", trigger=every(60), maxRuns=1, ttlSecondsAfterFinished=0))
    async with world.running():
        await asyncio.sleep(70)
    assert 1 <= len(asked) < 10
    assert sum(isinstance(notice, Removed) for notice in world.ledger.notices) == 1


async def test_of_news_that_arrive_in_the_wrong_order_the_newest_counts() -> None:
    world = crowded()
    world.apply(resource("late", trigger=every(60)))
    async with world.running():
        await asyncio.sleep(1)
        world.store.latency = 1.0
        await asyncio.sleep(59.5)  # a claim is being written
        world.store.put(resource("late", trigger=every(60), generation=2))
        older = world.store.snapshot("default/late")
        world.store.put(resource("late", trigger=every(60), suspend=True, generation=3))
        world.scheduler.observe(world.store.snapshot("default/late"))
        world.scheduler.observe(older)
        world.store.latency = 0.0
        await asyncio.sleep(100)
    assert world.store.status("default/late")["observedGeneration"] == 3


# -- the same without a loop


def state_of(schedule: Schedule, *active: ActiveRun, **more: Any) -> State:
    counts = Counts(due=len(active), started=len(active), active=len(active))
    return State(
        armed=START,
        schedule_hash=schedule.hash,
        observed_generation=1,
        cursor=max(run.fire_time for run in active),
        active=active,
        counts=counts,
        **more,
    )


BAD = Problem(Reason.INVALID_SCHEDULE, "must be five fields")


def test_a_claim_of_a_resource_that_became_invalid_ends_instead_of_starting_a_day_late() -> None:
    schedule = schedule_of(resource(trigger=every(60)))
    claimed = decide(schedule, None, facts(START + 60)).state
    invalid = decide_invalid(schedule.ref, 2, BAD, claimed, facts(START + 61))
    assert invalid.state.counts == Counts(due=1, started=1, cancelled=1)


def test_a_run_that_is_to_end_is_asked_to_also_while_its_resource_is_invalid() -> None:
    schedule = schedule_of(resource(trigger=every(60)))
    run = ActiveRun(f"nightly-{START + 60}", START + 60, START + 60, "default", holder="me", cancelling="Replaced")
    state = state_of(schedule, run)
    assert decide_invalid(schedule.ref, 1, BAD, state, facts(START + 61, here=frozenset({run.name}))).cancels == (run,)


def test_a_queue_survives_a_period_of_being_invalid_without_an_edit() -> None:
    schedule = schedule_of(resource(trigger=every(60), concurrencyPolicy="Queue"))
    first = decide(schedule, None, facts(START + 60)).state
    here = frozenset({first.active[0].name})
    waiting = decide(schedule, first, facts(START + 120, here=here)).state
    invalid = decide_invalid(schedule.ref, 1, BAD, waiting, facts(START + 121, here=here)).state
    back = decide(schedule, invalid, facts(START + 122, here=here)).state
    assert [run.fire_time for run in back.queued] == [START + 120]


def test_the_job_of_a_retry_that_was_created_and_not_recorded_is_adopted() -> None:
    retry = {"limit": 2, "backoffSeconds": 10}
    schedule = schedule_of(resource(trigger=every(600), jobTemplate=JOB, retry=retry))
    first = decide(schedule, None, facts(START + 600, durable=True, jobs=())).state
    run = first.active[0]
    ended = RunReport(schedule.ref, run.name, run.fire_time, Outcome.FAILED, START + 600, START + 601)
    job = JobView(run.name, run.fire_time, START + 600, report=ended)
    waiting = decide(schedule, first, facts(START + 602, durable=True, jobs=(job,))).state
    created = JobView(waiting.active[0].name, run.fire_time, START + 615, attempt=2)
    task = schedule_of(resource(trigger=every(600), retry=retry, generation=2))
    adopted = decide(task, waiting, facts(START + 620, jobs=(created,)))
    assert [(one.name, one.attempt, one.holder, one.retry_at) for one in adopted.state.active] == [
        (created.name, 2, "", None)
    ]
    # The same where the record had not even seen the end of the first attempt, whose Job is gone by now.
    unseen = decide(schedule, first, facts(START + 620, durable=True, jobs=(created,)))
    assert [one.attempt for one in unseen.state.active] == [2]
    assert unseen.state.counts == Counts(due=1, started=1, active=1)


def test_what_ends_with_the_operator_is_tried_again_as_what_is_lost_with_it() -> None:
    schedule = schedule_of(resource(trigger=every(600), retry={"limit": 1, "onLost": True}))
    state = decide(schedule, None, facts(START + 600)).state
    run = state.active[0]
    end = RunReport(schedule.ref, run.name, run.fire_time, Outcome.CANCELLED, START, START + 1, Reason.SHUTTING_DOWN)
    again = decide(schedule, state, facts(START + 601, reports={run.name: end}, dispatch=False)).state
    assert [one.attempt for one in again.active] == [2]


def test_a_record_that_was_removed_by_a_user_repeats_no_request() -> None:
    obj = resource(trigger=every(60))
    obj["metadata"]["annotations"] = {"kalends.dev/run-requested": "once"}
    state = decide(schedule_of(obj), None, facts(START + 5, record_lost=True)).state
    assert state.counts == Counts()


def test_replace_ends_no_more_runs_than_it_must_where_some_are_ending_already() -> None:
    schedule = schedule_of(resource(trigger=every(60), jobTemplate=JOB, concurrencyPolicy="Replace", maxInstances=2))
    healthy = ActiveRun("nightly-1", START + 60, START + 60, "jobs")
    leaving = ActiveRun("nightly-2", START + 120, START + 120, "jobs", cancelling="PendingTimeout")
    jobs = tuple(JobView(run.name, run.fire_time, run.fire_time, leaving=run is leaving) for run in (healthy, leaving))
    decision = decide(schedule, state_of(schedule, healthy, leaving), facts(START + 180, durable=True, jobs=jobs))
    assert [run.cancelling for run in decision.state.active] == ["", "PendingTimeout"]
    assert len(decision.state.queued) == 1


def test_a_requested_run_is_found_again_beyond_the_fifty_that_are_listed() -> None:
    schedule = schedule_of(resource(trigger=every(600), jobTemplate=JOB, concurrencyPolicy="Allow"))
    requested = JobView("nightly-m-abcdefgh", START + 900, START + 900, request="once")
    listed = ActiveRun("nightly-1", START + 600, START + 600, "jobs")
    state = replace(
        state_of(schedule, listed, last_requested=START + 900, handled_requests=("once",)),
        counts=Counts(due=1, requested=1, started=2, active=2),
    )
    jobs = (requested, JobView("nightly-1", START + 600, START + 600))
    found = decide(schedule, state, facts(START + 901, durable=True, jobs=jobs)).state
    assert {run.name for run in found.active} == {"nightly-1", "nightly-m-abcdefgh"}
    assert found.counts.lost == 0
