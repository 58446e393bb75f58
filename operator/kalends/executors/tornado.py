"""An executor for programs with a Tornado loop."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor as _Threads
from typing import TYPE_CHECKING

from typing_extensions import override

from kalends.events import JobExecutionEvent
from kalends.executors.asyncio import AsyncIOExecutor
from kalends.executors.loop import LoopRun

if TYPE_CHECKING:
    from kalends.schedulers.base import BaseScheduler


class TornadoExecutor(AsyncIOExecutor):
    """Calls coroutine functions on the scheduler's loop, and other functions in a thread pool.

    Args:
        max_workers: How many threads.
    """

    def __init__(self, max_workers: int = 10) -> None:
        super().__init__()
        self._max_workers = int(max_workers)
        if self._max_workers < 1:
            raise ValueError(f"max_workers must be 1 or more, got {max_workers}")
        self._pool: _Threads | None = None

    @override
    def start(self, scheduler: BaseScheduler, alias: str) -> None:
        super().start(scheduler, alias)
        self._pool = _Threads(self._max_workers)

    @override
    def shutdown(self, wait: bool = True) -> None:
        super().shutdown(wait)
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait)

    @override
    def _begin_call(self, run: LoopRun, call: Callable[[], list[JobExecutionEvent]]) -> None:
        if self._pool is None:
            raise RuntimeError("the executor is shut down")
        self._pool.submit(lambda: self._ended(run, call()))
