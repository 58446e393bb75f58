"""A scheduler for programs with an asyncio loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Self

from typing_extensions import override

from kalends.executors.asyncio import AsyncIOExecutor
from kalends.executors.base import BaseExecutor, is_run_of
from kalends.references import object_of
from kalends.schedulers.loop import LoopScheduler


class AsyncIOScheduler(LoopScheduler):
    """Runs coroutine functions as tasks of an asyncio loop, and other functions in the default pool of that loop.

    ``async with`` starts it, and at the end waits for all runs.

    Args:
        event_loop: The loop, or a reference to it. None: the loop that is running when ``start`` is called.
    """

    _eventloop: asyncio.AbstractEventLoop | None = None
    _given_loop: asyncio.AbstractEventLoop | None = None

    @override
    def _configure(self, config: Mapping[str, Any]) -> None:
        self._given_loop = object_of(config.get("event_loop"))
        super()._configure(config)

    @override
    def _create_default_executor(self) -> BaseExecutor:
        return AsyncIOExecutor()

    @override
    def start(self, paused: bool = False) -> None:
        """Start, as ``BaseScheduler.start`` does.

        Raises:
            SchedulerAlreadyRunningError: It runs already.
            RuntimeError: No loop was given, and none is running in this thread.
        """
        if self.running and self._eventloop is not None and self._eventloop.is_closed():
            self._loop_ended()
        if not self.running:
            self._eventloop = self._loop_to_use()
        super().start(paused)

    def _loop_to_use(self) -> asyncio.AbstractEventLoop:
        if self._given_loop is not None and not self._given_loop.is_closed():
            return self._given_loop
        try:
            return asyncio.get_running_loop()
        except RuntimeError as error:
            raise RuntimeError(
                f"{type(self).__name__}.start() must be called while the event loop is running, in a coroutine or a "
                "callback, or the loop must be given: AsyncIOScheduler(event_loop=...)"
            ) from error

    async def shutdown_async(self, wait: bool = True) -> None:  # noqa: FBT001, FBT002 - as ``shutdown``
        """Shut down without blocking the loop. A run that calls this method does not wait for its own end.

        Args:
            wait: Return once every active run has ended, coroutines included. Otherwise coroutines are cancelled.

        Raises:
            SchedulerNotRunningError: It is not running.
        """
        if is_run_of(self) or not wait:
            self.shutdown(wait)
            return
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        finish = self._begin_shutdown(wait=wait)

        def work() -> None:
            try:
                finish()
            finally:
                with suppress(RuntimeError):  # the loop was closed, and the caller with it
                    loop.call_soon_threadsafe(ended.set)

        self._finish_in_thread(work)
        await ended.wait()

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.running:
            await self.shutdown_async()

    @override
    def _in_loop(self) -> bool:
        try:
            return asyncio.get_running_loop() is self._eventloop
        except RuntimeError:
            return False

    @override
    def _turns(self) -> bool:
        return self._eventloop is not None and self._eventloop.is_running()

    @override
    def _post(self, call: Callable[[], None]) -> None:
        if self._eventloop is None:
            call()
            return
        try:
            self._eventloop.call_soon_threadsafe(call)
        except RuntimeError:  # it is closed
            call()
