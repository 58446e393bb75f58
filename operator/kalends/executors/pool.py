"""What thread and process pools share: workers counted truthfully, runs reported once, a clean end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from kalends.clock import Clock
from kalends.engine.ports import Run, RunReport, StartRefused
from kalends.engine.schedule import TaskCall
from kalends.engine.state import Ref
from kalends.errors import InvalidSpec
from kalends.executors.calling import Returned
from kalends.model.reasons import Reason
from kalends.model.status import Outcome
from kalends.tasks import CurrentRun, Registry, Task

log = logging.getLogger(__name__)


class Workers(Protocol):
    """What tells one pool from another: how a call gets to a worker."""

    on_return: Callable[[], None]
    """Called when a worker has returned, also from a call that was given up."""

    def busy(self) -> int:
        """Return how many workers are at work, abandoned calls included."""
        ...

    def call(self, task: Task, call: TaskCall, run: CurrentRun) -> Awaitable[Returned]:
        """Call a task in a worker. Cancelling the wait gives the call up; a process is killed with it."""
        ...

    async def close(self) -> None:
        """Let go of the workers."""
        ...


class PoolExecutor:
    """An executor whose runs are calls of registered tasks in workers of this process."""

    outlives_us = False

    def __init__(self, size: int, workers: Workers, registry: Registry, clock: Clock) -> None:
        self._size = size
        self._workers = workers
        self._registry = registry
        self._clock = clock
        self._runs: dict[str, asyncio.Task[None]] = {}
        self._closing = False
        self._report: Callable[[RunReport], None] = _nobody_listens

    def bind(
        self, report: Callable[[RunReport], None], changed: Callable[[str], None], freed: Callable[[], None]
    ) -> None:
        """Tell it where to report."""
        del changed  # there are no Jobs here
        self._report = report
        self._workers.on_return = freed

    def free_slots(self) -> int:
        """Return how many workers are free. One that was given up but has not returned is not."""
        return self._size - max(len(self._runs), self._workers.busy())

    async def check(self, run: Run) -> None:
        """Do nothing: task and arguments are checked when the resource is read."""

    async def start(self, run: Run) -> None:
        """Give a run to a worker.

        Raises:
            StartRefused: Its task is not there, or not a task at all.
        """
        if not isinstance(run.target, TaskCall):
            raise StartRefused(Reason.INVALID_SPEC, "a pool runs tasks; a `jobTemplate` needs Kubernetes")
        try:
            task = self._registry.find(run.target.name)
        except InvalidSpec as error:
            raise StartRefused(Reason.UNKNOWN_TASK, error.message) from error
        key = f"{run.ref.uid}/{run.name}"
        self._runs[key] = asyncio.create_task(self._carry_out(key, run, run.target, task), name=f"run {run.name}")

    async def _carry_out(self, key: str, run: Run, call: TaskCall, task: Task) -> None:
        started = int(self._clock.now())
        outcome, reason, returned = Outcome.SUCCEEDED, "", Returned()
        try:
            returned = await self._workers.call(task, call, _current(run))
            if returned.error is not None:
                outcome, reason = Outcome.FAILED, Reason.EXCEPTION
        except asyncio.CancelledError:
            outcome = Outcome.CANCELLED
            reason = Reason.SHUTTING_DOWN if self._closing else Reason.OWNER_DELETED
            returned = Returned(error="stopped before it had finished")
        except Exception as error:  # noqa: BLE001 - the worker failed, not the task, and the run must be reported
            log.warning("%s: its worker failed: %r", run.name, error)
            outcome, reason = Outcome.FAILED, Reason.WORKER_DIED
            returned = Returned(error=f"its worker process ended unexpectedly: {type(error).__name__}")
        finally:
            del self._runs[key]
        ended = max(started, int(self._clock.now()))
        message = returned.message if returned.error is None else returned.error
        self._report(
            RunReport(run.ref, run.name, run.fire_time, outcome, started, ended, reason, message, returned.result)
        )

    async def cancel(self, run_name: str, ref: Ref, reason: Reason) -> None:
        """Give a run up: a process is killed, a thread goes on until it returns."""
        task = self._runs.get(f"{ref.uid}/{run_name}")
        if task is not None:
            task.cancel()

    async def close(self, grace: float) -> None:
        """Let runs end for up to ``grace`` seconds, give up what is left, and let go of the workers."""
        self._closing = True
        runs = list(self._runs.values())
        if runs:
            _, left = await asyncio.wait(runs, timeout=grace)
            for run in left:
                run.cancel()
            await asyncio.gather(*runs, return_exceptions=True)
        await self._workers.close()


def _nobody_listens(report: RunReport) -> None:
    log.error("%s ended before anybody listened", report.name)


def _current(run: Run) -> CurrentRun:
    return CurrentRun(run.name, run.ref.namespace, run.ref.name, run.fire_time, run.attempt, run.last_successful)
