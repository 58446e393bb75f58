"""An event loop whose time is that of a ``ManualClock``: a wait takes no time, and moves the clock."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from concurrent.futures import Executor
from selectors import DefaultSelector, SelectorKey
from typing import TypeVar, TypeVarTuple

from typing_extensions import override

from kalends.testing.clock import ManualClock
from kalends.triggers.programs.datetimes import SECOND

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")
_RESOLUTION = 2.5e-7
"""Seconds before its time at which a timer is called."""


class _NeverWaits(DefaultSelector):
    """Reports what has happened, and where nothing has, calls ``idle`` with the time to wait (None: for ever)."""

    def __init__(self) -> None:
        super().__init__()
        self.idle: Callable[[float | None], None]

    @override
    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        events = super().select(0)
        if not events and (timeout is None or timeout > 0):
            self.idle(timeout)
        return events


class ClockLoop(asyncio.SelectorEventLoop):
    """Runs until its clock shows a moment, as fast as the machine can. Calls to executors are made at once."""

    def __init__(self, clock: ManualClock) -> None:
        selector = _NeverWaits()
        super().__init__(selector)
        selector.idle = self._idle
        # The default, a nanosecond, is lost in the sum with a clock that has advanced for half a year: a timer whose
        # time has come would never be called. It must be less than a microsecond, the unit of the clock.
        self._clock_resolution = _RESOLUTION
        self._clock = clock
        self._until: float = 0

    @override
    def time(self) -> float:
        return self._clock.monotonic()

    def run_until(self, moment: float) -> None:
        """Run until the clock's ``monotonic`` is ``moment``, and nothing is left to do at that time."""
        self._until = moment
        self.run_forever()

    def _idle(self, timeout: float | None) -> None:
        left = self._until - self.time()
        if left <= 0:
            self.stop()
            return
        wait = left if timeout is None else min(left, timeout)
        # Up to the next microsecond, the unit of the clock: never less than a timer waits for.
        self._clock.advance(microseconds=max(1, math.ceil(wait * SECOND - 1e-3)))

    @override
    def run_in_executor(self, executor: Executor | None, func: Callable[[*_Ts], _T], *args: *_Ts) -> asyncio.Future[_T]:
        """Call ``func`` now: a job store, for example, so that the order of calls is always the same."""
        future: asyncio.Future[_T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - the future has it
            future.set_exception(error)
        return future
