"""What an ``AsyncIOScheduler`` does in the thread of its loop, where nothing may wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from kalends import events as codes
from kalends.executors.asyncio import AsyncIOExecutor
from kalends.executors.debug import DebugExecutor
from kalends.schedulers import SchedulerNotRunningError
from kalends.schedulers.asyncio import AsyncIOScheduler
from kalends.schedulers.background import BackgroundScheduler
from kalends.schedulers.base import BaseScheduler
from schedulers.recorder import PATIENCE, Recorder

JOB_DEFAULTS: Any = {"misfire_grace_time": None}
"""No fire time is missed because the machine is busy."""


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.005)


def heard(scheduler: BaseScheduler, mask: int = codes.EVENT_ALL) -> Recorder:
    events = Recorder()
    scheduler.add_listener(events, mask)
    return events


def test_it_starts_only_where_a_loop_is_running_or_given() -> None:
    scheduler = AsyncIOScheduler(job_defaults=JOB_DEFAULTS)
    with pytest.raises(RuntimeError, match=r"while the event loop is running.*AsyncIOScheduler\(event_loop=\.\.\.\)"):
        scheduler.start()
    assert not scheduler.running


def test_a_given_loop_may_be_started_later() -> None:
    loop = asyncio.new_event_loop()
    calls: list[int] = []

    async def job() -> None:
        calls.append(threading.get_ident())
        loop.stop()

    scheduler = AsyncIOScheduler(event_loop=loop)
    scheduler.add_job(job, misfire_grace_time=None)
    scheduler.start()
    loop.run_forever()
    scheduler.shutdown()
    loop.close()
    assert calls == [threading.get_ident()]


async def test_a_coroutine_runs_as_a_task_of_the_loop() -> None:
    found: list[Any] = []

    async def job(text: str) -> str:
        await asyncio.sleep(0)
        found.append((asyncio.get_running_loop(), text))
        return text

    async with AsyncIOScheduler(job_defaults=JOB_DEFAULTS) as scheduler:
        ended = heard(scheduler, codes.EVENT_JOB_EXECUTED)
        scheduler.add_job(job, args=["here"])
        await until(lambda: len(ended) == 1)
    assert found == [(asyncio.get_running_loop(), "here")]


async def test_the_end_of_the_context_waits_for_coroutines() -> None:
    began, release = asyncio.Event(), asyncio.Event()

    async def job() -> str:
        began.set()
        await release.wait()
        return "done"

    scheduler = AsyncIOScheduler(job_defaults=JOB_DEFAULTS)
    ended = heard(scheduler, codes.EVENT_JOB_EXECUTED)
    async with scheduler:
        scheduler.add_job(job)
        await began.wait()
        asyncio.get_running_loop().call_later(0.05, release.set)
    assert [event.retval for event in ended.items] == ["done"]
    assert not scheduler.running


async def test_a_shutdown_in_the_loop_cancels_coroutines_and_returns_at_once() -> None:
    began = asyncio.Event()
    cancelled: list[str] = []

    async def job() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append("cancelled")
            raise

    scheduler = AsyncIOScheduler(job_defaults=JOB_DEFAULTS)
    events = heard(scheduler)
    scheduler.start()
    scheduler.add_job(job)
    await began.wait()
    scheduler.shutdown(wait=True)
    assert not scheduler.running
    await until(lambda: codes.EVENT_SCHEDULER_SHUTDOWN in events.codes())
    assert cancelled == ["cancelled"]
    (error,) = (event for event in events.items if event.code == codes.EVENT_JOB_ERROR)
    assert isinstance(error.exception, asyncio.CancelledError)
    assert set(events.threads) == {threading.get_native_id()}


async def test_a_shutdown_in_the_loop_does_not_hold_it_up_while_a_thread_works() -> None:
    began, release = threading.Event(), threading.Event()

    def job() -> str:
        began.set()
        assert release.wait(PATIENCE)
        return "done"

    scheduler = AsyncIOScheduler(job_defaults=JOB_DEFAULTS)
    events = heard(scheduler)
    scheduler.start()
    scheduler.add_job(job)
    await until(began.is_set)
    scheduler.shutdown(wait=True)
    release.set()  # only now: a shutdown that waited here would never return
    await until(lambda: codes.EVENT_SCHEDULER_SHUTDOWN in events.codes())
    assert [event.retval for event in events.items if event.code == codes.EVENT_JOB_EXECUTED] == ["done"]


async def test_a_coroutine_may_shut_it_down_and_continues() -> None:
    scheduler = AsyncIOScheduler(job_defaults=JOB_DEFAULTS)
    events = heard(scheduler)

    async def job() -> str:
        scheduler.shutdown()
        await asyncio.sleep(0)
        return "continued"

    async def job_async() -> str:
        await scheduler.shutdown_async()
        await asyncio.sleep(0)
        return "continued"

    for function in (job, job_async):
        scheduler.start()
        scheduler.add_job(function)
        await until(lambda: events.codes().count(codes.EVENT_SCHEDULER_SHUTDOWN) == 1)
        assert [event.retval for event in events.items if event.code == codes.EVENT_JOB_EXECUTED] == ["continued"]
        events.items.clear()


async def test_shutdown_async_of_a_stopped_scheduler_is_refused() -> None:
    with pytest.raises(SchedulerNotRunningError):
        await AsyncIOScheduler().shutdown_async()


async def test_it_starts_again_in_the_same_loop() -> None:
    scheduler = AsyncIOScheduler(job_defaults=JOB_DEFAULTS)
    calls = Recorder()
    for number in (1, 2, 3):
        scheduler.start()
        scheduler.add_job(calls, "interval", seconds=0.01)
        await until(lambda number=number: len(calls) >= number)  # type: ignore[misc]
        scheduler.shutdown()
        calls.items.clear()


def test_it_starts_again_in_another_loop_after_the_first_was_closed() -> None:
    scheduler = AsyncIOScheduler(job_defaults=JOB_DEFAULTS)
    loops: list[asyncio.AbstractEventLoop] = []

    async def job() -> None:
        loops.append(asyncio.get_running_loop())

    async def main() -> None:
        scheduler.start()
        before = len(loops)
        scheduler.add_job(job, "interval", seconds=0.02, id="it", replace_existing=True)
        await until(lambda: len(loops) > before)

    asyncio.run(main())  # it ends without a shutdown
    asyncio.run(main())
    scheduler.shutdown()
    assert loops[0].is_closed()


async def test_a_run_that_is_replaced_is_cancelled() -> None:
    cancelled: list[str] = []

    async def job() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append("cancelled")
            raise

    async with AsyncIOScheduler(job_defaults=JOB_DEFAULTS) as scheduler:
        ended = heard(scheduler, codes.EVENT_JOB_ERROR)
        scheduler.add_job(job, "interval", seconds=0.05, concurrency="replace")
        await until(lambda: len(ended) >= 2)
        scheduler.shutdown()
    assert len(cancelled) >= 2


async def test_a_coroutine_that_takes_too_long_is_cancelled() -> None:
    cancelled: list[str] = []

    async def job() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append("cancelled")
            raise

    async with AsyncIOScheduler(job_defaults=JOB_DEFAULTS) as scheduler:
        ended = heard(scheduler, codes.EVENT_JOB_ERROR)
        scheduler.add_job(job, time_limit=2)  # long enough for it to begin on a busy machine
        await until(lambda: len(ended) == 1 and cancelled == ["cancelled"])
    assert isinstance(ended.items[0].exception, TimeoutError)


async def test_a_callable_object_and_a_partial_of_a_coroutine_function_are_awaited() -> None:
    from functools import partial

    class Greeter:
        async def __call__(self) -> str:
            await asyncio.sleep(0)
            return "object"

    async def job(text: str) -> str:
        await asyncio.sleep(0)
        return text

    async with AsyncIOScheduler(job_defaults=JOB_DEFAULTS) as scheduler:
        ended = heard(scheduler, codes.EVENT_JOB_EXECUTED)
        scheduler.add_job(Greeter())
        scheduler.add_job(partial(partial(job), "partial"))
        await until(lambda: len(ended) == 2)
    assert {event.retval for event in ended.items} == {"object", "partial"}


async def test_a_coroutine_function_in_another_executor_runs_in_another_loop() -> None:
    async def job() -> asyncio.AbstractEventLoop:
        await asyncio.sleep(0)
        return asyncio.get_running_loop()

    def gives_a_coroutine() -> Any:
        return job()

    executors = {"debug": DebugExecutor(), "pool": {"type": "threadpool"}}
    async with AsyncIOScheduler(executors=executors, job_defaults=JOB_DEFAULTS) as scheduler:
        ended = heard(scheduler, codes.EVENT_JOB_EXECUTED)
        scheduler.add_job(job, executor="debug")
        scheduler.add_job(job, executor="pool")
        scheduler.add_job(gives_a_coroutine, executor="pool")
        await until(lambda: len(ended) == 3)
    assert all(event.retval is not asyncio.get_running_loop() for event in ended.items)


def test_its_executor_needs_a_scheduler_with_a_loop() -> None:
    scheduler = BackgroundScheduler(executors={"default": AsyncIOExecutor()})
    with pytest.raises(TypeError, match="AsyncIOExecutor needs a scheduler with an asyncio loop"):
        scheduler.start()
    assert not scheduler.running
