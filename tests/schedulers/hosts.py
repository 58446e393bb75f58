"""Programs of every kind that have a scheduler: each runs its event loop in the main thread, and tests in another."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from importlib import import_module
from typing import Any, TypeVar

from kalends.schedulers.base import BaseScheduler
from schedulers.recorder import PATIENCE

_T = TypeVar("_T")


class Host(ABC):
    """A program of a kind."""

    def __init__(self) -> None:
        self.loop_thread = threading.get_native_id()

    @abstractmethod
    def new(self, **options: Any) -> BaseScheduler:
        """Return a scheduler for this kind of program."""

    @abstractmethod
    def run(self, tests: Callable[[], None]) -> None:
        """Run the loop in this thread until the tests, in another thread, have ended."""

    @abstractmethod
    def post(self, call: Callable[[], None]) -> None:
        """Have something called in the thread of the loop."""

    def call(self, function: Callable[[], _T]) -> _T:
        """Call a function in the thread of the loop, and return its result."""
        answer: Future[_T] = Future()

        def work() -> None:
            try:
                answer.set_result(function())
            except BaseException as error:  # noqa: BLE001 - raised by ``result``
                answer.set_exception(error)

        self.post(work)
        return answer.result(PATIENCE)

    def start(self, scheduler: BaseScheduler, *, paused: bool = False) -> None:
        """Start a scheduler as a program of this kind does."""
        self.call(lambda: scheduler.start(paused=paused))

    def wait_in_job(self, event: threading.Event) -> None:
        """Wait in a job as jobs of such programs do."""
        assert event.wait(PATIENCE)

    calls_listeners_in_loop = True
    runs_coroutines_in_loop = False

    def coroutine_function(self, finish: Callable[[], None]) -> Callable[[], Any]:
        """Return a coroutine function that waits for something of the loop, and then calls ``finish``."""

        async def job() -> str:
            await asyncio.sleep(0.001)
            finish()
            return "awaited"

        return job


class BackgroundHost(Host):
    """A program whose main thread does something else."""

    calls_listeners_in_loop = False

    def new(self, **options: Any) -> BaseScheduler:
        from kalends.schedulers.background import BackgroundScheduler

        return BackgroundScheduler(**options)

    def run(self, tests: Callable[[], None]) -> None:
        tests()

    def post(self, call: Callable[[], None]) -> None:
        call()


class BlockingHost(BackgroundHost):
    """A program whose scheduler waits in ``start``, in a thread here."""

    def new(self, **options: Any) -> BaseScheduler:
        from kalends.schedulers.blocking import BlockingScheduler

        return BlockingScheduler(**options)

    def start(self, scheduler: BaseScheduler, *, paused: bool = False) -> None:
        started = threading.Event()
        failed: list[BaseException] = []

        def work() -> None:
            try:
                scheduler.start(paused=paused)
            except BaseException as error:  # noqa: BLE001 - raised in the test
                failed.append(error)
                started.set()

        def hear(_: object) -> None:
            started.set()

        scheduler.add_listener(hear, 1)
        threading.Thread(target=work, daemon=True).start()
        assert started.wait(PATIENCE)
        scheduler.remove_listener(hear)
        if failed:
            raise failed[0]


class AsyncIOHost(Host):
    """A program of asyncio."""

    runs_coroutines_in_loop = True
    loop: asyncio.AbstractEventLoop

    def new(self, **options: Any) -> BaseScheduler:
        from kalends.schedulers.asyncio import AsyncIOScheduler

        return AsyncIOScheduler(**options)

    def run(self, tests: Callable[[], None]) -> None:
        async def main() -> None:
            self.loop = asyncio.get_running_loop()
            ended = asyncio.Event()

            def work() -> None:
                tests()
                self.loop.call_soon_threadsafe(ended.set)

            threading.Thread(target=work).start()
            await ended.wait()

        asyncio.run(main())

    def post(self, call: Callable[[], None]) -> None:
        self.loop.call_soon_threadsafe(call)


class TornadoHost(AsyncIOHost):
    """A program of Tornado."""

    def new(self, **options: Any) -> BaseScheduler:
        from kalends.schedulers.tornado import TornadoScheduler

        return TornadoScheduler(**options)

    def post(self, call: Callable[[], None]) -> None:
        self.io_loop.add_callback(call)

    def run(self, tests: Callable[[], None]) -> None:
        from tornado.ioloop import IOLoop

        async def main() -> None:
            self.io_loop = IOLoop.current()
            ended = asyncio.Event()

            def work() -> None:
                tests()
                self.io_loop.add_callback(ended.set)

            threading.Thread(target=work).start()
            await ended.wait()

        asyncio.run(main())


class TwistedHost(Host):
    """A program of Twisted."""

    runs_coroutines_in_loop = True

    def new(self, **options: Any) -> BaseScheduler:
        from kalends.schedulers.twisted import TwistedScheduler

        return TwistedScheduler(**options)

    def run(self, tests: Callable[[], None]) -> None:
        self.reactor: Any = import_module("twisted.internet.reactor")

        def work() -> None:
            tests()
            self.reactor.callFromThread(self.reactor.stop)

        self.reactor.callWhenRunning(threading.Thread(target=work).start)
        self.reactor.run()

    def post(self, call: Callable[[], None]) -> None:
        self.reactor.callFromThread(call)

    def coroutine_function(self, finish: Callable[[], None]) -> Callable[[], Any]:
        from twisted.internet.task import deferLater

        async def job() -> str:
            await deferLater(self.reactor, 0.001, lambda: None)
            finish()
            return "awaited"

        return job


class GeventHost(Host):
    """A program of gevent that patches nothing. Its tests run in a native thread."""

    def new(self, **options: Any) -> BaseScheduler:
        from kalends.schedulers.gevent import GeventScheduler

        return GeventScheduler(**options)

    def run(self, tests: Callable[[], None]) -> None:
        import gevent

        self.hub: Any = gevent.get_hub()
        thread = threading.Thread(target=tests)
        thread.start()
        while thread.is_alive():
            gevent.sleep(0.005)

    def post(self, call: Callable[[], None]) -> None:
        import gevent

        self.hub.loop.run_callback_threadsafe(lambda: gevent.spawn(call))

    def wait_in_job(self, event: threading.Event) -> None:
        import gevent

        while not event.is_set():
            gevent.sleep(0.005)


class PatchedGeventHost(GeventHost):
    """A program of gevent that has called ``monkey.patch_all()``: its threads are greenlets."""

    def wait_in_job(self, event: threading.Event) -> None:
        assert event.wait(PATIENCE)


class QtHost(Host):
    """A program of Qt without a window."""

    def new(self, **options: Any) -> BaseScheduler:
        from kalends.schedulers.qt import QtScheduler

        return QtScheduler(**options)

    def run(self, tests: Callable[[], None]) -> None:
        from PySide6.QtCore import QCoreApplication, QObject, Signal

        class Relay(QObject):
            asked = Signal(object)

            def make(self, call: Callable[[], None]) -> None:
                call()

        application = QCoreApplication([])
        self.relay: Any = Relay()
        self.relay.asked.connect(self.relay.make)

        def work() -> None:
            tests()
            self.relay.asked.emit(application.quit)

        threading.Thread(target=work).start()
        application.exec()

    def post(self, call: Callable[[], None]) -> None:
        self.relay.asked.emit(call)


HOSTS: dict[str, type[Host]] = {
    "background": BackgroundHost,
    "blocking": BlockingHost,
    "asyncio": AsyncIOHost,
    "tornado": TornadoHost,
    "twisted": TwistedHost,
    "gevent": GeventHost,
    "patched-gevent": PatchedGeventHost,
    "qt": QtHost,
}
