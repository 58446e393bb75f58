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
from kalends.engine.core.schedule import REQUEST_ANNOTATION
from kalends.engine.core.state import Ref, State
from kalends.engine.ports import Snapshot
from kalends.errors import Conflict, Gone, InvalidSettings, Unavailable
from kalends.model.instants import format_instant, parse_instant
from kalends.stores.snapshots import SnapshotReader
from kalends.stores.status_record import Json, encode

APPLICATION_ID = int.from_bytes(b"KALD")
"""By this a file is known as a job store of Kalends (``PRAGMA application_id``)."""
VERSION = 1
"""Of the table (``PRAGMA user_version``)."""

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
_INSERT = """
INSERT INTO scheduled_jobs (namespace, name, uid, created, edited, generation, version, spec, status)
VALUES (?, ?, ?, ?, ?, 1, 1, ?, x'7b7d')
ON CONFLICT (namespace, name) DO UPDATE SET spec = excluded.spec, edited = excluded.edited,
    generation = generation + 1, version = version + 1 WHERE spec != excluded.spec
"""
_SELECT = """
SELECT uid, created, edited, generation, version, spec, status FROM scheduled_jobs WHERE namespace = ? AND name = ?
"""
_COUNTERS = range(1 << 62)
"""Generations and versions of a sound row: far below what SQLite can store, as they grow by one."""
_ERRORS = (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeError)


class SqliteJobStore:
    """Keeps specs and records in one table. Writes are on disk when they return.

    Every error of SQLite is ``InvalidSettings`` when the file is opened, and ``Unavailable`` later on; its message has
    the file, and the row where there is one. A row that was damaged makes only its own resource fail.
    """

    def __init__(self, path: Path | str, reader: SnapshotReader, clock: Clock) -> None:
        self._path = path
        self._reader = reader
        self._clock = clock
        self._annotations: dict[tuple[str, str], Json] = {}
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=1.0)
        except _ERRORS as error:
            raise InvalidSettings(f"{path} cannot be opened as a job store: {error}") from error
        try:
            self._prepare()
        except _ERRORS as error:
            self._db.close()
            raise InvalidSettings(
                f"{path} must be a job store that no other `kalends run` has open: {error}"
            ) from error
        except InvalidSettings:
            self._db.close()
            raise

    def _prepare(self) -> None:
        """Check whose file it is before anything in it is changed; then take it for this process alone.

        Raises:
            InvalidSettings: It belongs to another program, or to a newer Kalends.
        """
        application, version = self._pragma("application_id"), self._pragma("user_version")
        tables = {name for (name,) in self._db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        # The first version of Kalends did not mark its files.
        is_own = application == APPLICATION_ID or (application == 0 and tables <= {"scheduled_jobs"})
        if not is_own:
            raise InvalidSettings(
                f"{self._path} must be a job store of Kalends, but another program made this database"
            )
        if version > VERSION:
            raise InvalidSettings(
                f"{self._path} must be a job store of this Kalends (version {VERSION}), but a newer one made it "
                f"(version {version}); use that, or another file"
            )
        # One process owns the file: two schedulers would each run everything.
        self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute(_SCHEMA)
        self._db.execute(f"PRAGMA application_id={APPLICATION_ID}")
        self._db.execute(f"PRAGMA user_version={VERSION}")

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def apply(self, manifest: Json) -> Snapshot:
        """Take in a manifest as ``kubectl apply`` would: new, changed or as it was; return the resource.

        Raises:
            Unavailable: Its row cannot be written or read.
        """
        meta = manifest["metadata"]
        namespace, name = meta.get("namespace") or "default", meta["name"]
        # They are read from the file each time; requests that were answered are on record.
        self._annotations[namespace, name] = meta.get("annotations") or {}
        spec = orjson.dumps(manifest.get("spec"), option=orjson.OPT_SORT_KEYS)
        now = format_instant(int(self._clock.now()))
        self._execute("written", namespace, name, _INSERT, (namespace, name, str(uuid.uuid4()), now, now, spec))
        return self._reader.read(self._object(namespace, name))

    async def write(
        self, ref: Ref, version: str, before: State | None, after: State, *, keeps_unread: bool = False
    ) -> str:
        """Record a state."""
        del before, keeps_unread
        statement = (
            "UPDATE scheduled_jobs SET status = ?, version = version + 1 "
            "WHERE namespace = ? AND name = ? AND uid = ? AND version = ?"
        )
        values = (orjson.dumps(encode(after)), ref.namespace, ref.name, ref.uid, int(version))
        if self._execute("written", ref.namespace, ref.name, statement, values).rowcount != 1:
            raise self._conflict(ref, version)
        return str(int(version) + 1)

    async def read(self, ref: Ref) -> Snapshot:
        """Return the resource as it now is."""
        return self._reader.read(self._find(ref))

    async def delete(self, ref: Ref, version: str) -> None:
        """Delete the resource itself; the manifest makes a new one when it is next applied."""
        statement = "DELETE FROM scheduled_jobs WHERE namespace = ? AND name = ? AND uid = ? AND version = ?"
        values = (ref.namespace, ref.name, ref.uid, int(version))
        if self._execute("written", ref.namespace, ref.name, statement, values).rowcount != 1:
            raise self._conflict(ref, version)

    def _execute(
        self, done: str, namespace: str, name: str, statement: str, values: tuple[object, ...]
    ) -> sqlite3.Cursor:
        try:
            return self._db.execute(statement, values)
        except _ERRORS as error:
            raise Unavailable(f"{self._path}: the row of {namespace}/{name} cannot be {done}: {error}") from error

    def _conflict(self, ref: Ref, version: str) -> Conflict:
        obj = self._find(ref)
        return Conflict(f"{ref.key} is at {obj['metadata']['resourceVersion']}, not at {version}")

    def _find(self, ref: Ref) -> Json:
        obj = self._object(ref.namespace, ref.name)
        if obj["metadata"]["uid"] != ref.uid:
            raise Gone(f"{ref.key} is another one now")
        return obj

    def _object(self, namespace: str, name: str) -> Json:
        cursor = self._execute("read", namespace, name, _SELECT, (namespace, name))
        try:
            row: tuple[Any, ...] | None = cursor.fetchone()
        except _ERRORS as error:
            raise Unavailable(f"{self._path}: the row of {namespace}/{name} cannot be read: {error}") from error
        if row is None:
            raise Gone(f"{namespace}/{name} is not there")
        uid, created, edited, generation, version, spec, status = row
        for column, value in (("created", created), ("edited", edited)):
            self._check(namespace, name, column, value, _is_instant(value), "an instant by RFC 3339")
        for column, value in (("generation", generation), ("version", version)):
            self._check(namespace, name, column, value, value in _COUNTERS, "a count of changes")
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
            "spec": _json(spec),
            "status": _json(status),
        }

    def _check(self, namespace: str, name: str, column: str, value: object, holds: bool, accepted: str) -> None:  # noqa: FBT001 - the parts of one message
        if not holds:
            raise Unavailable(
                f"{self._path}: the row of {namespace}/{name} is damaged: {column} must be {accepted}, got {value!r}; "
                "delete the row, or use another file"
            )


def _is_instant(text: str) -> bool:
    try:
        parse_instant(text)
    except ValueError:
        return False
    return True


def _json(text: Any) -> Any:
    """Return the value; of text that is none, the text itself, which is then refused as no object."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text.decode(errors="replace")[:100] if isinstance(text, bytes) else str(text)[:100]
