"""The base class of the library's executors, with APScheduler's names."""

from __future__ import annotations

import asyncio
import inspect
import logging
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from threading import RLock
from traceback import format_exception
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias

from kalends.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_EXECUTED,
    EVENT_JOB_MISSED,
    JobExecutionEvent,
)
from kalends.executors.coroutines import run_to_end

if TYPE_CHECKING:
    from kalends.job import Job
    from kalends.schedulers.base import BaseScheduler


CallContext: TypeAlias = Callable[[], AbstractContextManager[object]]
"""Returns what a call happens in, such as the application context of a web framework."""


class MaxInstancesReachedError(Exception):
    """The job has already ``max_instances`` active runs."""

    def __init__(self, job: Job) -> None:
        super().__init__(
            f'Job "{job}" has already reached its maximum number of instances ({job.max_instances})',
        )


class BaseExecutor(ABC):
    """Calls the callables of jobs. Classes that were written for APScheduler's class of this name work with this one.

    A subclass implements ``_do_submit_job``: it has ``run_job`` called somewhere, and then calls ``_run_job_success``
    with the events that ``run_job`` returned, or ``_run_job_error`` if that raised an exception.
    """

    _scheduler: BaseScheduler | None = None
    _lock: Any = None
    accepting = True
    """Whether it takes runs: false while it shuts down."""
    _logger = logging.getLogger("kalends.executors")

    def __init__(self) -> None:
        super().__init__()
        self._instances: defaultdict[str, int] = defaultdict(int)

    @property
    def slots(self) -> int | None:
        """How many runs can be active at once; None: any number."""
        return None

    def start(self, scheduler: BaseScheduler, alias: str) -> None:
        """Prepare for jobs. The scheduler calls this method when it starts, or when the executor is added to it."""
        self._scheduler = scheduler
        self._lock = RLock()
        self._logger = logging.getLogger(f"kalends.executors.{alias}")

    def shutdown(self, wait: bool = True) -> None:  # noqa: B027, FBT001, FBT002 - APScheduler's signature
        """Release the resources of ``start``.

        Args:
            wait: Return once every run has ended.
        """

    def submit_job(self, job: Job, run_times: Sequence[datetime]) -> None:
        """Arrange one call of a job for each of its fire times.

        Raises:
            MaxInstancesReachedError: As many runs of it are active as it may have.
        """
        assert self._lock is not None, "This executor has not been started yet"  # noqa: S101 - a fault of the program
        if job._scheduler is None:  # noqa: SLF001 - a store that restores jobs knows no scheduler
            job._scheduler = self._scheduler  # noqa: SLF001
        with self._lock:
            if self._instances[job.id] >= job.max_instances:
                raise MaxInstancesReachedError(job)
            # Before the submission: a call that ends at once frees its place in this thread.
            self._instances[job.id] += 1
            try:
                self._do_submit_job(job, run_times)
            except BaseException:
                self._free(job.id)
                raise

    def cancel_run(self, job_id: str, run_time: datetime) -> None:  # noqa: B027 - a thread cannot be stopped
        """Request the end of a run that timed out or is replaced. Most executors cannot end a run.

        Args:
            job_id: The ID of the job.
            run_time: The fire time of the run.
        """

    @abstractmethod
    def _do_submit_job(self, job: Job, run_times: Sequence[datetime]) -> None:
        """Have ``run_job`` called for a job, and return before it has ended."""

    def _run_job_success(self, job_id: str, events: Sequence[JobExecutionEvent]) -> None:
        """Receive the events of runs that have ended."""
        self._free(job_id)
        if self._scheduler is not None:
            for event in events:
                self._scheduler._dispatch_event(event)  # noqa: SLF001 - part of the interface of executors

    def _run_job_error(self, job_id: str, exc: BaseException, traceback: TracebackType | None = None) -> None:
        """Receive an error that is no error of the callable: the run was lost in the executor."""
        self._free(job_id)
        self._logger.error("Error running job %s", job_id, exc_info=(type(exc), exc, traceback))
        if self._scheduler is not None:
            self._scheduler._executor_failed(self, job_id, exc)  # noqa: SLF001

    def _free(self, job_id: str) -> None:
        with self._lock:
            self._instances[job_id] -= 1
            if self._instances[job_id] <= 0:
                del self._instances[job_id]


