"""A scheduler for programs that do nothing else."""

from __future__ import annotations

from threading import Event
from typing import Any

from typing_extensions import override

from kalends.schedulers.base import BaseScheduler


class BlockingScheduler(BaseScheduler):
    """Returns from ``start`` after ``shutdown``, which a signal handler, a job or another thread calls."""

    _ended: Event | None = None

    @override
    def start(self, *args: Any, **kwargs: Any) -> None:
        ended = Event()
        super().start(*args, **kwargs)
        self._ended = ended
        while self.running and not ended.wait(_LONGEST_WAIT):
            pass

    @override
    def shutdown(self, wait: bool = True) -> None:
        super().shutdown(wait)
        if self._ended is not None:
            self._ended.set()


_LONGEST_WAIT = 1.0
"""Seconds. Signals are handled between two waits on every platform."""
