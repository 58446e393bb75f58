"""What may be a task, and how it may end: the same in threads and in processes."""

from __future__ import annotations

from typing import Any

import pytest

from executors.local import patient_threads, pool_of, processes, result_of, run_of, threads
from kalends.executors.pools.processes import ProcessWorkers
from kalends.executors.pools.threads import ThreadWorkers
from kalends.model import Outcome
from kalends.model.reasons import Reason


@pytest.fixture(params=[patient_threads, processes], ids=["threads", "processes"])
def workers(request: pytest.FixtureRequest) -> ProcessWorkers | ThreadWorkers:
    workers: ProcessWorkers | ThreadWorkers = request.param()
    return workers


@pytest.mark.parametrize(
    ("task", "result"),
    [
        ("odd.callable", "2"),
        ("odd.partial", '"hello world"'),
        ("odd.lambda", "4"),
        ("odd.wrapped", '"guarded: raw load"'),
        ("odd.wrapped_after_it_was_marked", '"guarded: marked"'),
        ("odd.local", '"bare: raw load"'),
        ("odd.first", '"first"'),
        ("odd.second", '"second"'),
    ],
)
async def test_the_registered_callable_runs_and_no_other_function_of_its_name(
    workers: ProcessWorkers | ThreadWorkers, task: str, result: str
) -> None:
    report = await result_of(workers, task, *(["world"] if task == "odd.partial" else []))
    assert (report.outcome, report.result) == (Outcome.SUCCEEDED, result), report.message


@pytest.mark.parametrize(
    ("task", "kind"),
    [
        ("odd.generator", "a generator"),
        ("odd.async_generator", "an async generator"),
        ("odd.coroutine", "a coroutine"),
    ],
)
async def test_a_call_that_returns_code_that_is_still_to_run_fails(
    workers: ProcessWorkers | ThreadWorkers, task: str, kind: str
) -> None:
    report = await result_of(workers, task)
    assert (report.outcome, report.reason) == (Outcome.FAILED, Reason.EXCEPTION)
    assert report.message == f"it returned {kind}, whose code has not run; a task must do its work when it is called"


@pytest.mark.parametrize("task", ["odd.exit", "odd.async_exit"])
@pytest.mark.parametrize("code", [(), (0,), (None,), (False,)], ids=str)
async def test_leaving_with_exit_code_0_is_success(
    workers: ProcessWorkers | ThreadWorkers, task: str, code: tuple[Any, ...]
) -> None:
    report = await result_of(workers, task, *code)
    assert (report.outcome, report.reason, report.message) == (Outcome.SUCCEEDED, "", "")


@pytest.mark.parametrize("task", ["odd.exit", "odd.async_exit"])
@pytest.mark.parametrize(
    ("code", "message"),
    [
        (3, "ended with exit code 3"),
        (True, "ended with exit code 1"),
        ("no rows", "no rows"),
        ("", "ended with exit code 1"),
    ],
    ids=str,
)
async def test_leaving_with_another_exit_code_is_failure(
    workers: ProcessWorkers | ThreadWorkers, task: str, code: int | str, message: str
) -> None:
    report = await result_of(workers, task, code)
    assert (report.outcome, report.reason, report.message) == (Outcome.FAILED, Reason.EXCEPTION, message)


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ("exiting", "ExitingError: (its text cannot be shown: SystemExit)"),
        ("interrupting", "InterruptingError: (its text cannot be shown: KeyboardInterrupt)"),
        ("nameless", "NamelessError"),
        ("text", "TextError: its words"),
        ("hiding", "HidingError"),
    ],
)
async def test_an_exception_whose_own_code_raises_ends_its_run_and_no_worker(
    workers: ProcessWorkers | ThreadWorkers, which: str, message: str
) -> None:
    async with pool_of(workers, 1) as (pool, listening):
        await pool.start(run_of("odd.raise", which, number=1))
        await listening.wait(1)
        await pool.start(run_of("kalends.echo", number=2))
        first, second = await listening.wait(2)
        assert (first.outcome, first.message) == (Outcome.FAILED, message)
        assert (second.outcome, pool.free_slots()) == (Outcome.SUCCEEDED, 1)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("odd.caused", "ValueError: no total; while reading north.csv; caused by KeyError: 'row 7'"),
        (
            "odd.group",
            "ExceptionGroup: two failed (2 sub-exceptions); of these: ValueError: north; of these: KeyError: 'south'",
        ),
    ],
)
async def test_causes_notes_and_grouped_errors_are_part_of_the_message(
    workers: ProcessWorkers | ThreadWorkers, task: str, message: str
) -> None:
    assert (await result_of(workers, task)).message == message


async def test_a_thread_that_is_interrupted_from_outside_settles_its_run_and_serves_the_next() -> None:
    async with pool_of(threads(), 1) as (pool, listening):
        for number in range(20):
            await pool.start(run_of("odd.interrupted_from_outside", number=number))
            await listening.wait(number + 1)
        await pool.start(run_of("kalends.echo", number=99))
        assert (await listening.wait(21))[20].outcome is Outcome.SUCCEEDED
        assert pool.free_slots() == 1
