"""``Forbid`` with ``startingDeadlineSeconds``: a fire time that finds no room waits within it, the newest alone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from doubles import JOB, START, every, resource, schedule_of
from engine.world import World, facts, jobs_of
from kalends.engine.core.schedule import Schedule
from kalends.engine.core.state import Counts, State
from kalends.engine.decisions.decide import decide
from kalends.engine.ports import RunReport
from kalends.model import Outcome
from kalends.model.reasons import Reason

HOUR = 3600


def hourly(**more: Any) -> Schedule:
    return schedule_of(resource(trigger=every(HOUR), jobTemplate=JOB, **more))


def blocked(schedule: Schedule, now: float = START + 2 * HOUR) -> State:
    """Return the record at the second fire time, while the first run is still active."""
    first = decide(schedule, None, facts(START + HOUR, durable=True, jobs=())).state
    return decide(schedule, first, facts(now, durable=True, jobs=jobs_of(first))).state


def ended(schedule: Schedule, state: State, at: int) -> dict[str, Any]:
    run = state.active[0]
    return {run.name: RunReport(schedule.ref, run.name, run.fire_time, Outcome.SUCCEEDED, run.started, at)}


def test_a_blocked_run_starts_as_soon_as_there_is_room() -> None:
    schedule = hourly(startingDeadlineSeconds=HOUR)
    waiting = blocked(schedule)
    assert waiting.counts == Counts(due=2, started=1, active=1, queued=1)
    assert waiting.cursor == START + 2 * HOUR
    free = START + 2 * HOUR + 300
    decision = decide(schedule, waiting, facts(free, durable=True, reports=ended(schedule, waiting, free)))
    assert [run.fire_time for run in decision.starts_before] == [START + 2 * HOUR]
    assert decision.state.counts == Counts(due=2, started=2, active=1, succeeded=1)


def test_without_a_deadline_a_blocked_run_is_skipped_at_once() -> None:
    skipped = blocked(hourly())
    assert skipped.counts == Counts(due=2, started=1, active=1, skipped=1)
    assert skipped.history[0].reason == Reason.TOO_MANY_INSTANCES


def test_a_newer_fire_time_takes_the_place_of_the_one_that_waits() -> None:
    schedule = hourly(startingDeadlineSeconds=5 * HOUR)
    waiting = blocked(schedule)
    later = decide(schedule, waiting, facts(START + 3 * HOUR, durable=True, jobs=jobs_of(waiting))).state
    assert later.counts == Counts(due=3, started=1, active=1, skipped=1, queued=1)
    assert [one.fire_time for one in later.queued] == [START + 3 * HOUR]
    assert (later.history[0].fire_time, later.history[0].reason) == (START + 2 * HOUR, Reason.TOO_MANY_INSTANCES)
    assert "waits in its place" in later.history[0].message


def test_a_run_that_waited_for_longer_than_its_deadline_is_missed() -> None:
    schedule = hourly(startingDeadlineSeconds=600)
    waiting = blocked(schedule)
    jobs = jobs_of(waiting)
    decision = decide(schedule, waiting, facts(START + 2 * HOUR + 300, durable=True, jobs=jobs))
    assert decision.state == waiting
    assert decision.wake_at == pytest.approx(START + 2 * HOUR + 600, abs=0.01)
    late = decide(schedule, waiting, facts(START + 2 * HOUR + 600.5, durable=True, jobs=jobs)).state
    assert late.counts == Counts(due=2, started=1, active=1, missed=1)
    assert late.history[0].reason == Reason.WAITED_TOO_LONG


def test_of_several_that_are_due_at_once_what_fits_starts_and_the_newest_waits() -> None:
    schedule = hourly(startingDeadlineSeconds=9 * HOUR, coalesce="All", maxInstances=2)
    decision = decide(schedule, None, facts(START + 5 * HOUR, durable=True, jobs=()))
    assert [run.fire_time for run in decision.starts_before] == [START + HOUR, START + 2 * HOUR]
    assert [one.fire_time for one in decision.state.queued] == [START + 5 * HOUR]
    assert decision.state.counts == Counts(due=5, started=2, active=2, queued=1, skipped=2)


def test_a_run_that_waits_for_a_worker_alone_gives_way_to_none() -> None:
    schedule = schedule_of(resource(trigger=every(60), startingDeadlineSeconds=HOUR))
    first = decide(schedule, None, facts(START + 63, free_slots=0)).state
    second = decide(schedule, first, facts(START + 123, free_slots=0)).state
    third = decide(schedule, second, facts(START + 183, free_slots=0)).state
    assert [one.fire_time for one in second.queued] == [START + 60, START + 120]
    assert [one.fire_time for one in third.queued] == [START + 60, START + 180]
    assert third.counts == Counts(due=3, queued=2, skipped=1)


def test_a_requested_run_does_not_wait_for_room() -> None:
    schedule = hourly(startingDeadlineSeconds=HOUR)
    first = decide(schedule, None, facts(START + HOUR, durable=True, jobs=())).state
    asked = resource(trigger=every(HOUR), jobTemplate=JOB, startingDeadlineSeconds=HOUR)
    asked["metadata"]["annotations"] = {"kalends.dev/run-requested": "now"}
    decision = decide(schedule_of(asked), first, facts(START + HOUR + 60, durable=True, jobs=jobs_of(first)))
    assert decision.state.counts == Counts(due=1, requested=1, started=1, active=1, skipped=1)


def test_a_run_that_waits_is_skipped_when_its_schedule_is_suspended() -> None:
    waiting = blocked(hourly(startingDeadlineSeconds=HOUR))
    stopped = resource(trigger=every(HOUR), jobTemplate=JOB, startingDeadlineSeconds=HOUR, suspend=True, generation=2)
    state = decide(
        schedule_of(stopped), waiting, facts(START + 2 * HOUR + 60, durable=True, jobs=jobs_of(waiting))
    ).state
    assert state.counts == Counts(due=2, started=1, active=1, skipped=1)
    assert state.history[0].reason == Reason.SCHEDULE_CHANGED


@pytest.mark.looptime
async def test_ten_oclock_starts_at_five_past_ten() -> None:
    world = World()
    key = world.apply(resource(trigger=every(HOUR), jobTemplate=JOB, startingDeadlineSeconds=HOUR))
    async with world.running():
        await asyncio.sleep(2 * HOUR + 300)
        assert world.cluster.created == [f"nightly-{START + HOUR}"]
        world.cluster.end(world.store.snapshot(key).ref, f"nightly-{START + HOUR}")
        await asyncio.sleep(1)
    assert world.cluster.created == [f"nightly-{START + HOUR}", f"nightly-{START + 2 * HOUR}"]
    assert world.counts(key) | {"due": 2, "started": 2, "succeeded": 1, "skipped": 0} == world.counts(key)
