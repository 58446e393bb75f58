"""Executors that call jobs in threads or in processes of a pool, under APScheduler's names."""

from __future__ import annotations

import multiprocessing
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from concurrent.futures import ProcessPoolExecutor as _Processes
from concurrent.futures import ThreadPoolExecutor as _Threads
from concurrent.futures.process import BrokenProcessPool
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from kalends.events import JobExecutionEvent
from kalends.executors.base import BaseExecutor, CallContext, run_job
from kalends.threads import GreenletPool, gevent_has_patched_threads

if TYPE_CHECKING:
    from kalends.job import Job
    from kalends.schedulers.base import BaseScheduler


class BasePoolExecutor(BaseExecutor):
    """Calls jobs in a pool of ``concurrent.futures``."""

    _call: Callable[..., list[JobExecutionEvent]] = staticmethod(run_job)

    def __init__(self, max_workers: int) -> None:
        super().__init__()
        max_workers = int(max_workers)  # a configuration has text
        if max_workers < 1:
            raise ValueError(f"max_workers must be 1 or more, got {max_workers}")
        self._max_workers = max_workers
        self._pool: Executor | None = None

    @property
    @override
    def slots(self) -> int | None:
        return self._max_workers

    @abstractmethod
    def _new_pool(self) -> Executor:
        """Return a pool: one for each start."""

    @override
    def start(self, scheduler: BaseScheduler, alias: str) -> None:
        super().start(scheduler, alias)
        self._pool = self._new_pool()

    @override
    def shutdown(self, wait: bool = True) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait)

    @override
    def _do_submit_job(self, job: Job, run_times: Sequence[datetime]) -> None:
        assert self._pool is not None, "This executor has not been started yet"  # noqa: S101 - a fault of the program
        call = partial(self._call, job, job._jobstore_alias, run_times, self._logger.name)  # noqa: SLF001
        try:
            future = self._pool.submit(call)
        except BrokenProcessPool:
            self._logger.warning("Process pool is broken; replacing pool with a fresh instance")
            self._pool = self._new_pool()
            future = self._pool.submit(call)
        future.add_done_callback(partial(self._done, job.id))

    def _done(self, job_id: str, future: Future[list[JobExecutionEvent]]) -> None:
        error = future.exception()
        if error is None:
            self._run_job_success(job_id, future.result())
        else:
            self._run_job_error(job_id, error, error.__traceback__)


class ThreadPoolExecutor(BasePoolExecutor):
    """Calls jobs in threads.

    Args:
        max_workers: How many threads, and so how many runs at once.
        pool_kwargs: Further arguments of ``concurrent.futures.ThreadPoolExecutor``.
        context: Returns the context manager in which a job is called, such as ``app.app_context`` of Flask.
    """

    def __init__(
        self,
        max_workers: int = 10,
        pool_kwargs: Mapping[str, Any] | None = None,
        *,
        context: CallContext | None = None,
    ) -> None:
        super().__init__(max_workers)
        self._pool_kwargs = dict(pool_kwargs or {})
        if context is not None:
            self._call = partial(run_job, context=context)

    @override
    def _new_pool(self) -> Executor:
        if gevent_has_patched_threads():
            return GreenletPool()
        return _Threads(self._max_workers, **self._pool_kwargs)


class ProcessPoolExecutor(BasePoolExecutor):
    """Calls jobs in processes, started anew (``spawn``) unless ``pool_kwargs`` has an ``mp_context``.

    A reference must lead to the callable; its arguments, its result and its exceptions are pickled.

    Args:
        max_workers: How many processes, and so how many runs at once.
        pool_kwargs: Further arguments of ``concurrent.futures.ProcessPoolExecutor``.
    """

    def __init__(self, max_workers: int = 10, pool_kwargs: Mapping[str, Any] | None = None) -> None:
        super().__init__(max_workers)
        self._pool_kwargs = {"mp_context": multiprocessing.get_context("spawn"), **(pool_kwargs or {})}

    @override
    def _new_pool(self) -> Executor:
        return _Processes(self._max_workers, **self._pool_kwargs)
