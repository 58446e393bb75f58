"""A job store in memory: objects as the API server would keep them, with versions that conflict. For tests."""

from __future__ import annotations

import asyncio
from typing import Any

from kalends.engine.core.state import Ref, State
from kalends.engine.ports import Snapshot
from kalends.errors import Conflict, Gone
from kalends.stores.snapshots import SnapshotReader
from kalends.stores.status_record import Json, encode


class MemoryJobStore:
    """Keeps whole objects by key."""

    def __init__(self, reader: SnapshotReader) -> None:
        self._reader = reader
        self._objects: dict[str, Json] = {}
        self._version = 0
        self.latency = 0.0
        """Seconds that a write takes: others decide meanwhile."""

    def put(self, obj: Json) -> Json:
        """Create or replace an object's metadata and spec, as ``kubectl apply`` does; its status stays."""
        meta = obj["metadata"]
        key = f"{meta.get('namespace') or 'default'}/{meta['name']}"
        known = self._objects.get(key)
        status = known.get("status", {}) if known and known["metadata"]["uid"] == meta["uid"] else {}
        self._objects[key] = self._stamped({"status": status, **obj})
        return self._objects[key]

    def remove(self, key: str) -> None:
        """Delete an object."""
        del self._objects[key]

    def snapshot(self, key: str) -> Snapshot:
        """Return an object as it now is."""
        return self._reader.read(self._objects[key])

    def status(self, key: str) -> Json:
        """Return what is on record."""
        status: Json = self._objects[key]["status"]
        return status

    async def write(
        self, ref: Ref, version: str, before: State | None, after: State, *, keeps_unread: bool = False
    ) -> str:
        """Record a state."""
        del before, keeps_unread
        await asyncio.sleep(self.latency)
        known = self._find(ref)
        if known["metadata"]["resourceVersion"] != version:
            raise Conflict(f"{ref.key} is at {known['metadata']['resourceVersion']}, not at {version}")
        self._objects[ref.key] = self._stamped({**known, "status": encode(after)})
        return str(self._version)

    async def read(self, ref: Ref) -> Snapshot:
        """Return the resource as it now is."""
        return self._reader.read(self._find(ref))

    async def delete(self, ref: Ref, version: str) -> None:
        """Delete the resource itself."""
        known = self._find(ref)
        if known["metadata"]["resourceVersion"] != version:
            raise Conflict(f"{ref.key} is at {known['metadata']['resourceVersion']}, not at {version}")
        self.remove(ref.key)

    def _find(self, ref: Ref) -> Json:
        known = self._objects.get(ref.key)
        if known is None or known["metadata"]["uid"] != ref.uid:
            raise Gone(f"{ref.key} is not there")
        return known

    def _stamped(self, obj: dict[str, Any]) -> Json:
        self._version += 1
        return {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self._version)}}
