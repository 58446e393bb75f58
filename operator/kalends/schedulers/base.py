"""The base class of all schedulers: configuration, start, shutdown, pause. Jobs and components are its base classes."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from datetime import tzinfo
from threading import Thread, current_thread
from typing import Any, Self

from kalends.events import (
    EVENT_SCHEDULER_PAUSED,
    EVENT_SCHEDULER_RESUMED,
    EVENT_SCHEDULER_SHUTDOWN,
    EVENT_SCHEDULER_START,
    SchedulerEvent,
)
from kalends.executors.base import BaseExecutor, is_run_of
from kalends.executors.pool import ThreadPoolExecutor
from kalends.jobstores.base import BaseJobStore
from kalends.jobstores.memory import MemoryJobStore
from kalends.library.components import EXECUTOR_PLUGINS, JOB_STORE_PLUGINS, Components
from kalends.library.configuration import as_int, nested, without_prefix
from kalends.library.engine_thread import EngineThread
from kalends.library.jobs import Jobs
from kalends.library.scheduler_core import STATE_PAUSED, STATE_RUNNING, STATE_STOPPED
from kalends.library.shared_stores import sharing_options
from kalends.schedulers import SchedulerAlreadyRunningError, SchedulerNotRunningError
from kalends.triggers.programs.timezones import local_timezone, timezone_of
from kalends.undefined import undefined
from kalends.util import asbool


class BaseScheduler(Jobs, Components):
    """Stores jobs in job stores, and lets executors call them at the fire times of their triggers.

    All methods are thread-safe. Only ``shutdown(wait=True)`` waits for runs.

    Args:
        gconfig: A flat dictionary of options, as ``configure`` reads it.
        options: See ``configure``.
    """

    def __init__(self, gconfig: Mapping[str, Any] | None = None, **options: Any) -> None:
        super().__init__()
        self.configure(gconfig or {}, **options)

    def __getstate__(self) -> None:
        raise TypeError(
            "a scheduler cannot be pickled: it is likely that a job was given a method, or a closure, of an object "
            "that contains the scheduler"
        )

    # -- configuration

    def configure(self, gconfig: Mapping[str, Any] | None = None, prefix: str | None = None, **options: Any) -> None:
        """Replace the configuration of the scheduler.

        Args:
            gconfig: A flat dictionary; its keys have a prefix, and dots between the names of groups.
            prefix: The prefix of its keys. None: ``kalends.``, and ``apscheduler.`` is read, too.
            options: The same names without a prefix: ``logger``, ``timezone``, ``job_defaults`` (a dictionary),
                ``executors`` and ``jobstores`` (alias to instance, or to a dictionary with ``type`` or ``class``),
                ``jobstore_retry_interval`` in seconds; for job stores that several schedulers share
                ``lease_duration``, ``lease_renew_deadline``, ``lease_retry_period`` (15, 10 and 2 seconds),
                and ``jobstore_poll_interval`` (1 second): see ``docs/job-stores.md``.

        Raises:
            SchedulerAlreadyRunningError: It is running.
        """
        if self.state != STATE_STOPPED:
            raise SchedulerAlreadyRunningError
        config = nested(without_prefix(gconfig or {}, prefix))
        config.update(options)
        self._configure(config)

    def _configure(self, config: Mapping[str, Any]) -> None:
        self._logger = _logger_of(config.get("logger"))
        self.timezone: tzinfo = timezone_of(config.get("timezone")) or local_timezone()
        self.jobstore_retry_interval = float(config.get("jobstore_retry_interval", 10))
        self._sharing = sharing_options(config)
        defaults: Mapping[str, Any] = config.get("job_defaults") or {}
        self._job_defaults: dict[str, Any] = {
            "misfire_grace_time": as_int(defaults.get("misfire_grace_time", 1)),
            "coalesce": _coalesce(defaults.get("coalesce", True)),
            "max_instances": as_int(defaults.get("max_instances", 1)),
        }
        known = {"misfire_grace_time", "coalesce", "max_instances"}
        self._job_defaults.update({key: value for key, value in defaults.items() if key not in known})
        self._executors.clear()
        self._book.stores.clear()
        for alias, value in (config.get("executors") or {}).items():
            self.add_executor(EXECUTOR_PLUGINS.configured(alias, value), alias)
        for alias, value in (config.get("jobstores") or {}).items():
            self.add_jobstore(JOB_STORE_PLUGINS.configured(alias, value), alias)

    def _create_default_executor(self) -> BaseExecutor:
        return ThreadPoolExecutor()

    def _create_default_jobstore(self) -> BaseJobStore:
        return MemoryJobStore(self._clock)

    # -- start and end

    def start(self, paused: bool = False) -> None:  # noqa: FBT001, FBT002 - APScheduler's signature
        """Start the executors and the job stores, add the pending jobs, and begin to run jobs.

        Args:
            paused: Start no runs until ``resume``.

        Raises:
            SchedulerAlreadyRunningError: It runs already.
        """
        self._check_uwsgi()
        self._wait_for_shutdown()
        with self._lock:
            if self.state != STATE_STOPPED:
                raise SchedulerAlreadyRunningError
            try:
                self._start_all(paused=paused)
            except BaseException:
                self._engine = None
                self._release()
                raise
            self.state = STATE_PAUSED if paused else STATE_RUNNING
        self._logger.info("Scheduler started")
        self._dispatcher.now(SchedulerEvent(EVENT_SCHEDULER_START))

    def _start_all(self, *, paused: bool) -> None:
        if "default" not in self._executors:
            self.add_executor(self._create_default_executor(), "default")
        if "default" not in self._book.stores:
            self.add_jobstore(self._create_default_jobstore(), "default")
        for alias, executor in self._executors.items():
            executor.start(self, alias)
        for alias in self._book.stores:
            self._start_jobstore(alias)
        while self._book.pending:
            job, alias, replace_existing = self._book.pending[0]
            self._add_to_store(job, alias, replace_existing=replace_existing)
            del self._book.pending[0]  # after it was added: if the start fails, the others still wait
        self._dispatcher.start(self._run_listeners_in)
        # Known before its start, as a run that is due may end before that returns.
        self._engine = self._create_engine()
        self._engine.start(paused=paused)

    def _create_engine(self) -> EngineThread:
        return EngineThread(
            clock=self._clock,
            zone=self.timezone,
            stores=self._book.recording,
            executors=self._executors,
            dispatch=self._dispatcher.later,
            daemon=self._daemon,
            retry_interval=self.jobstore_retry_interval,
            sharing=self._sharing,
        )

    _daemon = True
    """Whether the threads of the scheduler let the process end."""

    def _run_listeners_in(self, call: Callable[[], None]) -> None:
        """Call the listeners of the engine's decisions, by default in the dispatcher's thread."""
        call()

    @staticmethod
    def _check_uwsgi() -> None:
        uwsgi = sys.modules.get("uwsgi")
        if uwsgi is not None and not getattr(uwsgi, "opt", {}).get("enable-threads"):
            raise RuntimeError(
                "uWSGI has disabled threads, and the scheduler needs them: start uWSGI with the option --enable-threads"
            )

    def shutdown(self, wait: bool = True) -> None:  # noqa: FBT001, FBT002 - APScheduler's signature
        """Shut down the engine, the executors and the job stores. The scheduler can be started again.

        A run that calls this method does not wait for its own end: another thread shuts the scheduler down.

        Args:
            wait: Return once every active run has ended. Otherwise threads continue, and the ends of their runs are
                not recorded.

        Raises:
            SchedulerNotRunningError: It is not running.
        """
        finish = self._begin_shutdown(wait=wait)
        if is_run_of(self):
            self._finish_in_thread(finish)
        else:
            finish()

    def _begin_shutdown(self, *, wait: bool) -> Callable[[], None]:
        """Mark the scheduler as stopped, and return a function that completes the shutdown."""
        with self._lock:
            if self.state == STATE_STOPPED:
                raise SchedulerNotRunningError
            self._ending, self._engine = self._engine, None
            self.state = STATE_STOPPED
        return lambda: self._finish_shutdown(wait=wait)

    def _finish_in_thread(self, finish: Callable[[], None]) -> None:
        # No daemon: a process does not end before the ends of its runs are recorded.
        self._finishing = Thread(target=finish, name="Kalends shutdown", daemon=False)
        self._finishing.start()

    def _finish_shutdown(self, *, wait: bool) -> None:
        # Without the lock: active runs may use the scheduler.
        engine = self._ending
        if engine is not None:
            engine.stop(wait=wait)
            self._join(engine)
        self._ending = None
        self._release(wait=wait)
        self._logger.info("Scheduler has been shut down")
        self._dispatcher.stop()
        if self._finishing is current_thread():
            self._run_listeners_in(self._announce_shutdown)
        else:
            self._announce_shutdown()

    def _announce_shutdown(self) -> None:
        self._dispatcher.now(SchedulerEvent(EVENT_SCHEDULER_SHUTDOWN))

    def _join(self, engine: EngineThread) -> None:
        """Wait until the engine has ended."""
        engine.join()

    def _release(self, *, wait: bool = False) -> None:
        """Shut down the executors and the job stores. If one of them fails, the others are still shut down."""
        for executor in list(self._executors.values()):
            try:
                executor.shutdown(wait)
            except Exception:
                self._logger.exception("Error shutting down executor %r", executor)
        with self._lock:
            for alias in list(self._book.recording):
                try:
                    self._book.stores[alias].shutdown()
                except Exception:
                    self._logger.exception("Error shutting down job store %r", alias)
            self._book.recording.clear()

    def _wait_for_shutdown(self) -> None:
        """Wait for a shutdown that a run or a loop has requested."""
        finishing = self._finishing
        if finishing is not None and finishing is not current_thread():
            finishing.join()
            self._finishing = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.running:
            self.shutdown()

    def pause(self) -> None:
        """Start no runs until ``resume``. Active runs continue.

        Raises:
            SchedulerNotRunningError: It is not running.
        """
        if self.state == STATE_STOPPED:
            raise SchedulerNotRunningError
        if self.state == STATE_RUNNING and self._engine is not None:
            self.state = STATE_PAUSED
            self._engine.pause()
            self._logger.info("Paused scheduler job processing")
            self._dispatcher.now(SchedulerEvent(EVENT_SCHEDULER_PAUSED))

    def resume(self) -> None:
        """Start runs again. Grace time and ``coalesce`` apply to the fire times since ``pause``.

        Raises:
            SchedulerNotRunningError: It is not running.
        """
        if self.state == STATE_STOPPED:
            raise SchedulerNotRunningError
        if self.state == STATE_PAUSED and self._engine is not None:
            self.state = STATE_RUNNING
            self._engine.resume()
            self._logger.info("Resumed scheduler job processing")
            self._dispatcher.now(SchedulerEvent(EVENT_SCHEDULER_RESUMED))

    def wakeup(self) -> None:
        """Examine all jobs now. Programs do not need this method: each change of a job does the same.

        Raises:
            SchedulerNotRunningError: It is not running.
        """
        if self.state == STATE_STOPPED:
            raise SchedulerNotRunningError
        if self.state == STATE_RUNNING and self._engine is not None:
            self._engine.resume()


def _coalesce(value: Any) -> bool | str:
    return value if value in {"latest", "earliest", "all"} else asbool(value)


def _logger_of(given: Any) -> logging.Logger:
    if isinstance(given, logging.Logger):
        return given
    return logging.getLogger(given or "kalends.scheduler")


__all__ = ["STATE_PAUSED", "STATE_RUNNING", "STATE_STOPPED", "BaseScheduler", "undefined"]
