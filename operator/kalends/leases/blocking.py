"""A lease of a store whose calls wait, for the election on an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Executor
from typing import Any, TypeVar

from kalends.errors import KalendsError, Unavailable
from kalends.leases.port import KeptLease, LeaseRecord, LeaseStore
from kalends.threads import DaemonThreads

TIME_LIMIT = 4.0
"""Seconds for a call: the request limit of the default ``Timing``."""
PATIENCE = 60.0
"""Seconds for which a call that hangs is waited for by the next calls. Doubled after each such call."""
_T = TypeVar("_T")


class StoreCalls:
    """Makes calls of a store, one at a time, each in a daemon thread: none of them can block the end of the process.

    A call that hangs is abandoned after its time limit, and keeps its thread. The next calls wait for it, each for up
    to its own limit, so that a server that is cut off holds up one thread. A connection that was cut off can hang for
    ever although the server is back. After ``PATIENCE`` seconds a call is therefore made beside the call that hangs; if
    that hangs too, after twice as long, and so on: in a day there are about ten.

    Without a time limit, a call may work for these times itself: a call that reads many jobs ends in one of the
    attempts, and a call that hangs is abandoned nevertheless.
    """

    def __init__(self, limit: float | None = TIME_LIMIT, threads: Executor | None = None) -> None:
        self._limit = limit
        self._threads = threads or DaemonThreads("Kalends store")
        self._turn = asyncio.Lock()
        self._active: asyncio.Future[Any] | None = None
        self._since = 0.0
        self._patience = PATIENCE

    async def call(self, function: Callable[..., _T], *args: object) -> _T:
        """Return the result of a call.

        Raises:
            Unavailable: It failed, or has not returned within the time limit.
            KalendsError: As the call has raised it.
        """
        loop = asyncio.get_running_loop()
        seconds = self._limit
        limit = asyncio.timeout(seconds)
        try:
            async with limit, self._turn:
                await self._end_of_last_call()
                active = loop.run_in_executor(self._threads, function, *args)
                active.add_done_callback(_retrieve)
                self._active, self._since = active, loop.time()
                if seconds is None:
                    seconds = self._patience
                    limit.reschedule(self._since + seconds)
                # Only waited for: a cancellation must not hide that the thread is still busy.
                await asyncio.wait([active])
                self._patience = PATIENCE
                return active.result()
        except KalendsError:
            raise
        except Exception as error:
            problem = str(error)
            if limit.expired():
                problem = f"no answer within {seconds:g} seconds"
            raise Unavailable(f"{type(error).__name__}: {problem}") from error

    async def _end_of_last_call(self) -> None:
        if self._active is None or self._active.done():
            return
        left = self._since + self._patience - asyncio.get_running_loop().time()
        if left > 0:
            await asyncio.wait([self._active], timeout=left)
        if not self._active.done():
            self._active.cancel()
            self._patience *= 2

    async def end(self, seconds: float) -> None:
        """Wait for the active call for up to so many seconds, and abandon it."""
        if self._active is not None and not self._active.done():
            await asyncio.wait([self._active], timeout=seconds)
            # Its result would be handed to a loop that may be closed by then.
            self._active.cancel()


def _retrieve(ended: asyncio.Future[Any]) -> None:
    """Take note of an exception that nothing may ask for, as the call was abandoned."""
    if not ended.cancelled():
        ended.exception()


class StoreLease:
    """Implements ``Lease`` with one lease of a store.

    With separate ``calls``, a renewal never waits for other calls of the store.
    """

    def __init__(self, store: LeaseStore, name: str, place: str, calls: StoreCalls | None = None) -> None:
        self._store = store
        self._name = name
        self._place = place
        self._calls = calls or StoreCalls()

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        return self._place

    async def read(self) -> KeptLease | None:
        """Return the lease as it is now."""
        return await self._calls.call(self._store.read_lease, self._name)

    async def write(self, known: KeptLease | None, record: LeaseRecord) -> KeptLease | None:
        """Replace the lease if it is still as known."""
        return await self._calls.call(self._store.write_lease, self._name, known, record)

    async def changes(self, version: str) -> AsyncGenerator[KeptLease, None]:
        """Yield nothing: a store gives notice of changes in other ways."""
        del version
        nothing: tuple[KeptLease, ...] = ()
        for kept in nothing:
            yield kept
