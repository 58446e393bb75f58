"""The engine of a scheduler in the thread that advances its clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Thread
from typing import Any

from typing_extensions import override

from kalends.library.engine_thread import EngineThread
from kalends.testing.clock import ManualClock
from kalends.testing.loop import ClockLoop

LONGEST_SHUTDOWN = 60.0
"""Seconds of the clock that a shutdown may take: the engine waits a few of them for records that cannot be written."""


class ManualEngine(EngineThread):
    """Runs the engine while ``advance`` is called, and at no other time."""

    longest_sleep = float("inf")
    """The clock says when it is set: looks at it would take most of the time of a long ``advance``."""

    def __init__(self, *, clock: ManualClock, **options: Any) -> None:
        super().__init__(clock=clock, **options)
        self._manual = clock
        self._clock_loop = ClockLoop(clock)
        self._main_task: asyncio.Task[None] | None = None

    @property
    def advancing(self) -> bool:
        """Whether the caller is a run, or a listener, of this engine."""
        return self._clock_loop.is_running()

    @override
    def start(self, *, paused: bool) -> None:
        self._main_task = self._clock_loop.create_task(self._run(paused=paused))
        self.advance(0)
        self._manual.watch(self._look_at_clock)

    def _look_at_clock(self) -> None:
        self._scheduler.look_at_clock()

    def advance(self, seconds: float) -> None:
        """Let the engine work until so many seconds of its clock have passed."""
        until = self._manual.monotonic() + seconds
        self._in_loop(lambda: self._clock_loop.run_until(until))

    @override
    def release(self, alias: str, then: Callable[[], None]) -> Callable[[], None]:
        """Remove a store. Its engine, which does not run now, holds no lease."""
        self._spawn(self._shared.remove(alias))
        return then

    def interrupt(self) -> None:
        """Let ``advance`` return after the current run."""
        self._clock_loop.stop()

    @override
    def join(self, timeout: float | None = None) -> bool:
        task = self._main_task
        if task is None or self._clock_loop.is_closed():
            return True
        self._manual.unwatch(self._look_at_clock)

        def end() -> None:
            self._clock_loop.run_until(self._manual.monotonic() + LONGEST_SHUTDOWN)
            self._clock_loop.close()

        task.add_done_callback(lambda _: self._clock_loop.stop())
        self._in_loop(end)
        if task.done() and not task.cancelled() and (error := task.exception()) is not None:
            raise error
        return True

    @staticmethod
    def _in_loop(work: Callable[[], None]) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            work()
            return
        # A thread runs one loop at a time, and this is the thread of an async test.
        errors: list[BaseException] = []

        def work_in_thread() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - raised again below
                errors.append(error)

        thread = Thread(target=work_in_thread, name="Kalends manual clock")
        thread.start()
        thread.join()
        if errors:
            raise errors[0]
