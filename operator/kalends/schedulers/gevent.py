"""A scheduler for programs with gevent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from typing_extensions import override

from kalends.executors.base import BaseExecutor, is_run_of
from kalends.executors.gevent import GeventExecutor
from kalends.extras import needs
from kalends.schedulers.base import BaseScheduler

with needs("GeventScheduler", "gevent"):
    import gevent
    from gevent.event import Event
    from gevent.monkey import is_module_patched


class GeventScheduler(BaseScheduler):
    """Runs jobs in greenlets of the thread that starts it. ``start`` returns a greenlet that ends at the shutdown."""

    _hub: Any = None
    _greenlet: Any = None
    _ended: Any = None

    @override
    def start(self, *args: Any, **kwargs: Any) -> Any:
        """Start, as ``BaseScheduler.start`` does, and return a greenlet that ends when the scheduler is shut down."""
        if not self.running:
            self._hub = gevent.get_hub()
        super().start(*args, **kwargs)
        self._ended = Event()
        self._greenlet = gevent.spawn(self._ended.wait)
        return self._greenlet

    @override
    def shutdown(self, wait: bool = True) -> None:
        finish = self._begin_shutdown(wait=wait)
        if is_run_of(self):
            self._finish_in_thread(finish)
        elif gevent.get_hub() is self._hub and not is_module_patched("threading"):
            # In a native thread, so that the greenlets continue that this waits for.
            self._hub.threadpool.apply(finish)
        else:
            finish()

    @override
    def _finish_shutdown(self, *, wait: bool) -> None:
        super()._finish_shutdown(wait=wait)
        self._post(self._ended.set)

    @override
    def _create_default_executor(self) -> BaseExecutor:
        return GeventExecutor()

    def _post(self, call: Callable[[], object]) -> None:
        self._hub.loop.run_callback_threadsafe(call)

    @override
    def _run_listeners_in(self, call: Callable[[], None]) -> None:
        self._post(lambda: gevent.spawn(call))
