"""One set of claims for pools of threads and of processes, on real ones."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from executors.local import REF, Listening, patient_threads, pool_of, processes, result_of, run_of
from kalends.engine.core.schedule import JobTemplate
from kalends.engine.core.state import Ref
from kalends.engine.ports import Run
from kalends.errors import StartRefused, Unavailable
from kalends.executors.pools.pool import PoolExecutor
from kalends.executors.pools.processes import ProcessWorkers
from kalends.executors.pools.threads import ThreadWorkers
from kalends.model import Outcome
from kalends.model.reasons import Reason
from narrowing import present


@pytest.fixture(params=[patient_threads, processes], ids=["threads", "processes"])
def workers(request: pytest.FixtureRequest) -> ProcessWorkers | ThreadWorkers:
    workers: ProcessWorkers | ThreadWorkers = request.param()
    return workers


async def test_a_task_runs_and_its_value_is_the_result(workers: ProcessWorkers | ThreadWorkers) -> None:
    report = await result_of(workers, "kalends.echo", 1, "two")
    assert report.outcome is Outcome.SUCCEEDED
    assert json.loads(present(report.result)) == {"args": [1, "two"], "kwargs": {}}


async def test_workers_that_are_taken_are_not_free_and_nothing_is_queued_behind_them(
    workers: ProcessWorkers | ThreadWorkers, tmp_path: Path
) -> None:
    release = tmp_path / "release"
    async with pool_of(workers, 2) as (pool, listening):
        await pool.start(run_of("test.wait_for", str(release), number=1))
        await pool.start(run_of("test.wait_for", str(release), number=2))
        assert pool.free_slots() == 0
        with pytest.raises(Unavailable, match="all 2 workers are taken"):
            await pool.start(run_of("kalends.echo", number=3))
        release.touch()
        await listening.wait(2)
        assert pool.free_slots() == 2


async def test_a_worker_is_free_by_the_time_that_its_run_is_reported(workers: ProcessWorkers | ThreadWorkers) -> None:
    async with pool_of(workers, 1) as (pool, listening):
        free = []

        class Counting(Listening):
            def ended(self, report: Any) -> None:
                free.append(pool.free_slots())
                listening.ended(report)

        await pool.open(Counting())
        await pool.start(run_of("kalends.echo"))
        await listening.wait(1)
        assert free == [1]


async def test_who_listens_badly_does_not_keep_a_worker(workers: ProcessWorkers | ThreadWorkers) -> None:
    async with pool_of(workers, 1) as (pool, listening):

        class Stumbling(Listening):
            def ended(self, report: Any) -> None:
                listening.ended(report)
                raise RuntimeError("stumbled")

        await pool.open(Stumbling())
        for number in range(3):
            await pool.start(run_of("kalends.echo", number=number))
            await listening.wait(number + 1)
        assert pool.free_slots() == 1


async def test_a_call_of_an_unknown_task_is_refused_permanently(workers: ProcessWorkers | ThreadWorkers) -> None:
    async with pool_of(workers) as (pool, _):
        for run in (run_of("os.system", "true"), Run(REF, "nightly-1", 1, JobTemplate({}, {}, {}), "default")):
            with pytest.raises(StartRefused):
                await pool.check(run)
            with pytest.raises(StartRefused):
                await pool.start(run)
        assert pool.free_slots() == 2


async def test_a_run_beyond_its_time_limit_is_timed_out(workers: ProcessWorkers | ThreadWorkers) -> None:
    async with pool_of(workers, 1) as (pool, listening):
        await pool.start(run_of("kalends.sleep", 60, limit=1))
        (report,) = await listening.wait(1)
        assert (report.outcome, report.reason) == (Outcome.TIMED_OUT, Reason.TIMED_OUT)
        assert report.message == "stopped, as it took longer than 1 s"
        assert report.completed - report.started >= 1
        assert pool.free_slots() == 1


async def test_a_run_within_its_time_limit_is_let_alone(workers: ProcessWorkers | ThreadWorkers) -> None:
    async with pool_of(workers, 1) as (pool, listening):
        await pool.start(run_of("kalends.sleep", 0.01, limit=600))
        (report,) = await listening.wait(1)
        assert report.outcome is Outcome.SUCCEEDED


async def test_a_run_whose_end_is_wanted_is_cancelled_for_that_reason_once(
    workers: ProcessWorkers | ThreadWorkers,
) -> None:
    async with pool_of(workers, 1) as (pool, listening):
        await pool.start(run_of("kalends.sleep", 60))
        await pool.cancel("nightly-1", REF, Reason.REPLACED)
        await pool.cancel("nightly-1", REF, Reason.REPLACED)
        await listening.wait(1)
        await pool.cancel("nightly-1", REF, Reason.REPLACED)
        await asyncio.sleep(0.1)
        (report,) = listening.reports
        assert (report.outcome, report.reason) == (Outcome.CANCELLED, Reason.REPLACED)
        assert pool.free_slots() == 1


async def test_the_runs_of_another_resource_of_that_name_are_not_cancelled(
    workers: ProcessWorkers | ThreadWorkers, tmp_path: Path
) -> None:
    release = tmp_path / "release"
    async with pool_of(workers, 1) as (pool, listening):
        await pool.start(run_of("test.wait_for", str(release)))
        await pool.cancel("nightly-1", Ref("default", "nightly", "another-uid"), Reason.REPLACED)
        release.touch()
        (report,) = await listening.wait(1)
        assert report.outcome is Outcome.SUCCEEDED


async def test_a_run_of_a_deleted_resource_frees_its_worker_and_reports_it(
    workers: ProcessWorkers | ThreadWorkers,
) -> None:
    async with pool_of(workers, 1) as (pool, listening):
        await pool.start(run_of("kalends.sleep", 60))
        await pool.cancel("nightly-1", REF, Reason.OWNER_DELETED)
        await listening.until(lambda: listening.times_freed > 0)
        assert pool.free_slots() == 1
        assert listening.reports[0].outcome is Outcome.CANCELLED


async def test_an_async_task_is_cancelled_where_it_waits(workers: ProcessWorkers | ThreadWorkers) -> None:
    async with pool_of(workers, 1) as (pool, listening):
        await pool.start(run_of("test.doze"))
        await pool.cancel("nightly-1", REF, Reason.REPLACED)
        (report,) = await listening.wait(1)
        assert (report.outcome, report.reason) == (Outcome.CANCELLED, Reason.REPLACED)
        assert report.message == "stopped before it had finished"


async def test_a_run_that_is_active_when_the_grace_is_over_is_cancelled_and_reported(
    workers: ProcessWorkers | ThreadWorkers,
) -> None:
    async with pool_of(workers) as (pool, listening):
        await pool.start(run_of("kalends.sleep", 600))
        await pool.close(0.1)
        (report,) = listening.reports
        assert (report.outcome, report.reason) == (Outcome.CANCELLED, Reason.SHUTTING_DOWN)
        with pytest.raises(Unavailable, match="shutting down"):
            await pool.start(run_of("kalends.echo", number=2))


async def test_closing_again_with_less_patience_gives_up_at_once(workers: ProcessWorkers | ThreadWorkers) -> None:
    async with pool_of(workers) as (pool, listening):
        await pool.start(run_of("kalends.sleep", 600))
        closing = asyncio.create_task(pool.close(600))
        await asyncio.sleep(0.05)
        await pool.close(0)
        await closing
        assert len(listening.reports) == 1


async def test_a_run_is_let_end_while_there_is_time(workers: ProcessWorkers | ThreadWorkers) -> None:
    async with pool_of(workers) as (pool, listening):
        await pool.start(run_of("kalends.sleep", 0.2))
        await pool.close(600)
        assert listening.reports[0].outcome is Outcome.SUCCEEDED


async def test_the_caller_of_a_start_may_be_cancelled_before_the_run_has_started(
    workers: ProcessWorkers | ThreadWorkers,
) -> None:
    async with pool_of(workers, 1) as (pool, listening):
        asking = asyncio.create_task(pool.start(run_of("kalends.echo")))
        await asyncio.sleep(0)
        asking.cancel()
        (report,) = await listening.wait(1)
        assert report.outcome is Outcome.SUCCEEDED


async def test_a_run_that_is_cancelled_while_it_starts_never_continues(workers: ProcessWorkers | ThreadWorkers) -> None:
    async with pool_of(workers, 1) as (pool, listening):
        asking = asyncio.create_task(pool.start(run_of("kalends.sleep", 60)))
        await asyncio.sleep(0)
        await pool.cancel("nightly-1", REF, Reason.REPLACED)
        await asking
        (report,) = await listening.wait(1)
        assert (report.outcome, report.reason) == (Outcome.CANCELLED, Reason.REPLACED)


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("test.fail", "ValueError: no � such thing"),
        ("test.wordless", "WordlessError: (its text cannot be shown: RuntimeError)"),
        ("test.interrupt", "KeyboardInterrupt"),
        ("test.recurse", "RecursionError: maximum recursion depth exceeded"),
    ],
)
async def test_whatever_a_task_raises_is_a_failure_with_its_type_and_clean_message(
    workers: ProcessWorkers | ThreadWorkers, task: str, said: str
) -> None:
    report = await result_of(workers, task)
    assert (report.outcome, report.reason, report.message) == (Outcome.FAILED, Reason.EXCEPTION, said)


async def test_an_error_of_fifty_megabytes_is_cut(workers: ProcessWorkers | ThreadWorkers) -> None:
    report = await result_of(workers, "test.fail_at_length")
    assert len(report.message.encode()) <= 1024
    assert report.message.startswith("ValueError: xxx")


@pytest.mark.parametrize("task", ["test.unjson", "test.lock", "test.nested"])
async def test_a_value_that_is_no_json_does_not_fail_the_run_and_is_said_not_to_be_kept(
    workers: ProcessWorkers | ThreadWorkers, task: str
) -> None:
    report = await result_of(workers, task)
    assert (report.outcome, report.result) == (Outcome.SUCCEEDED, None)
    assert report.message.startswith("its result is not kept, as it is no JSON value: ")


@pytest.mark.parametrize("task", ["test.long", "test.huge", "test.many"])
async def test_a_long_result_is_cut_to_one_kibibyte(workers: ProcessWorkers | ThreadWorkers, task: str) -> None:
    report = await result_of(workers, task)
    assert report.outcome is Outcome.SUCCEEDED
    assert len(present(report.result).encode()) <= 1024
    assert present(report.result).endswith("…")


async def test_a_dataclass_is_reported_as_an_object(workers: ProcessWorkers | ThreadWorkers) -> None:
    report = await result_of(workers, "test.totals")
    assert json.loads(present(report.result)) == {"rows": 2, "names": ["a", "b"]}


async def test_arguments_of_megabytes_arrive(workers: ProcessWorkers | ThreadWorkers) -> None:
    report = await result_of(workers, "test.size", "x" * 5_000_000)
    assert report.result == "5000000"


async def test_the_loop_continues_while_a_task_returns_a_hundred_megabytes(
    workers: ProcessWorkers | ThreadWorkers,
) -> None:
    async with pool_of(workers, 1) as (pool, listening):
        await pool.start(run_of("kalends.echo", number=1))
        await listening.wait(1)
        most_work = await _most_work_between_two_turns(pool, listening)
        assert listening.reports[1].outcome is Outcome.SUCCEEDED
        assert most_work < 1.0


async def _most_work_between_two_turns(pool: PoolExecutor, listening: Listening) -> float:
    """Return for how many seconds this process computed, at most, while its event loop had no turn."""
    await pool.start(run_of("test.huge", number=2))
    most, last = 0.0, time.process_time()
    while len(listening.reports) < 2:
        await asyncio.sleep(0.005)
        now = time.process_time()
        most, last = max(most, now - last), now
    return most


async def test_what_a_task_prints_stops_nothing(workers: ProcessWorkers | ThreadWorkers) -> None:
    report = await result_of(workers, "test.chatter")
    assert report.outcome is Outcome.SUCCEEDED


async def test_an_environment_in_an_error_is_reported_without_its_secrets(
    workers: ProcessWorkers | ThreadWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_DB_PASSWORD", "correct horse")
    monkeypatch.setenv("ACME_REGION", "north")
    report = await result_of(workers, "test.fail_with_environment")
    assert "'ACME_DB_PASSWORD': '[redacted]'" in report.message
    assert "'ACME_REGION': 'north'" in report.message
