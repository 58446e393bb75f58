"""What the parts of a scheduler share: its state, its lock, its jobs, its executors and its listeners."""

from __future__ import annotations

import logging
from abc import ABC
from collections.abc import Callable
from datetime import datetime, tzinfo
from threading import RLock, Thread
from typing import TYPE_CHECKING, Any, cast

from kalends.clock import Clock, MicrosecondClock
from kalends.events import EVENT_ALL, JobExecutionEvent, SchedulerEvent
from kalends.executors.base import BaseExecutor
from kalends.library.engine_thread import EngineThread
from kalends.library.job_book import JobBook
from kalends.library.listening import Dispatcher
from kalends.triggers.programs.datetimes import datetime_of

if TYPE_CHECKING:
    from kalends.schedulers.base import BaseScheduler

STATE_STOPPED = 0
STATE_RUNNING = 1
STATE_PAUSED = 2


class SchedulerCore(ABC):
    """The base of the parts of ``BaseScheduler``."""

    timezone: tzinfo
    """The zone of triggers that name none, and of the datetimes that the scheduler returns."""
    _logger: logging.Logger
    _job_defaults: dict[str, Any]

    def __init__(self) -> None:
        self.state = STATE_STOPPED
        self._clock = self._create_clock()
        self._executors: dict[str, BaseExecutor] = {}
        self._book = JobBook(self._clock)
        self._lock = self._create_lock()
        self._engine: EngineThread | None = None
        self._ending: EngineThread | None = None
        """The engine while the scheduler shuts down: it still records the ends of runs."""
        self._finishing: Thread | None = None
        """The thread of a shutdown that nothing waits for."""
        self._dispatcher = Dispatcher()

    @property
    def _whole(self) -> BaseScheduler:
        """This object as what it is: its parts are used in no other way."""
        return cast("BaseScheduler", self)

    def _create_clock(self) -> Clock:
        return MicrosecondClock()

    def _create_lock(self) -> Any:
        return RLock()

    @property
    def running(self) -> bool:
        """Whether the scheduler was started and not shut down; a paused one is running, too."""
        return self.state != STATE_STOPPED

    def _now(self) -> datetime:
        return datetime_of(int(self._clock.now()), self.timezone)

    # -- listeners

    def add_listener(self, callback: Callable[[Any], Any], mask: int = EVENT_ALL) -> None:
        """Have a function called with each event whose code is in ``mask``. Its exceptions are logged."""
        self._dispatcher.add(callback, mask)

    def remove_listener(self, callback: Callable[[Any], Any]) -> None:
        """Call a function no more."""
        self._dispatcher.remove(callback)

    def _dispatch_event(self, event: SchedulerEvent) -> None:
        """Receive an event of an executor: the end of a run is recorded first, then listeners are called."""
        engine = self._engine or self._ending
        if isinstance(event, JobExecutionEvent) and engine is not None and engine.ended(event):
            return
        self._dispatcher.now(event)

    def _executor_failed(self, executor: BaseExecutor, job_id: str, error: BaseException) -> None:
        engine = self._engine or self._ending
        if engine is not None:
            engine.executor_failed(executor, job_id, error)
