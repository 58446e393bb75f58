"""What the engine relies on, held against every executor: the real ones, and the stand-ins that its own tests use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from executors.harnesses import POOLS, REAL, SIMULATED, SIZE, ClusterStandIn, Jobs, Local, LocalStandIn
from kalends.errors import Unavailable
from kalends.model import Outcome
from kalends.model.reasons import Reason

CASES = [pytest.param(name, id=name) for name in REAL] + [
    pytest.param(name, id=name, marks=pytest.mark.looptime) for name in SIMULATED
]
POOL_CASES = [case for case in CASES if case.values[0] in POOLS]
JOB_CASES = [case for case in CASES if case.values[0] not in POOLS]

every_executor = pytest.mark.parametrize("harness", CASES, indirect=True)
every_pool = pytest.mark.parametrize("harness", POOL_CASES, indirect=True)
every_cluster = pytest.mark.parametrize("harness", JOB_CASES, indirect=True)


@pytest.fixture
async def harness(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    made = {**REAL, **SIMULATED}[request.param]()
    await made.executor.open(made.heard)
    yield made
    await made.close()


@every_executor
async def test_the_report_of_a_run_identifies_it(harness: Any) -> None:
    run = harness.brief(1)
    await harness.executor.start(run)
    await harness.let_end(run)
    report = await harness.report_of(run)
    assert (report.name, report.fire_time, report.outcome) == (run.name, run.fire_time, Outcome.SUCCEEDED)
    assert report.ref == run.ref
    assert report.started <= report.completed
    assert not harness.is_active(run)


@every_executor
async def test_checking_a_run_starts_nothing(harness: Any) -> None:
    run = harness.lasting(1)
    await harness.executor.check(run)
    assert not harness.is_active(run)


@every_executor
async def test_starting_an_active_run_changes_nothing(harness: Any) -> None:
    run = harness.lasting(1)
    await harness.executor.start(run)
    free = harness.executor.free_slots()
    await harness.executor.start(run)
    assert harness.executor.free_slots() == free
    await harness.executor.cancel(run.name, run.ref, Reason.REPLACED)
    await harness.until_gone(run)
    assert not harness.is_active(run)


@every_executor
async def test_a_run_whose_end_is_wanted_is_gone_in_the_end(harness: Any) -> None:
    run, other = harness.lasting(1), harness.lasting(2)
    await harness.executor.start(run)
    await harness.executor.start(other)
    await harness.executor.cancel(run.name, run.ref, Reason.REPLACED)
    await harness.executor.cancel(run.name, run.ref, Reason.PENDING_TIMEOUT)
    await harness.until_gone(run)
    assert harness.is_active(other)


@every_executor
async def test_wanting_the_end_of_what_is_not_there_is_nothing(harness: Any) -> None:
    run = harness.lasting(1)
    await harness.executor.cancel("nightly-none", run.ref, Reason.REPLACED)
    await harness.executor.start(run)
    await harness.executor.cancel(run.name, replace(run.ref, uid="another-uid"), Reason.REPLACED)
    await asyncio.sleep(0.2)
    assert harness.is_active(run)


@every_executor
async def test_wanting_the_end_of_what_has_ended_changes_nothing(harness: Any) -> None:
    run = harness.brief(1)
    await harness.executor.start(run)
    await harness.let_end(run)
    await harness.report_of(run)
    await harness.executor.cancel(run.name, run.ref, Reason.REPLACED)
    await asyncio.sleep(0.2)
    assert (await harness.report_of(run)).outcome is Outcome.SUCCEEDED


@every_pool
async def test_a_worker_is_taken_from_the_start_of_a_run_to_its_end(harness: Local | LocalStandIn) -> None:
    run = harness.brief(1)
    assert harness.executor.free_slots() == SIZE
    starting = asyncio.create_task(harness.executor.start(run))
    await asyncio.sleep(0)
    assert harness.executor.free_slots() == SIZE - 1
    await starting
    await harness.let_end(run)
    await harness.report_of(run)
    assert harness.executor.free_slots() == SIZE


@every_pool
async def test_no_run_is_queued_inside_of_an_executor(harness: Local | LocalStandIn) -> None:
    for number in range(SIZE):
        await harness.executor.start(harness.lasting(number))
    with pytest.raises(Unavailable):
        await harness.executor.start(harness.lasting(SIZE))
    assert harness.executor.free_slots() == 0


@every_pool
async def test_a_run_is_cancelled_for_the_reason_that_was_given_first(harness: Local | LocalStandIn) -> None:
    run = harness.lasting(1)
    await harness.executor.start(run)
    await harness.executor.cancel(run.name, run.ref, Reason.REPLACED)
    await harness.executor.cancel(run.name, run.ref, Reason.SCHEDULE_CHANGED)
    report = await harness.report_of(run)
    assert (report.outcome, report.reason) == (Outcome.CANCELLED, Reason.REPLACED)
    assert harness.executor.free_slots() == SIZE


@every_pool
async def test_a_run_beyond_its_time_limit_is_timed_out(harness: Local | LocalStandIn) -> None:
    run = harness.lasting(1, limit=1)
    await harness.executor.start(run)
    report = await harness.report_of(run)
    assert (report.outcome, report.reason) == (Outcome.TIMED_OUT, Reason.TIMED_OUT)
    assert harness.executor.free_slots() == SIZE


@every_pool
async def test_the_freed_worker_of_a_deleted_resource_is_reported(harness: Local | LocalStandIn) -> None:
    run = harness.lasting(1)
    await harness.executor.start(run)
    await harness.executor.cancel(run.name, run.ref, Reason.OWNER_DELETED)
    await harness.heard.until(lambda: harness.heard.times_freed > 0)
    assert harness.executor.free_slots() == SIZE


@every_pool
async def test_active_runs_are_cancelled_at_the_end_and_nothing_starts_after_it(harness: Local | LocalStandIn) -> None:
    run = harness.lasting(1)
    await harness.executor.start(run)
    await harness.executor.close(0.1)
    report = await harness.report_of(run)
    assert (report.outcome, report.reason) == (Outcome.CANCELLED, Reason.SHUTTING_DOWN)
    with pytest.raises(Unavailable):
        await harness.executor.start(harness.brief(2))


@every_cluster
async def test_a_run_continues_without_the_operator(harness: ClusterStandIn | Jobs) -> None:
    run = harness.lasting(1)
    await harness.executor.start(run)
    await harness.executor.close(0)
    assert harness.is_active(run)


@every_cluster
async def test_what_was_there_and_is_gone_is_not_started_again(harness: ClusterStandIn | Jobs) -> None:
    run = harness.lasting(1)
    await harness.executor.start(run)
    await harness.executor.cancel(run.name, run.ref, Reason.REPLACED)
    await harness.until_gone(run)
    await harness.executor.start(run)
    assert not harness.is_active(run)


@every_cluster
async def test_the_runs_of_a_deleted_resource_are_left_to_the_garbage_collector(harness: ClusterStandIn | Jobs) -> None:
    run = harness.lasting(1)
    await harness.executor.start(run)
    await harness.executor.cancel(run.name, run.ref, Reason.OWNER_DELETED)
    await asyncio.sleep(0.2)
    assert harness.is_active(run)


@every_cluster
async def test_there_is_always_room_for_one_more(harness: ClusterStandIn | Jobs) -> None:
    for number in range(20):
        await harness.executor.start(harness.lasting(number))
    assert harness.executor.free_slots() >= 1000


@every_pool
async def test_a_closed_pool_runs_what_it_is_given_once_it_is_open_again(harness: Any) -> None:
    await harness.executor.start(harness.lasting(1))
    await harness.executor.close(0)
    await harness.executor.open(harness.heard)
    run = harness.brief(2)
    await harness.executor.start(run)
    await harness.let_end(run)
    assert (await harness.report_of(run)).outcome is Outcome.SUCCEEDED
