"""An executor for programs with an asyncio loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from kalends.errors import ExecutorShutDown
from kalends.events import JobExecutionEvent
from kalends.executors.loop import LoopExecutor, LoopRun

if TYPE_CHECKING:
    from kalends.schedulers.base import BaseScheduler


class AsyncIOExecutor(LoopExecutor):
    """Calls coroutine functions as tasks of the scheduler's loop, and other functions in the default pool of that loop.

    It needs a scheduler with an asyncio loop: ``AsyncIOScheduler`` or ``TornadoScheduler``.
    """

    _eventloop: asyncio.AbstractEventLoop

    @override
    def start(self, scheduler: BaseScheduler, alias: str) -> None:
        self._eventloop = loop_of(scheduler, type(self).__name__)
        super().start(scheduler, alias)

    @override
    def _post(self, call: Callable[[], None]) -> None:
        try:
            self._eventloop.call_soon_threadsafe(call)
        except RuntimeError as error:
            loop_ended = getattr(self._scheduler, "_loop_ended", None)
            if loop_ended is not None:
                loop_ended()
            raise ExecutorShutDown("the event loop of the scheduler is closed") from error

    @override
    def _begin_coroutine(self, run: LoopRun, coroutine: Coroutine[Any, Any, list[JobExecutionEvent]]) -> None:
        task = self._eventloop.create_task(coroutine, name=f"job {run.job.id}")
        run.cancel = task.cancel
        task.add_done_callback(lambda task: self._ended(run, _result_of(run, task)))

    @override
    def _begin_call(self, run: LoopRun, call: Callable[[], list[JobExecutionEvent]]) -> None:
        # The thread itself reports the end: it is recorded although the loop may have ended by then.
        future = self._eventloop.run_in_executor(None, lambda: self._ended(run, call()))
        future.add_done_callback(lambda future: self._left_out(run, future))

    def _left_out(self, run: LoopRun, future: asyncio.Future[None]) -> None:
        """Report a call that the pool did not make, as it was shut down."""
        error = None if future.cancelled() else future.exception()
        if error is not None:
            self._ended(run, error)


def loop_of(scheduler: BaseScheduler, executor: str) -> asyncio.AbstractEventLoop:
    """Return the asyncio loop of a scheduler.

    Raises:
        TypeError: It has none.
    """
    found: asyncio.AbstractEventLoop | None = getattr(scheduler, "_eventloop", None)
    if found is None:
        raise TypeError(
            f"{executor} needs a scheduler with an asyncio loop, AsyncIOScheduler or TornadoScheduler, "
            f"got {type(scheduler).__name__}"
        )
    return found


def _result_of(run: LoopRun, task: asyncio.Task[list[JobExecutionEvent]]) -> list[JobExecutionEvent] | BaseException:
    if task.cancelled():  # before its first step
        return run.failures(asyncio.CancelledError())
    return task.exception() or task.result()
