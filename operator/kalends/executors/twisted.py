"""An executor for programs with a Twisted reactor."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from kalends.events import JobExecutionEvent
from kalends.executors.loop import LoopExecutor, LoopRun
from kalends.extras import needs

with needs("TwistedExecutor", "twisted"):
    from twisted.internet.defer import Deferred

if TYPE_CHECKING:
    from kalends.schedulers.base import BaseScheduler


class TwistedExecutor(LoopExecutor):
    """Calls coroutine functions, which wait for Deferreds, in the reactor's thread, and other functions in its pool.

    It needs a ``TwistedScheduler``.
    """

    _reactor: Any

    @override
    def start(self, scheduler: BaseScheduler, alias: str) -> None:
        self._reactor = getattr(scheduler, "_reactor", None)
        if self._reactor is None:
            raise TypeError(f"TwistedExecutor needs a TwistedScheduler, got {type(scheduler).__name__}")
        super().start(scheduler, alias)

    @override
    def _post(self, call: Callable[[], None]) -> None:
        self._reactor.callFromThread(call)

    @override
    def _begin_coroutine(self, run: LoopRun, coroutine: Coroutine[Any, Any, list[JobExecutionEvent]]) -> None:
        deferred: Deferred[list[JobExecutionEvent]] = Deferred.fromCoroutine(coroutine)
        run.cancel = deferred.cancel
        deferred.addCallbacks(
            lambda events: self._ended(run, events),
            lambda failure: self._ended(run, failure.value),
        )

    @override
    def _begin_call(self, run: LoopRun, call: Callable[[], list[JobExecutionEvent]]) -> None:
        pool = self._reactor.getThreadPool()
        if pool.joined:  # it would ignore the call
            raise RuntimeError("the thread pool of the reactor has ended")

        def ended(success: bool, result: Any) -> None:  # noqa: FBT001 - Twisted's order
            self._ended(run, result if success else result.value)

        pool.callInThreadWithCallback(ended, call)
