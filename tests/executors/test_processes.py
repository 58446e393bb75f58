"""What only a process does: it is killed, it may die, and it may fail to start."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from executors.local import PATIENCE, REF, is_running, pool_of, processes, result_of, run_of, until_gone, written
from kalends.errors import StartRefused, Unavailable
from kalends.model import Outcome
from kalends.model.reasons import Reason
from narrowing import present

TESTS = Path(__file__).parents[1]


@pytest.mark.slow
async def test_a_process_beyond_its_time_limit_is_gone_with_all_that_it_started(tmp_path: Path) -> None:
    pid_file = tmp_path / "child"
    async with pool_of(processes(), 1) as (pool, listening):
        await pool.start(run_of("test.children", str(pid_file), limit=10))
        child = int(await written(pid_file))
        (report,) = await listening.wait(1)
        assert report.outcome is Outcome.TIMED_OUT
        assert (pool.stuck, pool.free_slots()) == (0, 1)
        await until_gone(child)


async def test_a_process_that_is_cancelled_is_gone_when_it_is_reported(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    async with pool_of(processes(), 1) as (pool, listening):
        await pool.start(run_of("test.report_pid", str(pid_file)))
        pid = int(await written(pid_file))
        await pool.cancel("nightly-1", REF, Reason.REPLACED)
        (report,) = await listening.wait(1)
        assert (report.outcome, report.reason) == (Outcome.CANCELLED, Reason.REPLACED)
        assert not is_running(pid)


async def test_a_worker_that_is_killed_from_outside_fails_its_run_and_the_next_one_has_another(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    async with pool_of(processes(), 1) as (pool, listening):
        await pool.start(run_of("test.report_pid", str(pid_file), number=1))
        os.kill(int(await written(pid_file)), signal.SIGKILL)
        await listening.wait(1)
        await pool.start(run_of("kalends.echo", number=2))
        first, second = await listening.wait(2)
        assert (first.outcome, first.reason) == (Outcome.FAILED, Reason.WORKER_DIED)
        assert first.message == "its worker process was ended by signal 9 (Killed), perhaps for lack of memory"
        assert second.outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize(
    ("task", "said"), [("test.die", "ended with exit code 3"), ("test.abort", "was ended by signal 6 (Aborted)")]
)
async def test_a_task_that_ends_its_process_fails_and_says_how(task: str, said: str) -> None:
    report = await result_of(processes(), task)
    assert (report.outcome, report.reason) == (Outcome.FAILED, Reason.WORKER_DIED)
    assert report.message == f"its worker process {said}"


async def test_a_dead_worker_is_noticed_although_what_it_forked_holds_its_connection() -> None:
    report = await result_of(processes(), "test.orphan_and_die")
    assert (report.outcome, report.reason) == (Outcome.FAILED, Reason.WORKER_DIED)


async def test_the_answer_of_a_forked_copy_of_a_worker_is_ignored() -> None:
    async with pool_of(processes(), 1) as (pool, listening):
        await pool.start(run_of("test.fork_and_return", number=1))
        await listening.wait(1)
        await pool.start(run_of("kalends.echo", "mine", number=2))
        first, second = await listening.wait(2)
        assert (first.result, second.result) == ("false", '{"args":["mine"],"kwargs":{}}')


async def test_a_worker_that_dies_between_two_runs_costs_neither() -> None:
    async with pool_of(processes(), 1) as (pool, listening):
        await pool.start(run_of("test.process", number=1))
        (first,) = await listening.wait(1)
        os.kill(int(present(first.result)), signal.SIGKILL)
        await pool.start(run_of("test.process", number=2))
        _, second = await listening.wait(2)
        assert second.outcome is Outcome.SUCCEEDED
        assert second.result != first.result


async def test_runs_one_after_another_share_a_process() -> None:
    async with pool_of(processes(), 2) as (pool, listening):
        for number in range(3):
            await pool.start(run_of("test.process", number=number))
            await listening.wait(number + 1)
        assert len({report.result for report in listening.reports}) == 1


async def test_where_no_process_can_be_started_the_run_is_put_off_and_its_worker_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(*args: Any, **kwargs: Any) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    async with pool_of(processes(), 1) as (pool, listening):
        with monkeypatch.context() as patch:
            patch.setattr(asyncio, "create_subprocess_exec", refuse)
            with pytest.raises(Unavailable, match="no worker process can be started"):
                await pool.start(run_of("kalends.echo"))
        assert (pool.free_slots(), listening.times_freed) == (1, 1)
        await pool.start(run_of("kalends.echo"))
        assert (await listening.wait(1))[0].outcome is Outcome.SUCCEEDED


async def test_a_run_whose_caller_was_cancelled_is_reported_even_if_it_cannot_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(*args: Any, **kwargs: Any) -> None:
        await asyncio.sleep(0.05)
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", refuse)
    async with pool_of(processes(), 1) as (pool, listening):
        asking = asyncio.create_task(pool.start(run_of("kalends.echo")))
        await asyncio.sleep(0.01)
        asking.cancel()
        (report,) = await listening.wait(1)
        assert (report.outcome, report.reason) == (Outcome.FAILED, Reason.WORKER_DIED)
        assert pool.free_slots() == 1


async def test_an_interpreter_that_cannot_start_fails_the_run_and_leaves_its_worker_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    async with pool_of(processes(), 1) as (pool, listening):
        with pytest.raises(StartRefused, match="the process that starts workers ended with exit code 1") as refused:
            await pool.start(run_of("kalends.echo"))
        assert refused.value.reason == Reason.WORKER_DIED
        assert (pool.free_slots(), listening.times_freed) == (1, 1)


async def test_a_worker_that_never_gets_ready_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from kalends.executors.pools import pool_run

    sleeper = tmp_path / "interpreter"
    sleeper.write_text("#!/bin/sh\nexec sleep 60\n")
    sleeper.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(sleeper))
    monkeypatch.setattr(pool_run, "LONGEST_START", 0.5)
    async with pool_of(processes(), 1) as (pool, listening):
        with pytest.raises(StartRefused, match="did not start within") as refused:
            await pool.start(run_of("test.size", "x" * 5_000_000, limit=1))
        assert refused.value.reason == Reason.WORKER_DIED
        assert (pool.free_slots(), listening.times_freed) == (1, 1)


async def test_a_worker_that_is_still_starting_when_time_is_up_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sleeper = tmp_path / "interpreter"
    sleeper.write_text("#!/bin/sh\nexec sleep 60\n")
    sleeper.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(sleeper))
    async with pool_of(processes(), 1) as (pool, listening):
        starting = asyncio.create_task(pool.start(run_of("kalends.echo")))
        await asyncio.sleep(0.2)
        async with asyncio.timeout(PATIENCE):
            await pool.close(0.1)
        with pytest.raises(Unavailable, match="shutting down"):
            await starting
        assert listening.reports == []


@pytest.mark.slow
async def test_a_time_limit_counts_from_where_the_worker_takes_the_run_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    slow = tmp_path / "interpreter"
    slow.write_text(f'#!/bin/sh\nsleep 11\nexec {sys.executable} "$@"\n')
    slow.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(slow))
    async with pool_of(processes(), 1) as (pool, listening):
        await pool.start(run_of("kalends.echo", limit=10))
        (report,) = await listening.wait(1)
        assert report.outcome is Outcome.SUCCEEDED


async def test_a_task_may_start_programs_that_write_to_their_standard_output() -> None:
    report = await result_of(processes(), "test.shell")
    assert (report.outcome, report.result) == (Outcome.SUCCEEDED, "0"), report.message


def test_workers_end_with_the_operator_that_started_them(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from executors.local import pool_of, processes, run_of\n"
        "async def main():\n"
        "    async with pool_of(processes(), 1) as (pool, listening):\n"
        "        await pool.start(run_of('test.report_pid', sys.argv[1]))\n"
        "        await listening.wait(1)\n"
        "asyncio.run(main())\n"
    )
    pid_file = tmp_path / "pid"
    with subprocess.Popen([sys.executable, "-c", program, str(pid_file)], cwd=TESTS) as operator:

        async def kill() -> None:
            worker = int(await written(pid_file))
            operator.kill()
            await until_gone(worker)

        try:
            asyncio.run(kill())
        finally:
            operator.kill()
