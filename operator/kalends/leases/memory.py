"""Leases in memory, for threads of one process and for tests."""

from __future__ import annotations

import threading

from typing_extensions import override

from kalends.leases.port import KeptLease, LeaseRecord, LeaseStore


class MemoryLeases(LeaseStore):
    """Keeps leases in a dictionary."""

    def __init__(self) -> None:
        self._leases: dict[str, KeptLease] = {}
        self._lock = threading.Lock()

    @override
    def read_lease(self, name: str) -> KeptLease | None:
        return self._leases.get(name)

    @override
    def write_lease(self, name: str, known: KeptLease | None, record: LeaseRecord) -> KeptLease | None:
        with self._lock:
            found = self._leases.get(name)
            if (found and found.version) != (known and known.version):
                return None
            written = KeptLease("1" if found is None else str(int(found.version) + 1), record)
            self._leases[name] = written
            return written

    @override
    def remove_lease(self, name: str, known: KeptLease) -> bool:
        with self._lock:
            found = self._leases.get(name)
            if found is None or found.version != known.version:
                return False
            del self._leases[name]
            return True
