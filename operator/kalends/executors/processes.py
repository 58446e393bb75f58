"""A pool of processes: isolated, really parallel, and killed when a run is given up. Arguments and results are JSON.

Workers are fresh interpreters (anyio's worker processes), never forks: a fork would copy the operator's threads' locks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import anyio
import anyio.to_process

from kalends.engine.schedule import TaskCall
from kalends.executors.calling import Returned, call_by_reference
from kalends.tasks import CurrentRun, Task


class ProcessWorkers:
    """Up to ``size`` worker processes, started when they are first needed."""

    def __init__(self, size: int) -> None:
        self._limiter = anyio.CapacityLimiter(size)
        self.on_return: Callable[[], None] = lambda: None

    def busy(self) -> int:
        """Return how many processes are at work."""
        return self._limiter.borrowed_tokens

    async def call(self, task: Task, call_: TaskCall, run: CurrentRun) -> Returned:
        """Call a task in a process. If the wait is cancelled the process is killed."""
        args: Sequence[Any] = call_.args
        kwargs: Mapping[str, Any] = call_.kwargs or {}
        return await anyio.to_process.run_sync(
            call_by_reference, task.reference, args, kwargs, run, cancellable=True, limiter=self._limiter
        )

    async def close(self) -> None:
        """Do nothing: idle workers end with the event loop."""
