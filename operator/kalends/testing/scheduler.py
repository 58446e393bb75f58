"""A scheduler for tests: the test advances the time, and every run has ended when the call returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from typing_extensions import override

from kalends.clock import Clock
from kalends.events import EVENT_ALL, JobExecutionEvent, SchedulerEvent
from kalends.executors.base import BaseExecutor
from kalends.library.engine_thread import EngineThread
from kalends.library.shared_stores import SharingOptions
from kalends.schedulers import SchedulerNotRunningError
from kalends.schedulers.base import BaseScheduler
from kalends.testing.anchoring import anchored
from kalends.testing.clock import ManualClock, microseconds
from kalends.testing.engine import ManualEngine
from kalends.testing.executor import InlineExecutor
from kalends.triggers.base import BaseTrigger
from kalends.triggers.programs.datetimes import SECOND, microseconds_of


class ManualScheduler(BaseScheduler):
    """Runs jobs in the calling thread while ``advance`` lets time pass: a day takes some milliseconds.

    Runs begin in the order of their fire times, one after another, and each of them at its fire time. The engine is
    that of all schedulers: misfires, ``coalesce``, ``max_instances``, ``retry`` and ``exclude`` are judged as there. A
    job that takes time in the test moves the clock: ``scheduler.clock.advance(minutes=5)``.

    Args:
        gconfig: A flat dictionary of options, as ``configure`` reads it.
        clock: Its clock. Unset: a clock that shows 2030-01-01T00:00:00Z.
        options: See ``BaseScheduler.configure``. Executors other than the default run jobs where they always do, and
            ``advance`` does not wait for them.

    Attributes:
        clock: Its clock.
        events: All events so far, in order.
    """

    clock: ManualClock

    def __init__(
        self, gconfig: Mapping[str, Any] | None = None, *, clock: ManualClock | None = None, **options: Any
    ) -> None:
        self.clock = ManualClock() if clock is None else clock
        self.events: list[SchedulerEvent] = []
        self._after_advance: Callable[[], None] | None = None
        super().__init__(gconfig, **{"timezone": "UTC", **options})
        self.add_listener(self.events.append, EVENT_ALL)

    @property
    def now(self) -> datetime:
        """The time of the clock, in the time zone of the scheduler."""
        return self._now()

    @property
    def runs(self) -> list[JobExecutionEvent]:
        """The events of runs that ended, and of fire times that were missed, in order."""
        return [event for event in self.events if isinstance(event, JobExecutionEvent)]

    def advance(self, duration: timedelta | None = None, **units: float) -> None:
        """Advance the clock, and run each job that becomes due.

        Args:
            duration: How long. Unset: ``units``, such as ``hours=2``, as ``timedelta`` accepts them. A duration of 0
                runs what is due now.
            units: See ``duration``.

        Raises:
            SchedulerNotRunningError: It is not running.
            RuntimeError: The caller is a job or a listener of this scheduler.
            ValueError: The duration is negative.
        """
        length = microseconds(duration, units)
        engine = self._engine
        if not isinstance(engine, ManualEngine):
            raise SchedulerNotRunningError
        if engine.advancing:
            raise RuntimeError("a job must not advance its scheduler; scheduler.clock.advance() lets a run take time")
        engine.advance(length / SECOND)
        finish, self._after_advance = self._after_advance, None
        if finish is not None:
            finish()

    def advance_to(self, moment: datetime) -> None:
        """Advance the clock to ``moment``, and run each job that becomes due.

        Raises:
            ValueError: ``moment`` has passed, or has no time zone.
            SchedulerNotRunningError, RuntimeError: As ``advance``.
        """
        if moment.tzinfo is None:
            raise ValueError(f"the moment must have a time zone, got {moment!r}")
        self.advance(timedelta(microseconds=microseconds_of(moment) - self.clock.now()))

    # -- parts that differ from those of other schedulers

    @override
    def _create_clock(self) -> Clock:
        return self.clock

    @override
    def _create_default_executor(self) -> BaseExecutor:
        return InlineExecutor()

    @override
    def _create_engine(self) -> EngineThread:
        return ManualEngine(
            clock=self.clock,
            zone=self.timezone,
            stores=self._book.recording,
            executors=self._executors,
            dispatch=self._dispatcher.now,
            daemon=True,
            retry_interval=self.jobstore_retry_interval,
            sharing=SharingOptions(alone=True),
        )

    @override
    def _create_trigger(self, trigger: BaseTrigger | str | None, options: dict[str, Any]) -> BaseTrigger:
        return anchored(super()._create_trigger(trigger, options), self._now())

    @override
    def _finish_in_thread(self, finish: Callable[[], None]) -> None:
        """Shut down after ``advance``: the run that shuts the scheduler down ends first."""
        self._after_advance = finish
        if isinstance(self._ending, ManualEngine):
            self._ending.interrupt()
