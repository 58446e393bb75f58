"""The Lease object: read, written under the version that was read, watched; with no thought of who should hold it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus

from kalends.clock import Clock
from kalends.errors import ApiError
from kalends.kube.client.client import ApiClient
from kalends.kube.client.paths import LEASES
from kalends.kube.wire.transport import JSON, MERGE_PATCH, JsonObject
from kalends.model.versions import is_newer


@dataclass(frozen=True, slots=True)
class Timing:
    """How long, in seconds, a lease lasts, its holder counts on it, and is waited between two tries."""

    lease_duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0

    def __post_init__(self) -> None:
        if not self.lease_duration > self.renew_deadline > self.retry_period > 0:
            raise ValueError("must be: lease_duration > renew_deadline > retry_period > 0")

    @property
    def request_limit(self) -> float:
        """Return for how long one request may take: there is time for a second one when a connection hangs."""
        return (self.renew_deadline - self.retry_period) / 2


@dataclass(frozen=True, slots=True)
class Record:
    """What a Lease said when it was last seen to change, and when (monotonic seconds) that was."""

    version: str
    holder: str
    duration: float
    transitions: int
    changed_at: float

    def is_newer_than(self, other: Record) -> bool:
        """Return whether this was written later, by resourceVersions."""
        return is_newer(self.version, other.version)


class LeaseObject:
    """One Lease on the API server."""

    def __init__(self, client: ApiClient, namespace: str, name: str, timing: Timing, clock: Clock) -> None:
        self.path = LEASES.named(namespace, name)
        self._client = client
        self._collection = LEASES.collection(namespace)
        self._name = name
        self._timing = timing
        self._clock = clock

    async def read(self) -> Record | None:
        """Return what it says, or None if it is not there.

        Raises:
            ApiError: It cannot be read now.
        """
        try:
            return self._record_of(await self._request("GET", self.path))
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    async def write(self, known: Record | None, spec: JsonObject) -> Record | None:
        """Write it if it is still as known (None: absent); return the new record, or None if another write was first.

        Raises:
            ApiError: It cannot be written now, or has been written and the answer was lost.
        """
        try:
            if known is None:
                body = {"metadata": {"name": self._name}, "spec": spec}
                return self._record_of(await self._request("POST", self._collection, body))
            body = {"metadata": {"resourceVersion": known.version}, "spec": spec}
            return self._record_of(await self._request("PATCH", self.path, body))
        except ApiError as error:
            gone = (
                error.status == HTTPStatus.NOT_FOUND and known is not None
            )  # else it is the namespace that is missing
            if gone or error.status == HTTPStatus.CONFLICT:
                return None
            raise

    async def changes(self, version: str) -> AsyncGenerator[Record, None]:
        """Yield what it says after each change since a version, until the watch ends. Close it (``aclosing``).

        Raises:
            ApiError: It cannot be watched, or nothing was heard for two lives of a lease.
        """
        only_this = {"fieldSelector": f"metadata.name={self._name}"}
        silence = 2 * self._timing.lease_duration
        async with aclosing(self._client.watch(self._collection, version, only_this, silence=silence)) as changes:
            async for kind, lease in changes:
                if kind in {"ADDED", "MODIFIED"}:
                    yield self._record_of(lease)

    async def _request(self, method: str, path: str, body: JsonObject | None = None) -> JsonObject:
        limit = self._timing.request_limit
        content_type = MERGE_PATCH if method == "PATCH" else JSON
        return await self._client.request(
            method, path, body=body, content_type=content_type, timeout=limit, patience=limit
        )

    def _record_of(self, lease: JsonObject) -> Record:
        spec = lease.get("spec") or {}
        return Record(
            version=lease["metadata"]["resourceVersion"],
            holder=spec.get("holderIdentity") or "",
            duration=float(spec.get("leaseDurationSeconds") or self._timing.lease_duration),
            transitions=int(spec.get("leaseTransitions") or 0),
            changed_at=self._clock.monotonic(),
        )
