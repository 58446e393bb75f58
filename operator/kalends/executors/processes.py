"""A pool of processes: isolated, really parallel, and killed when a run is given up. Arguments and results are JSON.

Workers are fresh interpreters, never forks: a fork would copy the locks that the operator's threads hold. Each has a
connection of its own, apart from its standard streams, which belong to the task and the programs that it may start.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection

from kalends.engine.schedule import TaskCall
from kalends.errors import KalendsError
from kalends.executors.calling import Returned, call_by_reference
from kalends.tasks import CurrentRun, Task

SPAWN = multiprocessing.get_context("spawn")
FITS_A_PIPE = 32 * 1024
"""Bytes that can be written at once without waiting for the worker to read."""
PATIENCE = 2.0
"""Seconds that a killed worker gets to be gone."""


class WorkerDied(KalendsError):
    """A worker process ended under its call."""


class ProcessWorkers:
    """Up to ``size`` worker processes, started when they are first needed."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._busy = 0
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self.on_return: Callable[[], None] = lambda: None
        # Python waits at its end for processes that it has started; these would wait for it.
        atexit.register(self._kill_all)

    def busy(self) -> int:
        """Return how many processes are at work."""
        return self._busy

    async def call(self, task: Task, call_: TaskCall, run: CurrentRun) -> Returned:
        """Call a task in a process. If the wait is cancelled the process is killed.

        Raises:
            WorkerDied: The process ended before it had answered.
        """
        self._busy += 1
        worker = self._idle.pop() if self._idle else self._started()
        question = pickle.dumps((task.reference, call_.args, call_.kwargs or {}, run))
        try:
            returned = await worker.ask(question)
        except BaseException:
            self._all.discard(worker)
            worker.kill()
            raise
        else:
            self._idle.append(worker)
            return returned
        finally:
            self._busy -= 1

    def _started(self) -> _Worker:
        worker = _Worker()
        self._all.add(worker)
        return worker

    def _kill_all(self) -> None:
        for worker in self._all:
            worker.kill()
        self._all.clear()
        self._idle.clear()

    async def close(self) -> None:
        """End the workers, and what they are at."""
        atexit.unregister(self._kill_all)
        await asyncio.to_thread(self._kill_all)


class _Worker:
    """One process, and our end of its connection."""

    def __init__(self) -> None:
        self._connection, theirs = SPAWN.Pipe()
        self._process = SPAWN.Process(target=serve, args=(theirs,), name="kalends worker")
        self._process.start()
        theirs.close()  # so that we see the end of the process as the end of the connection

    async def ask(self, question: bytes) -> Returned:
        try:
            if len(question) <= FITS_A_PIPE:
                self._connection.send_bytes(question)
            else:
                await asyncio.to_thread(self._connection.send_bytes, question)
            await _readable(self._connection)
            answer: Returned = self._connection.recv()
        except (EOFError, OSError) as error:
            raise WorkerDied("the process ended before it had answered") from error
        return answer

    def kill(self) -> None:
        self._process.kill()
        self._process.join(PATIENCE)
        self._connection.close()


async def _readable(connection: Connection) -> None:
    loop = asyncio.get_running_loop()
    readable = loop.create_future()
    descriptor = connection.fileno()
    loop.add_reader(descriptor, _set, readable)
    try:
        await readable
    finally:
        loop.remove_reader(descriptor)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def serve(connection: Connection) -> None:
    """Answer questions until nobody asks any more: what a worker process does."""
    # Ctrl-C and SIGTERM are for the operator, which lets runs end before it ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.dup2(2, 1)  # what tasks print goes to the log, and not among the lines of `kalends run`
    with contextlib.suppress(EOFError, OSError):
        while True:
            connection.send(call_by_reference(*connection.recv()))