def run_job(
    job: Job,
    jobstore_alias: str | None,
    run_times: Sequence[datetime],
    logger_name: str,
    context: CallContext = nullcontext,
) -> list[JobExecutionEvent]:
    """Call a job once for each of its fire times, and return an event for each. It does not raise.

    A fire time that is later than the grace time of the job allows is missed; what counts is when the call would
    really start. If the call gives a coroutine, a new event loop runs it. Each call has a separate context, whose
    errors are errors of the call.
    """
    runs = _Runs(job, jobstore_alias, logging.getLogger(logger_name))
    for run_time in run_times:
        if runs.missed(run_time):
            continue
        with running(job, run_time):
            value: Any = None  # a context that ends with an exception may swallow it
            try:
                with context():
                    value = job.func(*job.args, **job.kwargs)
                    if inspect.iscoroutine(value):
                        value = run_to_end(value)
            except BaseException as error:  # noqa: BLE001 - whatever a job raises is its own failure
                runs.failed(run_time, error)
            else:
                runs.succeeded(run_time, value)
    return runs.events


async def run_coroutine_job(
    job: Job, jobstore_alias: str | None, run_times: Sequence[datetime], logger_name: str
) -> list[JobExecutionEvent]:
    """Call a job whose callable is a coroutine function, as ``run_job`` does. Cancelled, it calls no more."""
    runs = _Runs(job, jobstore_alias, logging.getLogger(logger_name))
    cancelled: BaseException | None = None
    for run_time in run_times:
        if cancelled is not None:
            runs.failed(run_time, cancelled)
            continue
        if runs.missed(run_time):
            continue
        with running(job, run_time):
            try:
                value = await job.func(*job.args, **job.kwargs)
            except BaseException as error:  # noqa: BLE001 - as above
                runs.failed(run_time, error)
                cancelled = error if isinstance(error, asyncio.CancelledError) else None
            else:
                runs.succeeded(run_time, value)
    return runs.events


class _Runs:
    """The events of the runs of one job, and their lines in the log."""

    def __init__(self, job: Job, jobstore_alias: str | None, logger: logging.Logger) -> None:
        self.events: list[JobExecutionEvent] = []
        self._job = job
        self._alias = jobstore_alias
        self._logger = logger

    def missed(self, run_time: datetime) -> bool:
        """Return whether a fire time is missed, or log that its run begins."""
        if is_late(self._job, run_time):
            self.events.append(JobExecutionEvent(EVENT_JOB_MISSED, self._job.id, self._alias, run_time))
            self._logger.warning("Run time of job %s was missed by %s", self._job, datetime.now(UTC) - run_time)
            return True
        self._logger.info("Running job %s (scheduled at %s)", self._job, run_time)
        return False

    def failed(self, run_time: datetime, error: BaseException) -> None:
        """Add the event of a run that raised an exception."""
        self.events.append(failed(self._job, self._alias, run_time, error))
        self._logger.error("Job %s raised an exception", self._job, exc_info=error)

    def succeeded(self, run_time: datetime, value: Any) -> None:
        """Add the event of a run that returned."""
        self.events.append(JobExecutionEvent(EVENT_JOB_EXECUTED, self._job.id, self._alias, run_time, retval=value))
        self._logger.info("Job %s executed successfully", self._job)


_this_run: ContextVar[tuple[object, str, datetime] | None] = ContextVar("kalends_run", default=None)
"""The scheduler, the ID of the job and the fire time of the run that the caller is."""


@contextmanager
def running(job: Job, run_time: datetime) -> Iterator[None]:
    """Mark what is called within it as a run of a job, as a run cannot wait for its own end."""
    token = _this_run.set((job._scheduler, job.id, run_time))  # noqa: SLF001 - part of the interface of executors
    try:
        yield
    finally:
        _this_run.reset(token)


def is_run_of(scheduler: BaseScheduler) -> bool:
    """Return whether the caller is a run of this scheduler."""
    this = _this_run.get()
    return this is not None and this[0] is scheduler


def is_this_run(job: Job, run_times: Sequence[datetime]) -> bool:
    """Return whether the caller is a run of this job for one of these fire times."""
    this = _this_run.get()
    return this is not None and this[1] == job.id and this[2] in run_times


def is_late(job: Job, run_time: datetime) -> bool:
    """Return whether the grace time of a job is over for one of its fire times."""
    if job.misfire_grace_time is None:
        return False
    return datetime.now(UTC) - run_time > timedelta(seconds=job.misfire_grace_time)


def failed(job: Job, jobstore_alias: str | None, run_time: datetime, error: BaseException) -> JobExecutionEvent:
    """Return the event of a run whose callable raised an exception."""
    text = "".join(format_exception(error))
    return JobExecutionEvent(EVENT_JOB_ERROR, job.id, jobstore_alias, run_time, exception=error, traceback=text)
