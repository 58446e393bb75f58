"""A scheduler that blocks the main thread of a program."""

from __future__ import annotations

from queue import Empty, SimpleQueue
from typing import Any, Self

from typing_extensions import override

from kalends.schedulers.base import BaseScheduler

LONGEST_WAIT = 1.0
"""Seconds. Between two waits Python calls signal handlers on every platform."""


class BlockingScheduler(BaseScheduler):
    """A scheduler whose ``start`` returns after ``shutdown`` was called by a signal handler, a job or another thread.

    An exception that ends the wait, such as ``KeyboardInterrupt``, pauses the scheduler: it starts no more runs.
    """

    # A queue of this class may be used by a signal handler that interrupts the waiting thread; an Event must not be.
    _ended: SimpleQueue[None] | None = None

    @override
    def start(self, *args: Any, **kwargs: Any) -> None:
        ended: SimpleQueue[None] = SimpleQueue()
        super().start(*args, **kwargs)
        self._ended = ended
        try:
            self._wait(ended)
        except BaseException:
            if self.running:
                self.pause()
            raise

    def _wait(self, ended: SimpleQueue[None]) -> None:
        while self._ended is ended and (self.running or self._ending is not None):
            try:
                ended.get(timeout=LONGEST_WAIT)
            except Empty:
                continue
            break

    @override
    def _finish_shutdown(self, *, wait: bool) -> None:
        super()._finish_shutdown(wait=wait)
        ended, self._ended = self._ended, None
        if ended is not None:
            ended.put(None)

    @override
    def __enter__(self) -> Self:
        super().start()
        return self
