"""The leases of a job store in ZooKeeper, and notices of its changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from typing_extensions import override

from kalends.jobstores.common.lease_rows import LeaseRow, LeaseRows
from kalends.jobstores.common.notices import Wait, listen
from kalends.jobstores.common.parts import name_of
from kalends.jobstores.zookeeper.requests import Create, Delete, Set, ZooKeeper


class ZooKeeperLeases(LeaseRows):
    """Keeps leases in nodes below a path. The version of a lease is that of its node, plus 1."""

    _server: ZooKeeper
    path: str

    @property
    def _changes(self) -> str:
        """The node whose version counts the changes of jobs."""
        return f"{self.path.rstrip('/')}/changes"

    @property
    def _change(self) -> Set:
        """The operation that counts a change of jobs."""
        return Set(self._changes, b"", -1)

    def change_number(self) -> int | None:
        """Return how many transactions have changed jobs."""
        (found,) = self._server.versions([self._changes])
        return found or 0

    def listen(self, changed: Callable[[], None]) -> Callable[[], None] | None:
        """Call a function soon after another process has changed jobs or released a lease."""
        return listen(self._listening, changed)

    @contextmanager
    def _listening(self) -> Iterator[Wait]:
        noticed = threading.Event()

        def wait(seconds: float) -> bool:
            if not noticed.wait(seconds):
                return False
            noticed.clear()
            self._server.watch(self._changes, noticed.set)  # a watch ends with its notice
            return True

        self._server.watch(self._changes, noticed.set)
        yield wait

    @override
    def announce(self) -> None:
        self._server.transaction([self._change])

    @override
    def fetch_lease(self, name: str) -> LeaseRow | None:
        path = self._lease(name)
        self._server.catch_up(path)
        found = self._server.get(path)
        return None if found is None else LeaseRow(found.version + 1, found.data)

    @override
    def put_lease(self, name: str, version: int | None, document: bytes) -> bool:
        path = self._lease(name)
        write = Create(path, document) if version is None else Set(path, document, version - 1)
        return self._server.transaction([write]) is None

    @override
    def drop_lease(self, name: str, version: int) -> bool:
        return self._server.transaction([Delete(self._lease(name), version - 1)]) is None

    def _lease(self, name: str) -> str:
        return f"{self.path.rstrip('/')}/leases/{name_of(name)}"
