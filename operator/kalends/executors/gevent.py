"""An executor for programs with gevent."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from kalends.events import JobExecutionEvent
from kalends.executors.base import run_job
from kalends.executors.loop import LoopExecutor, LoopRun
from kalends.extras import needs

with needs("GeventExecutor", "gevent"):
    import gevent

if TYPE_CHECKING:
    from kalends.schedulers.base import BaseScheduler


class GeventExecutor(LoopExecutor):
    """Calls jobs in greenlets of the thread that has started the scheduler; coroutine functions in native threads."""

    _hub: Any

    @override
    def start(self, scheduler: BaseScheduler, alias: str) -> None:
        self._hub = gevent.get_hub()
        super().start(scheduler, alias)

    @override
    def _post(self, call: Callable[[], None]) -> None:
        # In a greenlet: what the hub itself calls must not wait for a lock.
        self._hub.loop.run_callback_threadsafe(lambda: gevent.spawn(call))

    @override
    def _begin_coroutine(self, run: LoopRun, coroutine: Coroutine[Any, Any, list[JobExecutionEvent]]) -> None:
        run.on_loop = False  # a shutdown cannot cancel it
        coroutine.close()  # it has not begun; ``run_job`` gives each coroutine a new event loop
        work = partial(run_job, run.job, run.alias, run.run_times, self._logger.name)
        self._hub.threadpool.spawn(lambda: self._ended(run, work()))

    @override
    def _begin_call(self, run: LoopRun, call: Callable[[], list[JobExecutionEvent]]) -> None:
        greenlet = gevent.Greenlet(lambda: self._ended(run, call()))
        run.on_loop = False  # a shutdown lets greenlets continue
        run.cancel = partial(greenlet.kill, block=False)
        # If it was killed before it began. Not in the hub: it must not wait for a lock.
        greenlet.link(lambda _: gevent.spawn(self._ended, run, run.failures(gevent.GreenletExit())))
        greenlet.start()
