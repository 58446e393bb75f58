"""A pool of threads: quick to start, one memory, nothing to serialize. It cannot kill what hangs.

The workers are daemon threads: the interpreter's own pools wait at exit for every thread, so that one task that hangs
would keep the operator from ending.
"""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
from collections.abc import Callable

from kalends.engine.schedule import TaskCall
from kalends.executors.calling import Returned, call
from kalends.tasks import CurrentRun, Task


class ThreadWorkers:
    """Up to ``size`` threads, started when they are first needed."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._busy = 0
        self.on_return: Callable[[], None] = lambda: None

    def busy(self) -> int:
        """Return how many threads are at work, or have been promised a call."""
        return self._busy

    async def call(self, task: Task, call_: TaskCall, run: CurrentRun) -> Returned:
        """Call a task in a thread. If the wait is cancelled the thread goes on, and counts as busy until it returns."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Returned] = loop.create_future()
        context = contextvars.copy_context()

        def settle(returned: Returned) -> None:
            self._busy -= 1
            if not answer.done():
                answer.set_result(returned)
            self.on_return()

        def work() -> None:
            returned = context.run(call, task.function, call_.args, call_.kwargs or {}, run)
            try:
                loop.call_soon_threadsafe(settle, returned)
            except RuntimeError:
                return  # the loop is closed: the process is ending, and nobody waits

        self._busy += 1
        self._calls.put(work)
        if len(self._threads) < min(self._size, self._busy):
            thread = threading.Thread(target=self._serve, name=f"kalends-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        return await answer

    def _serve(self) -> None:
        while (work := self._calls.get()) is not None:
            work()

    async def close(self) -> None:
        """Let the threads end, each after the call it is at."""
        for _ in self._threads:
            self._calls.put(None)
