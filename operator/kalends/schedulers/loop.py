"""The base class of schedulers with an event loop. It never blocks the loop, and calls listeners in it."""

from __future__ import annotations

from abc import abstractmethod
from asyncio import CancelledError
from collections.abc import Callable

from typing_extensions import override

from kalends.executors.base import is_run_of
from kalends.executors.loop import LoopExecutor
from kalends.library.engine_thread import EngineThread
from kalends.schedulers import SchedulerNotRunningError
from kalends.schedulers.base import BaseScheduler

LONGEST_WAIT = 0.5
"""Seconds between two looks at whether the loop still turns, while a thread waits for coroutines on it."""


class LoopScheduler(BaseScheduler):
    """A scheduler of a program with an event loop. Coroutine functions run on the loop, other functions in threads."""

    @abstractmethod
    def _in_loop(self) -> bool:
        """Return whether the caller is in the thread of the loop."""

    @abstractmethod
    def _turns(self) -> bool:
        """Return whether the loop is running in any thread."""

    @override
    def shutdown(self, wait: bool = True) -> None:
        """Shut down the engine, the executors and the job stores. The scheduler can be started again.

        Called in the thread of the loop, or while the loop does not run, it cannot wait for coroutines: they are
        cancelled, and their runs end as failed with ``CancelledError``. In the thread of the loop the rest of the
        shutdown continues in another thread, so that the loop is not blocked.

        Args:
            wait: Return once every active run has ended. In the thread of the loop: return at once, and let the
                process wait for functions in threads, so that the ends of their runs are recorded.

        Raises:
            SchedulerNotRunningError: It is not running.
        """
        in_loop = self._in_loop()
        finish = self._begin_shutdown(wait=wait)
        if in_loop or not self._turns():
            if self._ending is not None:
                self._ending.hold()
            self._abandon_coroutines()
        if in_loop or is_run_of(self):
            self._finish_in_thread(finish)
        else:
            finish()

    @override
    def _join(self, engine: EngineThread) -> None:
        while not engine.join(LONGEST_WAIT):
            if not self._turns():
                self._abandon_coroutines()

    def _abandon_coroutines(self) -> None:
        for executor in list(self._executors.values()):
            if isinstance(executor, LoopExecutor):
                executor.abandon(CancelledError("the scheduler was shut down"))

    def _loop_ended(self) -> None:
        """Shut down after the program has closed the loop without a shutdown of the scheduler."""
        try:
            finish = self._begin_shutdown(wait=False)
        except SchedulerNotRunningError:
            return
        self._logger.warning("The event loop of the scheduler was closed: the scheduler shuts down")
        self._abandon_coroutines()
        self._finish_in_thread(finish)

    @abstractmethod
    def _post(self, call: Callable[[], None]) -> None:
        """Call a function in the thread of the loop, or in this thread if the loop is closed."""

    @override
    def _run_listeners_in(self, call: Callable[[], None]) -> None:
        if self.running or self._turns():
            self._post(call)
        else:
            call()  # the loop would not come to it
