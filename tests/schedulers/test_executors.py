"""What every executor does: instances, misfires, errors of the pool, and shutdown."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from kalends import events as codes
from kalends.executors.base import BaseExecutor, MaxInstancesReachedError, run_coroutine_job, run_job
from kalends.executors.coroutines import is_coroutine_function, run_to_end
from kalends.executors.debug import DebugExecutor
from kalends.executors.pool import ProcessPoolExecutor, ThreadPoolExecutor
from kalends.executors.tornado import TornadoExecutor
from kalends.job import Job
from kalends.schedulers.background import BackgroundScheduler
from schedulers.recorder import Recorder

NOW = datetime.now(UTC)


def job_of(function: Callable[..., Any], **options: Any) -> Job:
    """Return a job that no scheduler has."""
    from kalends.triggers.date import DateTrigger

    given = {"trigger": DateTrigger(), "executor": "default", "args": (), "kwargs": {}, "misfire_grace_time": None}
    given |= {"coalesce": True, "max_instances": 1, "next_run_time": None}
    return Job(None, func=function, **{**given, **options})


@pytest.fixture
def started() -> Iterator[Callable[[BaseExecutor], tuple[BackgroundScheduler, Recorder]]]:
    """Return what starts a scheduler with an executor, and listens to it."""
    made: list[BackgroundScheduler] = []

    def start(executor: BaseExecutor) -> tuple[BackgroundScheduler, Recorder]:
        # A worker process may need seconds to start.
        scheduler = BackgroundScheduler(executors={"default": executor}, job_defaults={"misfire_grace_time": None})
        events = Recorder()
        scheduler.add_listener(events, codes.EVENT_JOB_EXECUTED | codes.EVENT_JOB_ERROR)
        made.append(scheduler)
        scheduler.start()
        return scheduler, events

    yield start
    for scheduler in made:
        scheduler.shutdown()


def test_a_run_within_the_grace_time_is_called_and_a_later_is_missed() -> None:
    calls = Recorder()
    job = job_of(calls, misfire_grace_time=600)
    now = datetime.now(UTC)
    events = run_job(job, "store", [now - timedelta(hours=1), now], __name__)
    assert [event.code for event in events] == [codes.EVENT_JOB_MISSED, codes.EVENT_JOB_EXECUTED]
    assert len(calls) == 1


async def test_a_coroutine_within_the_grace_time_is_awaited_and_a_later_is_missed() -> None:
    async def job() -> str:
        return "awaited"

    events = await run_coroutine_job(
        job_of(job, misfire_grace_time=600), "store", [NOW - timedelta(hours=1), datetime.now(UTC)], __name__
    )
    assert [event.code for event in events] == [codes.EVENT_JOB_MISSED, codes.EVENT_JOB_EXECUTED]
    assert events[1].retval == "awaited"


def test_no_exception_of_a_job_leaves_the_executor() -> None:
    def leave() -> None:
        raise SystemExit

    (event,) = run_job(job_of(leave), "store", [NOW], __name__)
    assert isinstance(event.exception, SystemExit)
    assert (event.job_id, event.jobstore, event.scheduled_run_time) == (event.job_id, "store", NOW)


def test_an_executor_that_calls_at_once_frees_the_instance() -> None:
    executor, calls = DebugExecutor(), Recorder()
    executor.start(BackgroundScheduler(), "default")
    job = job_of(calls)
    for _ in range(3):
        executor.submit_job(job, [NOW])
    assert len(calls) == 3


def test_a_submission_that_fails_frees_the_instance() -> None:
    class Failing(DebugExecutor):
        def _do_submit_job(self, job: Job, run_times: Any) -> None:
            raise RuntimeError("of the executor")

    executor = Failing()
    executor.start(BackgroundScheduler(), "default")
    for _ in range(2):  # a second time: not MaxInstancesReachedError
        with pytest.raises(RuntimeError, match="of the executor"):
            executor.submit_job(job_of(print), [NOW])


def test_too_many_instances_are_refused() -> None:
    class Endless(DebugExecutor):
        def _do_submit_job(self, job: Job, run_times: Any) -> None:
            pass

    executor, job = Endless(), job_of(print, max_instances=2)
    executor.start(BackgroundScheduler(), "default")
    executor.submit_job(job, [NOW])
    executor.submit_job(job, [NOW])
    with pytest.raises(MaxInstancesReachedError, match=r"maximum number of instances \(2\)"):
        executor.submit_job(job, [NOW])


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor, TornadoExecutor])
def test_a_pool_has_at_least_a_worker(kind: Callable[[int], BaseExecutor]) -> None:
    with pytest.raises(ValueError, match="max_workers must be 1 or more, got 0"):
        kind(0)


def test_a_process_returns_the_value_of_a_job(
    started: Callable[[BaseExecutor], tuple[BackgroundScheduler, Recorder]],
) -> None:
    scheduler, events = started(ProcessPoolExecutor(1))
    scheduler.add_job(os.getpid)
    (event,) = events.wait_for(1)
    assert event.retval != os.getpid()


def test_a_broken_pool_of_processes_is_replaced(
    started: Callable[[BaseExecutor], tuple[BackgroundScheduler, Recorder]],
) -> None:
    scheduler, events = started(ProcessPoolExecutor(1))
    scheduler.add_job(os._exit, args=[1], id="breaks")
    assert events.wait_for(1)[0].code == codes.EVENT_JOB_ERROR
    scheduler.add_job(abs, args=[-5], id="works")
    assert events.wait_for(2)[1].retval == 5


class Greeter:
    async def __call__(self) -> str:
        return "hello"


async def greet(name: str = "you") -> str:
    return f"hello {name}"


@pytest.mark.parametrize("function", [greet, partial(greet, "me"), partial(partial(greet), "me"), Greeter()])
def test_coroutine_functions_are_recognised(function: Callable[..., Any]) -> None:
    assert is_coroutine_function(function)


@pytest.mark.parametrize("function", [print, partial(print), Greeter, len])
def test_other_functions_are_no_coroutine_functions(function: Callable[..., Any]) -> None:
    assert not is_coroutine_function(function)


def test_a_coroutine_runs_to_its_end_without_a_loop() -> None:
    assert run_to_end(greet()) == "hello you"


async def test_a_coroutine_runs_to_its_end_where_a_loop_is_running() -> None:
    assert run_to_end(greet()) == "hello you"


def test_a_job_may_remove_its_executor(
    started: Callable[[BaseExecutor], tuple[BackgroundScheduler, Recorder]],
) -> None:
    executor = ThreadPoolExecutor(1)
    scheduler, events = started(DebugExecutor())
    scheduler.add_executor(executor, "own")
    scheduler.add_job(scheduler.remove_executor, args=["own"], executor="own", id="it")
    (event,) = events.wait_for(1)
    assert (event.code, event.exception) == (codes.EVENT_JOB_EXECUTED, None)
    with pytest.raises(KeyError):
        scheduler.remove_executor("own")
