"""The Lease of Kubernetes (``coordination.k8s.io/v1``) as the election's lease."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import aclosing
from http import HTTPStatus

from kalends.errors import ApiError
from kalends.kube.client.client import ApiClient
from kalends.kube.client.paths import LEASES
from kalends.kube.wire.transport import JSON, MERGE_PATCH, JsonObject
from kalends.leases.port import KeptLease, LeaseRecord, Timing


class KubernetesLease:
    """Implements ``Lease`` with one object on the API server."""

    def __init__(self, client: ApiClient, namespace: str, name: str, timing: Timing) -> None:
        self.place = LEASES.named(namespace, name)
        self._client = client
        self._collection = LEASES.collection(namespace)
        self._name = name
        self._timing = timing

    async def read(self) -> KeptLease | None:
        """Return the lease as it is now, or None if there is none.

        Raises:
            ApiError: It cannot be read now.
        """
        try:
            return self._kept(await self._request("GET", self.place))
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    async def write(self, known: KeptLease | None, record: LeaseRecord) -> KeptLease | None:
        """Replace the lease if it is still as known (None: absent); return None if another write was first.

        Raises:
            ApiError: It cannot be written now, or has been written and the answer was lost.
        """
        spec = _spec(record)
        try:
            if known is None:
                body = {"metadata": {"name": self._name}, "spec": spec}
                return self._kept(await self._request("POST", self._collection, body))
            body = {"metadata": {"resourceVersion": known.version}, "spec": spec}
            return self._kept(await self._request("PATCH", self.place, body))
        except ApiError as error:
            # 404 for a new lease: its namespace is missing.
            gone = error.status == HTTPStatus.NOT_FOUND and known is not None
            if gone or error.status == HTTPStatus.CONFLICT:
                return None
            raise

    async def changes(self, version: str) -> AsyncGenerator[KeptLease, None]:
        """Yield what it says after each change since a version, until the watch ends. Close it (``aclosing``).

        Raises:
            ApiError: It cannot be watched, or nothing was heard for two lives of a lease.
        """
        only_this = {"fieldSelector": f"metadata.name={self._name}"}
        silence = 2 * self._timing.lease_duration
        async with aclosing(self._client.watch(self._collection, version, only_this, silence=silence)) as changes:
            async for kind, lease in changes:
                if kind in {"ADDED", "MODIFIED"}:
                    yield self._kept(lease)

    async def _request(self, method: str, path: str, body: JsonObject | None = None) -> JsonObject:
        limit = self._timing.request_limit
        content_type = MERGE_PATCH if method == "PATCH" else JSON
        return await self._client.request(
            method, path, body=body, content_type=content_type, timeout=limit, patience=limit
        )

    def _kept(self, lease: JsonObject) -> KeptLease:
        spec = lease.get("spec") or {}
        record = LeaseRecord(
            holder=spec.get("holderIdentity") or "",
            duration=float(spec.get("leaseDurationSeconds") or self._timing.lease_duration),
            transitions=int(spec.get("leaseTransitions") or 0),
            acquired=spec.get("acquireTime") or "",
            renewed=spec.get("renewTime") or "",
        )
        return KeptLease(lease["metadata"]["resourceVersion"], record)


def _spec(record: LeaseRecord) -> JsonObject:
    return {
        "holderIdentity": record.holder or None,
        "leaseDurationSeconds": math.ceil(record.duration),
        "leaseTransitions": record.transitions,
        "acquireTime": record.acquired or None,
        "renewTime": record.renewed or None,
    }
