"""A pool of threads: quick to start, one memory, nothing to serialize. It cannot kill what hangs.

The workers are daemon threads: the interpreter's own pools wait at exit for every thread, so that one task that hangs
would keep the operator from ending.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import queue
import threading
from collections.abc import Callable

from kalends.engine.ports import Run
from kalends.errors import Unavailable
from kalends.executors.pools.calling import Returned, call
from kalends.executors.pools.resolvers import Resolver, current_of
from kalends.executors.pools.worker_ports import Call
from kalends.model.reasons import Reason

Work = Callable[[], None]


class ThreadWorkers:
    """As many threads as there were ever concurrent calls. Each makes its calls one after another."""

    patience = 0.1
    failure = Reason.EXCEPTION

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._crew = _ThreadSet()

    def check(self, run: Run) -> None:
        """Check that the run's callable exists.

        Raises:
            StartRefused: It does not.
        """
        self._resolver.resolve(run.target)

    async def look(self, run: Run) -> None:
        """Check nothing more: a thread finds what the operator has found."""

    async def launch(self, run: Run) -> Call:
        """Call a task in a thread. A stop is only a request: the thread continues until the call returns.

        Raises:
            Unavailable: There is no thread left for it, and no other thread can be started.
        """
        callee = self._resolver.resolve(run.target)
        current = current_of(run)
        crew = self._crew
        loop = asyncio.get_running_loop()
        started: asyncio.Future[None] = loop.create_future()
        ended: asyncio.Future[Returned] = loop.create_future()

        def settle(returned: Returned) -> None:
            crew.busy -= 1
            ended.set_result(returned)

        def work() -> None:
            returned = Returned(error="its thread ended before it had returned")
            try:
                # Nothing of the operator's context is visible to the task.
                returned = contextvars.Context().run(call, callee.function, callee.args, callee.kwargs, current)
            finally:
                # An exception may reach this thread from outside, at any instruction: the run has ended nevertheless.
                with contextlib.suppress(RuntimeError):  # the loop is closed: the process is ending
                    loop.call_soon_threadsafe(settle, returned)

        crew.give(work)
        started.set_result(None)  # a thread is free, so it is taken up at once
        return Call(started, ended, current.cancellation.ask)

    async def close(self) -> None:
        """Let each thread end after its call. Later calls get new threads, even if these do not end."""
        self._crew.dismiss()
        self._crew = _ThreadSet()


class _ThreadSet:
    """The threads between an opening and a closing of the pool."""

    def __init__(self) -> None:
        self.busy = 0
        self._calls: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def give(self, work: Work) -> None:
        """Have a call made by a free thread, or by a new thread.

        Raises:
            Unavailable: No thread can be started.
        """
        if self.busy == len(self._threads):
            self._add_thread()
        self.busy += 1
        self._calls.put(work)

    def _add_thread(self) -> None:
        thread = threading.Thread(target=self._serve, name=f"kalends-{len(self._threads)}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the limit of threads, or of memory, is reached
            raise Unavailable(f"no thread can be started: {error}") from error
        self._threads.append(thread)

    def _serve(self) -> None:
        while (work := self._calls.get()) is not None:
            with contextlib.suppress(BaseException):  # the run is settled: the thread serves the next one
                work()

    def dismiss(self) -> None:
        """Let each thread end after its call."""
        for _ in self._threads:
            self._calls.put(None)
