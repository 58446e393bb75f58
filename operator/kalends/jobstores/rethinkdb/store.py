"""A job store in a table of RethinkDB."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from typing_extensions import override

from kalends.clock import Clock
from kalends.engine.core.state import Instant
from kalends.errors import Unavailable, UnknownLayout
from kalends.jobstores.base import ConflictingIdError
from kalends.jobstores.common.layouts import LAYOUT, migrate
from kalends.jobstores.common.lease_rows import LeaseRow
from kalends.jobstores.rethinkdb.limits import limit_waits
from kalends.jobstores.row_values import Row, RowChange, known_version, number, row_of, time_in
from kalends.jobstores.rows import RowJobStore
from kalends.references import object_of

try:
    from rethinkdb import RethinkDB
    from rethinkdb.errors import ReqlDriverError, ReqlError, ReqlRuntimeError
except ImportError as error:
    raise ImportError("RethinkDBJobStore needs the package rethinkdb: pip install 'kalends[rethinkdb]'") from error

if TYPE_CHECKING:
    from kalends.schedulers.base import BaseScheduler

CHANGES = "changes"
"""The document beside the leases whose version counts the changes of jobs. Leases have keys that begin with ``=``."""
LONGEST_KEY = 120
"""Bytes of a primary key, of which RethinkDB accepts 127."""
TIMEOUT = 10.0
"""Seconds to connect, and to wait for an answer, unless ``timeout`` is given: the driver waits for ever."""
_AT_ONCE = 200
"""Documents in one query."""
_EXACT = 2**53
"""Numbers of RethinkDB are floats: integers below it are exact."""


class RethinkDBJobStore(RowJobStore):
    """Keeps jobs in a table. Several processes may use it: each write names the version that it replaces.

    RethinkDB carries out writes of single documents atomically. Many jobs are therefore added one by one in a few
    queries; if one conflicts, those before it are removed again.

    Args:
        database: The database, which is created if it is missing.
        table: The table. A second table, ``<table>_layout``, has the version of the layout, a third,
            ``<table>_leases``, the leases.
        client: A connection in place of one of the store, or a reference to it. No other thread may use it.
        pickle_protocol: The protocol of pickles.
        serializer: ``"json"`` or ``"pickle"``, see ``RowJobStore``.
        clock: Says when a job was created and edited.
        connect_args: Arguments of ``RethinkDB().connect``; ``timeout`` is 10 seconds by default, and limits each wait
            for an answer, too. A connection that is given keeps its own limits.

    Raises:
        ValueError: A name is empty.
    """

    def __init__(
        self,
        database: str = "kalends",
        table: str = "jobs",
        client: Any = None,
        pickle_protocol: int = pickle.HIGHEST_PROTOCOL,
        *,
        serializer: str = "json",
        clock: Clock | None = None,
        **connect_args: Any,
    ) -> None:
        super().__init__(serializer, pickle_protocol, clock)
        if not database:
            raise ValueError('The "database" parameter must not be empty')
        if not table:
            raise ValueError('The "table" parameter must not be empty')
        self.database = database
        self.table_name = table
        self.r: Any = RethinkDB()
        self.client = client
        self.conn: Any = None
        self._connect_args = {"timeout": TIMEOUT} | connect_args
        self._turn = threading.RLock()  # a connection serves one thread at a time

    @property
    def table(self) -> Any:
        """The query of all documents."""
        return self.r.db(self.database).table(self.table_name)

    @property
    def _layout(self) -> Any:
        return self.r.db(self.database).table(f"{self.table_name}_layout")

    @property
    def _leases(self) -> Any:
        return self.r.db(self.database).table(f"{self.table_name}_leases")

    @override
    def start(self, scheduler: BaseScheduler, alias: str) -> None:
        super().start(scheduler, alias)
        r, database = self.r, self.r.db(self.database)
        self._ensure(self.database, r.db_list(), r.db_create(self.database))
        for name in (self.table_name, f"{self.table_name}_layout", f"{self.table_name}_leases"):
            self._ensure(name, database.table_list(), database.table_create(name))
        self._ensure("next_run_time", self.table.index_list(), self.table.index_create("next_run_time"))
        self._run(self.table.index_wait("next_run_time"))
        place = f"the table '{self.database}.{self.table_name}'"
        if self._list(self.table.filter(lambda row: row.has_fields("job_id").not_()).limit(1)):
            raise UnknownLayout(
                f"{place} must be empty or of Kalends, and another program has documents in it: use another table"
            )
        self._run(self._layout.insert({"id": "layout", "version": LAYOUT}, conflict="error"))
        found = int(self._run(self._layout.get("layout"))["version"])
        if migrate(found, self, place=place) != found:
            self._run(self._layout.get("layout").update({"version": LAYOUT}))

    def _ensure(self, name: str, known: Any, create: Any) -> None:
        """Create a database, a table or an index, unless it is there, or another process creates it now."""
        if name in self._run(known):
            return
        try:
            self._run(create)
        except Unavailable as error:
            if not isinstance(error.__cause__, ReqlRuntimeError) or name not in self._run(known):
                raise

    @override
    def shutdown(self) -> None:
        with self._turn:
            if self.conn is not None and self.client is None:
                self.conn.close(noreply_wait=False)
                self.conn = None

    # -- the operations on rows

    @override
    def insert_rows(self, rows: Sequence[Row]) -> None:
        self.announce()
        try:
            self._insert(rows)
        finally:
            self.announce()

    def _insert(self, rows: Sequence[Row]) -> None:
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            result = self._run(self.table.insert([self._document(row) for row in some], conflict="error"))
            if not result["errors"]:
                continue
            uids = {row.uid for row in some}
            found = self._list(self._of([row.id for row in some]).pluck("job_id", "uid"))
            taken = next((one["job_id"] for one in found if one["uid"] not in uids), None)
            for row in rows[: start + _AT_ONCE]:
                self.remove_row(row.id, row.uid)
            if taken is None and "uplicate" not in str(result.get("first_error")):
                raise Unavailable(f"RethinkDB: {result.get('first_error')}")
            raise ConflictingIdError(some[0].id if taken is None else taken)

    def _of(self, ids: Sequence[str]) -> Any:
        return self.table.get_all(*map(_key, ids))

    @override
    def fetch_row(self, job_id: str) -> Row | None:
        found = self._run(self.table.get(_key(job_id)))
        return None if found is None else _row(found)

    @override
    def fetch_rows(self) -> Sequence[Row]:
        return [_row(found) for found in self._list(self.table)]

    @override
    def fetch_due_rows(self, until: Instant) -> Sequence[Row]:
        return [row for row in self._rows_until(until) if row.next_run_time is not None and row.next_run_time <= until]

    def _rows_until(self, time: Instant, since: Instant | None = None) -> list[Row]:
        """Return the rows of an interval of times, as exact as floats are. The index leaves out paused jobs."""
        first = self.r.minval if since is None else float(since)
        found = self.table.between(first, float(time), index="next_run_time", right_bound="closed")
        return [_row(one) for one in self._list(found)]

    @override
    def earliest_run_time(self) -> Instant | None:
        first = self._list(self.table.order_by(index="next_run_time").limit(1).pluck("time", "next_run_time"))
        if not first:
            return None
        shown = first[0].get("time")
        time = time_in(number(shown) if isinstance(shown, str) else shown)
        if time < _EXACT:
            return time
        same = self._rows_until(int(first[0]["next_run_time"]), int(first[0]["next_run_time"]))
        return min((row.next_run_time for row in same if row.next_run_time is not None), default=None)

    @override
    def change_rows(self, changes: Sequence[RowChange]) -> Sequence[bool]:
        changes_job = any(change.definition is not None for change in changes)
        if changes_job:
            self.announce()
        try:
            batches = range(0, len(changes), _AT_ONCE)
            return [done for start in batches for done in self._change(changes[start : start + _AT_ONCE])]
        finally:
            if changes_job:
                self.announce()

    def _change(self, changes: Sequence[RowChange]) -> list[bool]:
        writer = uuid4().hex
        wanted = self.r.expr({_key(change.id): self._changed(change, writer) for change in changes})

        def replaced(row: Any) -> Any:
            change = wanted[row["id"]]
            # A document may be damaged: an error would keep all others from being written.
            is_same = (row["uid"].default(None) == change["uid"]) & (row["version"].default(None) == change["version"])
            return self.r.branch(is_same, change["new"], {})

        result = self._run(self._of([change.id for change in changes]).update(replaced))
        if result["errors"]:
            raise Unavailable(f"RethinkDB: {result.get('first_error')}")
        if result["replaced"] == len(changes):
            return [True] * len(changes)
        # RethinkDB counts the documents that it wrote, and does not name them: the writer's mark does. A document that
        # was written again since counts as not written, and is read again by the caller.
        found = self._list(self._of([change.id for change in changes]).pluck("job_id", "writer"))
        written = {one["job_id"] for one in found if one.get("writer") == writer}
        return [change.id in written for change in changes]

    @override
    def remove_row(self, job_id: str, uid: str | None = None, version: int | None = None) -> bool:
        def remaining(row: Any) -> Any:
            is_same: Any = self.r.expr(True)  # noqa: FBT003 - a value of the query
            if uid is not None:
                is_same = is_same & (row["uid"].default(None) == uid)
            if version is not None:
                is_same = is_same & (row["version"].default(None) == version)
            return self.r.branch(is_same, None, row)

        removed = bool(self._run(self._of([job_id]).replace(remaining))["deleted"])
        if version is None:  # what the acting scheduler removes it knows
            self.announce()
        return removed

    @override
    def clear_rows(self) -> None:
        self._run(self.table.delete())
        self.announce()

    # -- changes of others

    @override
    def kept_versions(self) -> Mapping[str, tuple[str, int]]:
        found = self._list(self.table.pluck("job_id", "uid", "version"))
        return {one["job_id"]: known_version(one.get("uid"), one.get("version"), one["job_id"]) for one in found}

    @override
    def change_number(self) -> int | None:
        found = self._run(self._leases.get(CHANGES))
        return 0 if found is None else int(found["version"])

    @override
    def announce(self) -> None:
        # Documents and this number are not written in one step: a change is counted before and after it.
        counted = self._run(self._leases.get_all(CHANGES).update(lambda row: {"version": row["version"] + 1}))
        if not counted["replaced"]:
            self._run(self._leases.insert({"id": CHANGES, "version": 1}, conflict="error"))

    # -- leases

    @override
    def fetch_lease(self, name: str) -> LeaseRow | None:
        # A primary replica that was cut off must not answer what it last knew.
        found = self._run(self._leases.get(_key(name)), read_mode="majority")
        return None if found is None else LeaseRow(int(found["version"]), bytes(found["document"]))

    @override
    def put_lease(self, name: str, version: int | None, document: bytes) -> bool:
        new = {"version": (version or 0) + 1, "document": self.r.binary(document)}
        if version is None:
            return bool(self._run(self._leases.insert({"id": _key(name), **new}, conflict="error"))["inserted"])

        def replaced(row: Any) -> Any:
            return self.r.branch(row["version"] == version, new, {})

        return bool(self._run(self._leases.get_all(_key(name)).update(replaced))["replaced"])

    @override
    def drop_lease(self, name: str, version: int) -> bool:
        def remaining(row: Any) -> Any:
            return self.r.branch(row["version"] == version, None, row)

        return bool(self._run(self._leases.get_all(_key(name)).replace(remaining))["deleted"])

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} (connection={self.conn})>"

    # -- between rows and documents

    def _run(self, query: Any, **options: Any) -> Any:
        """Run a query on the only connection, and connect again if it was lost.

        Raises:
            Unavailable: RethinkDB refused it, or did not answer.
        """
        with self._turn:
            try:
                self._connect()
                return query.run(self.conn, **options)
            except ReqlError as error:
                self._close_after(error)
                raise Unavailable(f"RethinkDB: {type(error).__name__}: {error}") from error

    def _close_after(self, error: ReqlError) -> None:
        """Close the connection after an error of the driver: a late answer must not be taken for another."""
        if isinstance(error, ReqlDriverError) and self.conn is not None:
            self.conn.close(noreply_wait=False)
            if self.client is None:  # a connection of the driver that has failed to connect again is of no use
                self.conn = None

    def _connect(self) -> None:
        """Connect, unless there is a connection."""
        if self.client is None and self.conn is None:
            self.conn = self.r.connect(**self._connect_args)
            limit_waits(self.conn, float(self._connect_args["timeout"]))
        elif self.conn is None:
            self.conn = object_of(self.client)
        elif not self.conn.is_open():
            self.conn.reconnect(noreply_wait=False)

    def _list(self, query: Any) -> list[Any]:
        """Return all documents of a query. The cursor is read before another query may use the connection."""
        with self._turn:
            try:
                return list(self._run(query))
            except ReqlError as error:
                self._close_after(error)
                raise Unavailable(f"RethinkDB: {type(error).__name__}: {error}") from error

    def _document(self, row: Row) -> dict[str, Any]:
        return {
            "id": _key(row.id),
            "job_id": row.id,
            "uid": row.uid,
            "version": row.version,
            **_times(row.next_run_time),
            "definition": self.r.binary(row.definition),
            "record": None if row.record is None else self.r.binary(row.record),
        }

    def _changed(self, change: RowChange, writer: str) -> dict[str, Any]:
        new: dict[str, Any] = {"version": change.version + 1, "writer": writer, **_times(change.next_run_time)}
        if change.definition is not None:
            new["definition"] = self.r.binary(change.definition)
        if change.record is not None:
            new["record"] = self.r.binary(change.record)
        return {"uid": change.uid, "version": change.version, "new": new}


def _times(time: Instant | None) -> dict[str, Any]:
    """Return the next run time twice: as a float for the index, and exact."""
    return {
        "next_run_time": None if time is None else float(time),
        "time": None if time is None else str(time),
    }


def _key(job_id: str) -> str:
    """Return the primary key of an ID."""
    data = job_id.encode()
    return f"={job_id}" if len(data) < LONGEST_KEY else f"#{sha256(data).hexdigest()}"


def _row(found: Mapping[str, Any]) -> Row:
    time = found.get("time")
    return row_of(
        found["job_id"],
        uid=found.get("uid"),
        version=found.get("version"),
        next_run_time=number(time) if isinstance(time, str) else time,
        definition=found.get("definition"),
        record=found.get("record"),
    )
