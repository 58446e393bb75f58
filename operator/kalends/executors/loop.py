"""What the executors of event loops have in common: coroutine functions run on the loop, other functions in threads."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from kalends.errors import ExecutorShutDown, Unavailable
from kalends.events import JobExecutionEvent
from kalends.executors.base import BaseExecutor, failed, is_this_run, run_coroutine_job, run_job
from kalends.executors.coroutines import is_coroutine_function

if TYPE_CHECKING:
    from kalends.job import Job
    from kalends.schedulers.base import BaseScheduler

Events = Sequence[JobExecutionEvent]


@dataclass(eq=False, slots=True)
class LoopRun:
    """A call that this executor was given and that has not ended."""

    job: Job
    alias: str | None
    run_times: Sequence[datetime]
    on_loop: bool
    """Whether it is a coroutine. Otherwise it runs in a thread."""
    begun: bool = False
    """Whether the loop has come to it."""
    cancel: Callable[[], object] = field(default=lambda: None)
    """Asks for its end, in the thread of the loop."""

    def failures(self, error: BaseException) -> list[JobExecutionEvent]:
        """Return the events of a run that did not end by itself."""
        return [failed(self.job, self.alias, at, error) for at in self.run_times]


class LoopExecutor(BaseExecutor):
    """Calls coroutine functions on the loop of its scheduler, and other functions in threads.

    The engine calls it from the engine's thread: each call is handed over by the thread-safe call of the loop.
    """

    def __init__(self) -> None:
        super().__init__()
        self._runs: set[LoopRun] = set()

    @override
    def start(self, scheduler: BaseScheduler, alias: str) -> None:
        super().start(scheduler, alias)
        self._runs = set()
        self.accepting = True

    @abstractmethod
    def _post(self, call: Callable[[], None]) -> None:
        """Have something called in the thread of the loop; return at once. Any thread may ask.

        Raises:
            Unavailable: The loop is closed.
        """

    @abstractmethod
    def _begin_coroutine(self, run: LoopRun, coroutine: Coroutine[Any, Any, list[JobExecutionEvent]]) -> None:
        """Begin a coroutine on the loop, in its thread, and set ``run.cancel``; ``_ended`` gets its result."""

    @abstractmethod
    def _begin_call(self, run: LoopRun, call: Callable[[], list[JobExecutionEvent]]) -> None:
        """Have a function called in a thread; called in the thread of the loop. ``_ended`` gets its result."""

    @override
    def _do_submit_job(self, job: Job, run_times: Sequence[datetime]) -> None:
        if not self.accepting:
            raise ExecutorShutDown("the executor is shut down")
        run = LoopRun(job, job._jobstore_alias, run_times, is_coroutine_function(job.func))  # noqa: SLF001
        self._runs.add(run)
        try:
            self._post(lambda: self._begin(run))
        except BaseException:
            self._runs.discard(run)
            raise

    def _begin(self, run: LoopRun) -> None:
        with self._lock:
            if run not in self._runs:
                return  # it was abandoned before the loop came to it
            run.begun = True
        arguments = (run.job, run.alias, run.run_times, self._logger.name)
        try:
            if run.on_loop:
                self._begin_coroutine(run, run_coroutine_job(*arguments))
            else:
                self._begin_call(run, lambda: run_job(*arguments))
        except Exception as error:  # noqa: BLE001 - of a pool that was shut down
            self._ended(run, error)

    def _ended(self, run: LoopRun, result: Events | BaseException) -> None:
        """Receive the events of a run, or the error that kept it from running. Any thread may call it."""
        with self._lock:
            if run not in self._runs:
                return
            self._runs.discard(run)
        if isinstance(result, BaseException):
            self._run_job_error(run.job.id, result, result.__traceback__)
        else:
            self._run_job_success(run.job.id, result)

    @override
    def cancel_run(self, job_id: str, run_time: datetime) -> None:
        with self._lock:
            asked = [run for run in self._runs if run.job.id == job_id and run_time in run.run_times]
        for run in asked:
            self._post(lambda run=run: run.cancel())  # type: ignore[misc]

    def abandon(self, error: BaseException) -> None:
        """Cancel the coroutines, and report their ends now: nothing will wait for them.

        It is called in the thread of the loop, or when the loop does not run. The coroutine that calls it continues.

        Args:
            error: What their events have as the exception.
        """
        self.accepting = False
        with self._lock:
            left = [run for run in self._runs if run.on_loop or not run.begun]
        for run in left:
            if is_this_run(run.job, run.run_times):
                continue
            self._ended(run, run.failures(error))
            try:
                run.cancel()
            except RuntimeError:
                self._logger.debug("the loop is closed: %s cannot be cancelled", run.job)

    @override
    def shutdown(self, wait: bool = True) -> None:
        self.accepting = False
        with self._lock:
            left = [run for run in self._runs if run.on_loop]
        for run in left:
            self._post_quietly(run.cancel)

    def _post_quietly(self, call: Callable[[], object]) -> None:
        try:
            self._post(lambda: _discard(call()))
        except Unavailable:
            self._logger.debug("the loop is closed: nothing is left to cancel")


def _discard(value: object) -> None:
    """Ignore a value."""
    del value
