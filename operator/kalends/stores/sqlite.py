"""A job store in a SQLite file: what ``kalends run`` remembers between two starts.

The identity of a resource is its namespace and name. It keeps its UID, its creation and its record for as long as it is
in the file; its generation counts the changes of its definition, which is kept as a spec of ``v1alpha1``.
"""

from __future__ import annotations

import logging
import sqlite3
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any

import orjson

from kalends.clock import Clock
from kalends.conversion.v1alpha1 import from_definition, to_definition
from kalends.engine.core.definition import Change, Definition, Deleted, Problem, Stored
from kalends.engine.core.state import Ref, State
from kalends.errors import AlreadyExists, Conflict, Gone, InvalidSettings, Unavailable
from kalends.model.instants import format_instant, parse_instant
from kalends.model.resource import read_spec
from kalends.stores.changes import Watches
from kalends.stores.reading import read_definition, read_record, recorded_operator
from kalends.stores.status_record import encode

log = logging.getLogger(__name__)

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
    request TEXT NOT NULL DEFAULT '',
    restored INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (namespace, name)
) STRICT
"""
_ADDED = {"request": "TEXT NOT NULL DEFAULT ''", "restored": "INTEGER NOT NULL DEFAULT 0"}
"""Columns that files of an earlier Kalends lack. With their defaults, an earlier version can continue with the file."""
_INSERT = """
INSERT INTO scheduled_jobs
(namespace, name, uid, created, edited, generation, version, spec, status, request, restored)
VALUES (?, ?, ?, ?, ?, 1, 1, ?, x'7b7d', ?, ?)
"""
_UPDATE = """
UPDATE scheduled_jobs SET spec = ?, request = ?, restored = ?, edited = ?, generation = ?, version = version + 1
WHERE namespace = ? AND name = ?
"""
_SELECT = """
SELECT namespace, name, uid, created, edited, generation, version, spec, status, request, restored FROM scheduled_jobs
"""
_NAMED = f"{_SELECT} WHERE namespace = ? AND name = ?"
_COUNTERS = range(1 << 62)
"""Generations and versions of a sound row: far below what SQLite can store, as they grow by one."""
_ERRORS = (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeError)


class SqliteJobStore:
    """Keeps specs and records in one table. Writes are on disk when they return.

    Every error of SQLite is ``InvalidSettings`` when the file is opened, and ``Unavailable`` later on; its message has
    the file, and the row if known. A row that was damaged makes only its own resource fail.
    """

    def __init__(self, path: Path | str, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._watches = Watches()
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
                f"{self._path} must be a job store of this Kalends (version {VERSION}), but a newer Kalends made it "
                f"(version {version}); use that, or another file"
            )
        # One process owns the file: two schedulers would each run everything.
        self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute(_SCHEMA)
        there = {column for _, column, *_ in self._db.execute("PRAGMA table_info(scheduled_jobs)")}
        for column, form in _ADDED.items():
            if column not in there:
                self._db.execute(f"ALTER TABLE scheduled_jobs ADD COLUMN {column} {form}")
        self._db.execute(f"PRAGMA application_id={APPLICATION_ID}")
        self._db.execute(f"PRAGMA user_version={VERSION}")

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    async def load(self) -> Sequence[Stored]:
        """Return every resource as it now is. A damaged row is left out, with an error in the log."""
        try:
            rows = self._db.execute(_SELECT).fetchall()
        except _ERRORS as error:
            raise Unavailable(f"{self._path} cannot be read: {error}") from error
        found = []
        for row in rows:
            try:
                found.append(self._stored(self._checked(row)))
            except Unavailable as error:
                log.error("%s", error)  # noqa: TRY400 - the message says it all
        return found

    async def put(self, namespace: str, name: str, definition: Definition, *, replace: bool = True) -> Stored:
        """Add a resource, or change what is wanted of the one of this name."""
        spec = _canonical(definition)
        marks = (definition.request, int(definition.restored))
        now = format_instant(int(self._clock.now()))
        known = self._row(namespace, name)
        if known is None:
            values = (namespace, name, str(uuid.uuid4()), now, now, spec, *marks)
            self._execute("written", namespace, name, _INSERT, values)
        elif not replace:
            raise AlreadyExists(f"{namespace}/{name} is in {self._path} already")
        else:
            # What the file has may be written in other words: only another meaning is an edit.
            before, _ = _read_definition(known)
            is_edit = before is None or _canonical(before) != spec
            if not is_edit and (known.request, known.restored) == marks:
                return self._stored(known)
            edited, generation = (now, known.generation + 1) if is_edit else (known.edited, known.generation)
            kept = spec if is_edit else known.spec
            self._execute("written", namespace, name, _UPDATE, (kept, *marks, edited, generation, namespace, name))
        stored = self._stored(self._find(namespace, name))
        self._watches.tell(stored)
        return stored

    async def remove(self, ref: Ref) -> None:
        """Delete a resource, whatever its version is."""
        statement = "DELETE FROM scheduled_jobs WHERE namespace = ? AND name = ? AND uid = ?"
        values = (ref.namespace, ref.name, ref.uid)
        if self._execute("written", ref.namespace, ref.name, statement, values).rowcount != 1:
            raise Gone(f"{ref.key} is not there")
        self._watches.tell(Deleted(ref))

    def watch(self) -> AsyncIterator[Change]:
        """Return the changes from now on. No other process changes the file, as this one owns it."""
        return self._watches.new()

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

    async def read(self, ref: Ref) -> Stored:
        """Return the resource as it now is."""
        return self._stored(self._find_life(ref))

    async def delete(self, ref: Ref, version: str) -> None:
        """Delete the resource itself; the manifest creates a new resource when it is next applied."""
        statement = "DELETE FROM scheduled_jobs WHERE namespace = ? AND name = ? AND uid = ? AND version = ?"
        values = (ref.namespace, ref.name, ref.uid, int(version))
        if self._execute("written", ref.namespace, ref.name, statement, values).rowcount != 1:
            raise self._conflict(ref, version)
        self._watches.tell(Deleted(ref))

    def _execute(
        self, done: str, namespace: str, name: str, statement: str, values: tuple[object, ...]
    ) -> sqlite3.Cursor:
        try:
            return self._db.execute(statement, values)
        except _ERRORS as error:
            raise Unavailable(f"{self._path}: the row of {namespace}/{name} cannot be {done}: {error}") from error

    def _conflict(self, ref: Ref, version: str) -> Conflict:
        return Conflict(f"{ref.key} is at {self._find_life(ref).version}, not at {version}")

    def _find_life(self, ref: Ref) -> _Row:
        row = self._find(ref.namespace, ref.name)
        if row.uid != ref.uid:
            raise Gone(f"{ref.key} was replaced by another resource of that name")
        return row

    def _find(self, namespace: str, name: str) -> _Row:
        row = self._row(namespace, name)
        if row is None:
            raise Gone(f"{namespace}/{name} is not there")
        return row

    def _row(self, namespace: str, name: str) -> _Row | None:
        cursor = self._execute("read", namespace, name, _NAMED, (namespace, name))
        try:
            row: tuple[Any, ...] | None = cursor.fetchone()
        except _ERRORS as error:
            raise Unavailable(f"{self._path}: the row of {namespace}/{name} cannot be read: {error}") from error
        return None if row is None else self._checked(row)

    def _checked(self, values: tuple[Any, ...]) -> _Row:
        """Return a row whose columns can be read.

        Raises:
            Unavailable: It is damaged.
        """
        row = _Row(*values)
        for column, value in (("created", row.created), ("edited", row.edited)):
            self._check(row, column, value, _is_instant(value), "an instant by RFC 3339")
        for column, count in (("generation", row.generation), ("version", row.version)):
            self._check(row, column, count, count in _COUNTERS, "a count of changes")
        return row

    def _stored(self, row: _Row) -> Stored:
        created, status = parse_instant(row.created), _json(row.status)
        definition, problem = _read_definition(row)
        cure = f"the record in {self._path} was edited or damaged; use another file with `--store`"
        record, record_problem = read_record(status, created, cure)
        return Stored(
            ref=Ref(row.namespace, row.name, row.uid),
            version=str(row.version),
            generation=row.generation,
            created=created,
            definition=definition,
            problem=problem,
            record=record,
            record_problem=record_problem,
            operator=recorded_operator(status),
            edited=parse_instant(row.edited),
            restored=bool(row.restored),
            request=row.request,
            # A request is made by the caller of `put`, now: it comes from no backup.
            requested_later=True,
        )

    def _check(self, row: _Row, column: str, value: object, holds: bool, accepted: str) -> None:  # noqa: FBT001 - the parts of one message
        if not holds:
            raise Unavailable(
                f"{self._path}: the row of {row.namespace}/{row.name} is damaged: {column} must be {accepted}, got "
                f"{value!r}; delete the row, or use another file"
            )


@dataclass(frozen=True, slots=True)
class _Row:
    """A row, by column."""

    namespace: str
    name: str
    uid: str
    created: str
    edited: str
    generation: int
    version: int
    spec: bytes
    status: bytes
    request: str
    restored: int


def _read_definition(row: _Row) -> tuple[Definition | None, Problem | None]:
    spec = _json(row.spec)
    return read_definition(
        spec, lambda: replaced(to_definition(read_spec(spec)), request=row.request, restored=bool(row.restored))
    )


def _canonical(definition: Definition) -> bytes:
    """Return a definition as the file keeps it: equal definitions are equal texts."""
    return orjson.dumps(from_definition(definition), option=orjson.OPT_SORT_KEYS)


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
