"""A scheduler for programs with a Twisted reactor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from typing_extensions import override

from kalends.executors.base import BaseExecutor
from kalends.executors.twisted import TwistedExecutor
from kalends.extras import needs
from kalends.references import object_of
from kalends.schedulers.loop import LoopScheduler

with needs("TwistedScheduler", "twisted"):
    from twisted.python import threadable


class TwistedScheduler(LoopScheduler):
    """Runs coroutine functions in the thread of a reactor, and other functions in the thread pool of that reactor.

    Args:
        reactor: The reactor, or a reference to it. None: the global one.
    """

    _reactor: Any = None

    @override
    def _configure(self, config: Mapping[str, Any]) -> None:
        self._reactor = object_of(config.get("reactor")) or _global_reactor()
        super()._configure(config)

    @override
    def _create_default_executor(self) -> BaseExecutor:
        return TwistedExecutor()

    @override
    def _in_loop(self) -> bool:
        return self._turns() and threadable.isInIOThread() is True  # type: ignore[no-untyped-call]

    @override
    def _turns(self) -> bool:
        return bool(self._reactor.running)

    @override
    def _post(self, call: Callable[[], None]) -> None:
        self._reactor.callFromThread(call)


def _global_reactor() -> Any:
    from twisted.internet import reactor  # to import it installs it

    return reactor
