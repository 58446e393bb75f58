"""The leases of a job store in etcd, and the number of its changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import override

from kalends.jobstores.common.lease_rows import LeaseRow, LeaseRows
from kalends.jobstores.common.parts import name_of
from kalends.jobstores.etcd.requests import (
    compare_missing,
    compare_version,
    delete,
    put,
    transaction,
    versioned,
)

if TYPE_CHECKING:
    from etcd3gw.client import Etcd3Client


class EtcdLeases(LeaseRows):
    """Keeps leases in keys below a path. The version of a lease is that which etcd counts for its key."""

    client: Etcd3Client
    path: str

    @property
    def _change(self) -> dict[str, Any]:
        """The operation that counts a change of jobs: etcd counts the writes of a key."""
        return put(f"{self.path}/changes", b"")

    def change_number(self) -> int | None:
        """Return how many transactions have changed jobs."""
        found = versioned(self.client, f"{self.path}/changes")
        return 0 if found is None else found[0]

    @override
    def fetch_lease(self, name: str) -> LeaseRow | None:
        found = versioned(self.client, self._lease(name))
        return None if found is None else LeaseRow(*found)

    @override
    def put_lease(self, name: str, version: int | None, document: bytes) -> bool:
        key = self._lease(name)
        compare = compare_missing(key) if version is None else compare_version(key, version)
        return transaction(self.client, [compare], [put(key, document)])[0]

    @override
    def drop_lease(self, name: str, version: int) -> bool:
        key = self._lease(name)
        return transaction(self.client, [compare_version(key, version)], [delete(key)])[0]

    def _lease(self, name: str) -> str:
        return f"{self.path}/leases/{name_of(name)}"
