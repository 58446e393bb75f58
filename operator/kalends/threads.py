"""Threads and queues that also work in programs in which gevent has made greenlets of threads.

The engine always has a thread of the operating system: asyncio knows one running loop for each, and greenlets share a
thread. What the program gave, jobs and listeners, runs in greenlets of the thread that starts the scheduler then.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

from typing_extensions import ParamSpec, override

_T = TypeVar("_T")
_P = ParamSpec("_P")


def gevent_has_patched_threads() -> bool:
    """Return whether the program has called ``gevent.monkey.patch_all()`` or ``patch_thread()``."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


class NativeThread:
    """A thread of the operating system."""

    def __init__(self, target: Callable[[], None], name: str, *, daemon: bool) -> None:
        self._target = target
        self._name = name
        self._daemon = daemon
        self._thread: threading.Thread | None = None
        self._result: Any = None

    def start(self) -> None:
        """Start it."""
        if gevent_has_patched_threads():
            from gevent.threadpool import ThreadPool

            self._result = ThreadPool(1).spawn(self._target)
            return
        self._thread = threading.Thread(target=self._target, name=self._name, daemon=self._daemon)
        self._thread.start()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for its end, for up to ``timeout`` seconds; return whether it has ended, or is the caller itself."""
        if self._result is not None:
            self._result.wait(timeout)
            return bool(self._result.ready())
        if self._thread is None or self._thread is threading.current_thread():
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()


class DaemonThreads(Executor):
    """Makes each call in a new thread, for which no process waits at its end. Who submits calls bounds their number."""

    def __init__(self, name: str) -> None:
        self._name = name

    @override
    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        future: Future[_T] = Future()
        threading.Thread(target=lambda: _work(future, fn, *args, **kwargs), name=self._name, daemon=True).start()
        return future


class Mailbox(Protocol[_T]):
    """A queue with one reader. Any thread may put something into it."""

    def put(self, item: _T) -> None:
        """Put something at the end."""

    def get(self) -> _T:
        """Wait for something, and take it out."""
        ...


def new_mailbox() -> Mailbox[Any]:
    """Return a queue whose reader is in this thread, or in a thread that this thread starts."""
    return _GreenletMailbox() if gevent_has_patched_threads() else SimpleQueue()


class _GreenletMailbox:
    """A queue from threads of the operating system to a greenlet: gevent's queues do not wake another thread."""

    def __init__(self) -> None:
        import gevent.event

        self._items: deque[Any] = deque()
        self._loop = gevent.get_hub().loop
        self._filled = gevent.event.Event()

    def put(self, item: Any) -> None:
        self._items.append(item)
        self._loop.run_callback_threadsafe(self._filled.set)

    def get(self) -> Any:
        while not self._items:
            self._filled.wait()
            self._filled.clear()
        return self._items.popleft()


class GreenletPool(Executor):
    """Makes calls in greenlets of the thread that makes the pool. Who submits them bounds their number."""

    def __init__(self) -> None:
        import gevent

        self._loop = gevent.get_hub().loop
        self._spawn = gevent.spawn

    @override
    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        future: Future[_T] = Future()
        self._loop.run_callback_threadsafe(lambda: self._spawn(_work, future, fn, *args, **kwargs))
        return future


def _work(future: Future[_T], function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> None:
    """Make a call, and give its future the result."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        value = function(*args, **kwargs)
    except BaseException as error:  # noqa: BLE001 - the future has it
        future.set_exception(error)
    else:
        future.set_result(value)
