"""A lease of a store whose calls wait, for the election on an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TypeVar

from kalends.errors import KalendsError, Unavailable
from kalends.leases.port import KeptLease, LeaseRecord, LeaseStore

MOST_THREADS = 4
"""More than one, as a call may hang."""
_T = TypeVar("_T")


class StoreLease:
    """Implements ``Lease`` with one lease of a store.

    Calls are made in threads of their own (``new_threads``): a renewal never waits for other calls of the store.
    """

    def __init__(self, store: LeaseStore, name: str, place: str, threads: Executor | None = None) -> None:
        self._store = store
        self._name = name
        self._place = place
        self._threads = threads or new_threads()

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        return self._place

    async def read(self) -> KeptLease | None:
        """Return the lease as it is now."""
        return await self._in_thread(self._store.read_lease, self._name)

    async def write(self, known: KeptLease | None, record: LeaseRecord) -> KeptLease | None:
        """Replace the lease if it is still as known."""
        return await self._in_thread(self._store.write_lease, self._name, known, record)

    async def changes(self, version: str) -> AsyncGenerator[KeptLease, None]:
        """Yield nothing: a store gives notice of changes in other ways."""
        del version
        nothing: tuple[KeptLease, ...] = ()
        for kept in nothing:
            yield kept

    async def _in_thread(self, function: Callable[..., _T], *args: object) -> _T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)
        except KalendsError:
            raise
        except Exception as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from error


def new_threads() -> Executor:
    """Return threads for the calls of leases."""
    return ThreadPoolExecutor(MOST_THREADS, "Kalends lease")
