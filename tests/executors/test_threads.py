"""What only a thread does: it cannot be killed, so that its pool tells the truth about it."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from executors import sample_tasks
from executors.local import PATIENCE, REF, Listening, patient_threads, pool_of, run_of, threads
from kalends.clock import SystemClock
from kalends.errors import Unavailable
from kalends.executors.pools.pool import PoolExecutor
from kalends.model import Outcome
from kalends.model.reasons import Reason
from kalends.tasks.context import CurrentRun

TESTS = Path(__file__).parents[1]


async def began() -> None:
    """Return once the task has begun."""
    async with asyncio.timeout(PATIENCE):
        while not sample_tasks.BEGAN.is_set():
            await asyncio.sleep(0.01)


async def test_a_thread_beyond_its_time_limit_is_reported_and_stuck_until_it_returns(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with pool_of(threads(), 2) as (pool, listening):
        await pool.start(run_of("test.hang", limit=1))
        (report,) = await listening.wait(1)
        assert (report.outcome, report.reason) == (Outcome.TIMED_OUT, Reason.TIMED_OUT)
        assert (pool.stuck, pool.free_slots()) == (1, 1)
        assert "default/nightly: nightly-1 cannot be stopped" in caplog.text
        assert "stuck until it returns: 1 are, and 1 of 2 workers are left" in caplog.text

        sample_tasks.RELEASE.set()
        await listening.until(lambda: listening.times_freed == 1)
        assert (pool.stuck, pool.free_slots()) == (0, 2)
        assert "has returned, and its worker is free again" in caplog.text
        assert len(listening.reports) == 1


async def test_a_pool_whose_workers_are_all_stuck_takes_no_runs_until_one_returns() -> None:
    async with pool_of(threads(), 1) as (pool, listening):
        await pool.start(run_of("test.hang", number=1, limit=1))
        await listening.wait(1)
        with pytest.raises(Unavailable, match="all 1 workers are held by runs that timed out"):
            await pool.start(run_of("kalends.echo", number=2))
        sample_tasks.RELEASE.set()
        await listening.until(lambda: listening.times_freed == 1)
        await pool.start(run_of("kalends.echo", number=2))
        assert (await listening.wait(2))[1].outcome is Outcome.SUCCEEDED


async def test_a_thread_that_is_stuck_is_replaced_until_as_many_are_stuck_as_may_be() -> None:
    async with pool_of(threads(), 2, replaced=1) as (pool, listening):
        seen = []
        for number in (1, 2, 3):
            seen.append((pool.stuck, pool.free_slots(), pool.obstacle(), pool.held_up))
            await pool.start(run_of("test.hang", number=number, limit=1))
            await listening.wait(number)
        assert seen == [(0, 2, "", 0.0), (1, 2, "", 0.0), (2, 1, "", 0.0)]
        assert (pool.stuck, pool.free_slots()) == (3, 0)
        assert pool.obstacle() == "all 3 workers are held by runs that timed out and have not returned"
        await asyncio.sleep(0.01)
        assert pool.held_up > 0
        sample_tasks.RELEASE.set()
        await listening.until(lambda: listening.times_freed == 3)
        assert (pool.stuck, pool.free_slots(), pool.obstacle(), pool.held_up) == (0, 2, "", 0.0)


async def test_a_run_that_takes_the_place_of_a_stuck_one_succeeds() -> None:
    async with pool_of(threads(), 1, replaced=1) as (pool, listening):
        await pool.start(run_of("test.hang", number=1, limit=1))
        await listening.wait(1)
        await pool.start(run_of("kalends.echo", number=2))
        assert (await listening.wait(2))[1].outcome is Outcome.SUCCEEDED


async def test_cancelling_what_is_stuck_changes_nothing() -> None:
    async with pool_of(threads(), 1) as (pool, listening):
        await pool.start(run_of("test.hang", limit=1))
        await listening.wait(1)
        await pool.cancel("nightly-1", REF, Reason.REPLACED)
        await asyncio.sleep(0.05)
        assert (len(listening.reports), pool.stuck) == (1, 1)


async def test_a_thread_that_is_cancelled_is_reported_when_it_has_returned_and_not_before() -> None:
    async with pool_of(threads(), 1) as (pool, listening):
        await pool.start(run_of("test.hang"))
        await pool.cancel("nightly-1", REF, Reason.REPLACED)
        await asyncio.sleep(0.3)
        assert (listening.reports, pool.free_slots()) == ([], 0)
        sample_tasks.RELEASE.set()
        (report,) = await listening.wait(1)
        assert (report.outcome, report.reason) == (Outcome.CANCELLED, Reason.REPLACED)
        assert report.result == '"released"', "what it returned is kept"


async def test_a_time_limit_that_passes_while_a_thread_is_cancelled_ends_the_wait_for_it() -> None:
    async with pool_of(threads(), 1) as (pool, listening):
        await pool.start(run_of("test.hang", limit=1))
        await pool.cancel("nightly-1", REF, Reason.REPLACED)
        (report,) = await listening.wait(1)
        assert (report.outcome, report.reason) == (Outcome.TIMED_OUT, Reason.TIMED_OUT)
        assert pool.stuck == 1


async def test_a_plain_function_can_look_whether_its_end_is_wanted() -> None:
    async with pool_of(threads(), 1) as (pool, listening):
        await pool.start(run_of("test.heed"))
        await began()
        await pool.cancel("nightly-1", REF, Reason.REPLACED)
        (report,) = await listening.wait(1)
        assert (report.outcome, report.result) == (Outcome.CANCELLED, '{"heeded":true,"cancelled":true}')


async def test_a_function_that_heeds_its_time_limit_leaves_nothing_stuck() -> None:
    async with pool_of(patient_threads(), 1) as (pool, listening):
        await pool.start(run_of("test.heed", limit=1))
        (report,) = await listening.wait(1)
        assert (report.outcome, pool.free_slots()) == (Outcome.TIMED_OUT, 1)


async def test_an_async_task_that_resists_cancellation_continues_and_is_reported_as_cancelled() -> None:
    async with pool_of(threads(), 1) as (pool, listening):
        await pool.start(run_of("test.deaf"))
        await began()
        await pool.cancel("nightly-1", REF, Reason.REPLACED)
        (report,) = await listening.wait(1)
        assert (report.outcome, report.result) == (Outcome.CANCELLED, '"went on"')


async def test_a_task_knows_which_run_it_is() -> None:
    async with pool_of(threads(), 1) as (pool, listening):
        await pool.start(run_of("test.who", number=1_795_000_000))
        await listening.wait(1)
    run = sample_tasks.SEEN.pop()
    assert isinstance(run, CurrentRun)
    assert run.scheduled_time.timestamp() == 1_795_000_000
    assert (run.scheduled_job, run.attempt, run.request) == ("nightly", 1, "")


async def test_runs_one_after_another_share_a_thread() -> None:
    async with pool_of(threads(), 5) as (pool, listening):
        for number in range(20):
            await pool.start(run_of("test.thread", number=number))
            await listening.wait(number + 1)
        assert len({report.result for report in listening.reports}) == 1


async def test_where_no_thread_can_be_started_the_run_is_put_off_and_its_worker_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with pool_of(threads(), 1) as (pool, listening):

        def refuse(_: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            with pytest.raises(Unavailable, match="no thread can be started"):
                await pool.start(run_of("kalends.echo"))
        assert (pool.free_slots(), listening.times_freed) == (1, 1)
        await pool.start(run_of("kalends.echo"))
        assert (await listening.wait(1))[0].outcome is Outcome.SUCCEEDED


def test_a_thread_that_hangs_does_not_keep_the_process_alive() -> None:
    program = (
        "import asyncio\n"
        "from executors.local import pool_of, run_of, threads\n"
        "from executors import sample_tasks\n"
        "sample_tasks.RELEASE.set = lambda: None\n"
        "async def main():\n"
        "    async with pool_of(threads(), 1) as (pool, listening):\n"
        "        await pool.start(run_of('test.hang'))\n"
        "    print(listening.reports[0].outcome)\n"
        "asyncio.run(main())\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=TESTS, capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert ended.stdout.strip() == "Cancelled"


async def test_a_thread_that_is_stuck_at_the_closing_takes_no_call_from_the_next_opening() -> None:
    async with pool_of(threads(), 2) as (pool, listening):
        await pool.start(run_of("test.hang", number=1))
        await pool.close(0)
        await pool.open(listening)
        assert (pool.stuck, pool.free_slots()) == (1, 1)
        await pool.start(run_of("kalends.echo", number=2))
        assert (await listening.wait(2))[1].outcome is Outcome.SUCCEEDED

        sample_tasks.RELEASE.set()
        await listening.until(lambda: pool.stuck == 0)
        for number in (3, 4):
            await pool.start(run_of("kalends.echo", number=number))
        assert {report.outcome for report in (await listening.wait(4))[2:]} == {Outcome.SUCCEEDED}
        assert len(listening.reports) == 4


def test_a_pool_can_be_opened_in_another_event_loop_although_a_thread_of_the_first_is_stuck() -> None:
    pool = PoolExecutor(1, threads(), SystemClock())

    async def run_once(task: Any, number: Any) -> Any:
        listening = Listening()
        await pool.open(listening)
        await pool.start(run_of(task, number=number))
        if number > 1:
            await listening.wait(1)
        await pool.close(0)
        return listening.reports[0].outcome

    try:
        assert asyncio.run(run_once("test.hang", 1)) is Outcome.CANCELLED
        assert asyncio.run(run_once("kalends.echo", 2)) is Outcome.SUCCEEDED
    finally:
        sample_tasks.RELEASE.set()
        sample_tasks.RELEASE.clear()
