"""A job store in a SQLite file: what ``kalends run`` remembers between two starts.

A manifest's identity is its namespace and name. It keeps its UID, its creation and its record for as long as it is in
the file; its generation counts the changes of its spec, as the API server's does.
"""

from __future__ import annotations

import sqlite3
import uuid
from pathlib import Path
from typing import Any

import orjson

from kalends.clock import Clock
from kalends.engine.ports import Snapshot
from kalends.engine.schedule import REQUEST_ANNOTATION
from kalends.engine.state import Ref, State
from kalends.errors import Conflict, Gone, InvalidSettings, Unavailable
from kalends.model.instants import format_instant
from kalends.stores.record import Json, encode
from kalends.stores.snapshots import SnapshotReader

_SCHEMA = """
CREATE TABLE IF NOT EXISTS scheduled_jobs (
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    uid TEXT NOT NULL,
    created TEXT NOT NULL,
    edited TEXT NOT NULL,
    generation INTEGER NOT NULL,
    version INTEGER NOT NULL,
    spec BLOB NOT NULL,
    status BLOB NOT NULL,
    PRIMARY KEY (namespace, name)
) STRICT
"""


class SqliteJobStore:
    """Keeps specs and records in one table. Writes are on disk when they return."""

    def __init__(self, path: Path | str, reader: SnapshotReader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock
        self._annotations: dict[tuple[str, str], Json] = {}
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=1.0)
            self._db.execute("PRAGMA journal_mode=WAL")
            # One process owns the file: two schedulers would each run everything.
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute(_SCHEMA)
        except sqlite3.Error as error:
            raise InvalidSettings(
                f"{path} must be a job store that no other `kalends run` has open: {error}"
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def apply(self, manifest: Json) -> Snapshot:
        """Take in a manifest as ``kubectl apply`` would: new, changed or as it was; return the resource."""
        meta = manifest["metadata"]
        namespace, name = meta.get("namespace") or "default", meta["name"]
        # They are read from the file each time; requests that were answered are on record.
        self._annotations[namespace, name] = meta.get("annotations") or {}
        spec = orjson.dumps(manifest.get("spec"), option=orjson.OPT_SORT_KEYS)
        now = format_instant(int(self._clock.now()))
        self._db.execute(
            "INSERT INTO scheduled_jobs VALUES (?, ?, ?, ?, ?, 1, 1, ?, x'7b7d') "
            "ON CONFLICT (namespace, name) DO UPDATE SET spec = excluded.spec, edited = excluded.edited, "
            "generation = generation + 1, version = version + 1 WHERE spec != excluded.spec",
            (namespace, name, str(uuid.uuid4()), now, now, spec),
        )
        return self._reader.read(self._object(namespace, name))

    async def write(self, ref: Ref, version: str, before: State | None, after: State) -> str:
        """Record a state."""
        del before
        try:
            cursor = self._db.execute(
                "UPDATE scheduled_jobs SET status = ?, version = version + 1 "
                "WHERE namespace = ? AND name = ? AND uid = ? AND version = ?",
                (orjson.dumps(encode(after)), ref.namespace, ref.name, ref.uid, int(version)),
            )
        except sqlite3.Error as error:
            raise Unavailable(f"the job store cannot be written: {error}") from error
        if cursor.rowcount != 1:
            raise self._conflict(ref, version)
        return str(int(version) + 1)

    async def read(self, ref: Ref) -> Snapshot:
        """Return the resource as it now is."""
        return self._reader.read(self._find(ref))

    async def delete(self, ref: Ref, version: str) -> None:
        """Delete the resource itself; the manifest makes a new one when it is next applied."""
        try:
            cursor = self._db.execute(
                "DELETE FROM scheduled_jobs WHERE namespace = ? AND name = ? AND uid = ? AND version = ?",
                (ref.namespace, ref.name, ref.uid, int(version)),
            )
        except sqlite3.Error as error:
            raise Unavailable(f"the job store cannot be written: {error}") from error
        if cursor.rowcount != 1:
            raise self._conflict(ref, version)

    def _conflict(self, ref: Ref, version: str) -> Conflict:
        obj = self._find(ref)
        return Conflict(f"{ref.key} is at {obj['metadata']['resourceVersion']}, not at {version}")

    def _find(self, ref: Ref) -> Json:
        obj = self._object(ref.namespace, ref.name)
        if obj["metadata"]["uid"] != ref.uid:
            raise Gone(f"{ref.key} is another one now")
        return obj

    def _object(self, namespace: str, name: str) -> Json:
        try:
            row: tuple[Any, ...] | None = self._db.execute(
                "SELECT uid, created, edited, generation, version, spec, status FROM scheduled_jobs "
                "WHERE namespace = ? AND name = ?",
                (namespace, name),
            ).fetchone()
        except sqlite3.Error as error:
            raise Unavailable(f"the job store cannot be read: {error}") from error
        if row is None:
            raise Gone(f"{namespace}/{name} is not there")
        uid, created, edited, generation, version, spec, status = row
        return {
            "apiVersion": "kalends.dev/v1alpha1",
            "kind": "ScheduledJob",
            "metadata": {
                "namespace": namespace,
                "name": name,
                "uid": uid,
                "creationTimestamp": created,
                "generation": generation,
                "resourceVersion": str(version),
                "annotations": self._annotations.get((namespace, name), {}),
                "managedFields": [
                    {"time": edited, "fieldsV1": {"f:spec": {}}},
                    # Whoever applies a file asks for the run that it names: it is no restored backup.
                    {"time": edited, "fieldsV1": {"f:metadata": {"f:annotations": {f"f:{REQUEST_ANNOTATION}": {}}}}},
                ],
            },
            "spec": orjson.loads(spec),
            "status": orjson.loads(status),
        }
