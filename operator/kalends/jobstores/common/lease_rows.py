"""Leases of a job store with a server or a file: each is a document with a version."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import asdict, dataclass, fields

import orjson
from typing_extensions import override

from kalends.leases.port import KeptLease, LeaseRecord, LeaseStore

_FIELDS = frozenset(field.name for field in fields(LeaseRecord))


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """A lease as a server keeps it."""

    version: int
    """1 at first; it grows by 1 with each write."""
    document: bytes


class LeaseRows(LeaseStore):
    """Keeps leases as rows. A subclass implements the operations on rows; any thread may call them."""

    @abstractmethod
    def fetch_lease(self, name: str) -> LeaseRow | None:
        """Return the row of a lease as the newest write has left it."""

    @abstractmethod
    def put_lease(self, name: str, version: int | None, document: bytes) -> bool:
        """Write a row if it has this version, which grows by 1; None: if there is none. Return whether it was written.

        This is one atomic step, and is not answered before the write would survive what the store survives.
        """

    @abstractmethod
    def drop_lease(self, name: str, version: int) -> bool:
        """Remove a row if it has this version, in one atomic step; return whether it was removed."""

    def announce(self) -> None:
        """Notify those that ``listen``: a lease was released."""

    @override
    def read_lease(self, name: str) -> KeptLease | None:
        row = self.fetch_lease(name)
        return None if row is None else KeptLease(str(row.version), _record(row.document))

    @override
    def write_lease(self, name: str, known: KeptLease | None, record: LeaseRecord) -> KeptLease | None:
        version = None if known is None else int(known.version)
        if not self.put_lease(name, version, orjson.dumps(asdict(record))):
            return None
        if not record.holder:
            self.announce()
        return KeptLease(str((version or 0) + 1), record)

    @override
    def remove_lease(self, name: str, known: KeptLease) -> bool:
        return self.drop_lease(name, int(known.version))


def _record(document: bytes) -> LeaseRecord:
    values = orjson.loads(document)
    # A later version of Kalends may add fields.
    return LeaseRecord(**{key: value for key, value in values.items() if key in _FIELDS})
