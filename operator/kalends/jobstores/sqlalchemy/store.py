"""A job store in a table of SQLite, PostgreSQL, MariaDB or MySQL."""

from __future__ import annotations

import logging
import pickle
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from kalends.clock import Clock
from kalends.engine.core.state import Instant
from kalends.errors import UnknownLayout
from kalends.jobstores.base import ConflictingIdError
from kalends.jobstores.common.layouts import LAYOUT, migrate
from kalends.jobstores.common.lease_rows import LeaseRow
from kalends.jobstores.common.notices import listen
from kalends.jobstores.row_values import Row, RowChange, known_version, row_of, time_in
from kalends.jobstores.rows import RowJobStore
from kalends.references import object_of

try:
    from sqlalchemy import (
        Column,
        Connection,
        Engine,
        Integer,
        MetaData,
        Select,
        Table,
        bindparam,
        func,
        inspect,
        select,
    )
    from sqlalchemy.exc import DBAPIError, IntegrityError
    from sqlalchemy.pool import StaticPool

    from kalends.jobstores.sqlalchemy.leases import CHANGES, LeasesTable, can_listen, listening
    from kalends.jobstores.sqlalchemy.tables import jobs_table, new_engine
except ImportError as error:
    raise ImportError("SQLAlchemyJobStore needs SQLAlchemy: pip install 'kalends[sqlalchemy]'") from error

if TYPE_CHECKING:
    from kalends.schedulers.base import BaseScheduler

log = logging.getLogger(__name__)

_CREATE_TRIES = 5
_IDS_AT_ONCE = 500


class SQLAlchemyJobStore(RowJobStore):
    """Keeps jobs in a table, which is created at the start if it is missing.

    Several processes may use the table: each write names the version that it replaces. Many jobs and records are
    written in one transaction.

    Args:
        url: The URL of the database, as SQLAlchemy reads it.
        engine: An SQLAlchemy engine in place of ``url``, or a reference to one. The store does not dispose of it.
        tablename: The table. A second table, ``<tablename>_layout``, has the version of the layout, a
            third, ``<tablename>_leases``, the leases.
        metadata: SQLAlchemy metadata to which the tables are added, or a reference to it.
        pickle_protocol: The protocol of pickles.
        tableschema: The schema of the tables.
        engine_options: Arguments of ``create_engine``, with ``url``.
        serializer: ``"json"`` or ``"pickle"``, see ``RowJobStore``.
        clock: Says when a job was created and edited.

    Raises:
        ValueError: Neither ``url`` nor ``engine`` is given.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - APScheduler's signature
        self,
        url: str | None = None,
        engine: Engine | str | None = None,
        tablename: str = "kalends_jobs",
        metadata: MetaData | str | None = None,
        pickle_protocol: int = pickle.HIGHEST_PROTOCOL,
        tableschema: str | None = None,
        engine_options: Mapping[str, Any] | None = None,
        *,
        serializer: str = "json",
        clock: Clock | None = None,
    ) -> None:
        super().__init__(serializer, pickle_protocol, clock)
        self._owns_engine = engine is None
        if engine is not None:
            given: Engine = object_of(engine)
        elif url:
            given = new_engine(url, dict(engine_options or {}))
        else:
            raise ValueError('Need either "engine" or "url" defined')
        self.engine = given
        # A lost compare-and-set is an answer here, never an error of the database.
        levels = {} if given.dialect.name == "sqlite" else {"isolation_level": "READ COMMITTED"}
        self._engine = given.execution_options(**levels)
        # A process that is paused, or cut off, must not keep a lock on a lease: no other could take the lease then.
        self._lease_engine = given.execution_options(isolation_level="AUTOCOMMIT")
        # Threads share the only connection of a database in memory.
        self._turn = threading.RLock() if isinstance(given.pool, StaticPool) else None
        known_metadata: MetaData = object_of(metadata) if metadata is not None else MetaData()
        self.jobs_t = jobs_table(tablename, known_metadata, tableschema)
        self._layout_t = Table(
            f"{tablename}_layout",
            known_metadata,
            Column("id", Integer, primary_key=True, autoincrement=False),
            Column("version", Integer, nullable=False),
            schema=tableschema,
        )
        self._leases = LeasesTable(f"{tablename}_leases", known_metadata, tableschema)

    @override
    def start(self, scheduler: BaseScheduler, alias: str) -> None:
        super().start(scheduler, alias)
        for tries_left in reversed(range(_CREATE_TRIES)):
            try:
                self._create()
            except DBAPIError:
                # Another process creates the same tables now; then they are there.
                if not tries_left:
                    raise
            else:
                return

    def _create(self) -> None:
        with self._transaction() as connection:
            columns = self._columns(connection)
            wanted = set(self.jobs_t.columns.keys())
            if columns is not None and not wanted <= columns:
                raise UnknownLayout(
                    f"the table {self.jobs_t.fullname} must have the columns {', '.join(sorted(wanted))}, and another "
                    "program made it: use another tablename"
                )
            self.jobs_t.create(connection, checkfirst=True)
            self._layout_t.create(connection, checkfirst=True)
            self._leases.table.create(connection, checkfirst=True)
        with self._transaction() as connection:
            self._leases.begin_counting(connection)
            found = connection.execute(select(self._layout_t.c.version)).scalar()
            if found == LAYOUT:
                return  # a lock would be refused by a database that is read-only
            found = connection.execute(select(self._layout_t.c.version).with_for_update()).scalar()
            if found is None:
                connection.execute(self._layout_t.insert(), {"id": 1, "version": LAYOUT})
            elif migrate(found, connection, place=f"the table {self.jobs_t.fullname}") != found:
                connection.execute(self._layout_t.update().values(version=LAYOUT))

    def _columns(self, connection: Connection) -> set[str] | None:
        inspector = inspect(connection)
        if not inspector.has_table(self.jobs_t.name, schema=self.jobs_t.schema):
            return None
        return {column["name"] for column in inspector.get_columns(self.jobs_t.name, schema=self.jobs_t.schema)}

    @override
    def shutdown(self) -> None:
        if self._owns_engine:
            self.engine.dispose()

    @contextmanager
    def _statement_alone(self) -> Iterator[Connection]:
        """Yield a connection on which each statement is committed at once."""
        with self._turn or nullcontext(), self._lease_engine.connect() as connection:
            yield connection

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """Yield a connection in a transaction.

        On SQLite, a transaction that writes must begin with a write: it waits for its turn then, and would fail at once
        if it had read before.
        """
        with self._turn or nullcontext(), self._engine.begin() as connection:
            yield connection

    # -- the operations on rows

    @override
    def insert_rows(self, rows: Sequence[Row]) -> None:
        values = [
            {
                "id": row.id,
                "uid": row.uid,
                "version": row.version,
                "next_run_time": row.next_run_time,
                "definition": row.definition,
                "record": row.record,
            }
            for row in rows
        ]
        try:
            with self._transaction() as connection:
                connection.execute(self.jobs_t.insert(), values)
                self._leases.count_change(connection)
        except IntegrityError as error:
            raise ConflictingIdError(self._first_known(rows)) from error

    def _first_known(self, rows: Sequence[Row]) -> str:
        """Return the first of the IDs that is in the table."""
        ids = [row.id for row in rows]
        with self._transaction() as connection:
            for start in range(0, len(ids), _IDS_AT_ONCE):
                some = ids[start : start + _IDS_AT_ONCE]
                known = set(connection.execute(select(self.jobs_t.c.id).where(self.jobs_t.c.id.in_(some))).scalars())
                for job_id in some:
                    if job_id in known:
                        return job_id
        return ids[0]  # it was removed since

    @override
    def fetch_row(self, job_id: str) -> Row | None:
        found = self._rows(select(self.jobs_t).where(self.jobs_t.c.id == job_id))
        return found[0] if found else None

    @override
    def fetch_rows(self) -> Sequence[Row]:
        return self._rows(select(self.jobs_t))

    @override
    def fetch_due_rows(self, until: Instant) -> Sequence[Row]:
        return self._rows(select(self.jobs_t).where(self.jobs_t.c.next_run_time <= until))

    @override
    def earliest_run_time(self) -> Instant | None:
        with self._transaction() as connection:
            found = connection.execute(select(func.min(self.jobs_t.c.next_run_time))).scalar()
        return None if found is None else time_in(found)

    def _rows(self, query: Select[Any]) -> list[Row]:
        with self._transaction() as connection:
            return [
                row_of(
                    found.id,
                    uid=found.uid,
                    version=found.version,
                    next_run_time=found.next_run_time,
                    definition=found.definition,
                    record=found.record,
                )
                for found in connection.execute(query)
            ]

    @override
    def change_rows(self, changes: Sequence[RowChange]) -> Sequence[bool]:
        # In the order of their IDs, so that two writers of the same rows wait for each other in one order.
        ordered = sorted(changes, key=lambda change: change.id)
        if not self._change_all(ordered):
            with self._transaction() as connection:
                written = {
                    change.id: connection.execute(self._statement(change), _parameters(change)).rowcount == 1
                    for change in ordered
                }
                if _changes_jobs(ordered):
                    self._leases.count_change(connection)
            return [written[change.id] for change in changes]
        return [True] * len(changes)

    def _change_all(self, changes: Sequence[RowChange]) -> bool:
        """Write all changes, many in one statement; write nothing and return False if one of the rows has changed."""
        with self._transaction() as connection:
            for form in _forms(changes):
                result = connection.execute(self._statement(form[0]), [_parameters(change) for change in form])
                if result.rowcount != len(form):
                    connection.rollback()
                    return False
            if _changes_jobs(changes):
                self._leases.count_change(connection)
        return True

    def _statement(self, form: RowChange) -> Any:
        table = self.jobs_t
        values: dict[str, Any] = {
            "version": table.c.version + 1,
            "next_run_time": bindparam("new_next_run_time", type_=table.c.next_run_time.type),
        }
        if form.definition is not None:
            values["definition"] = bindparam("new_definition", type_=table.c.definition.type)
        if form.record is not None:
            values["record"] = bindparam("new_record", type_=table.c.record.type)
        return (
            table.update()
            .where(table.c.id == bindparam("of_id", type_=table.c.id.type))
            .where(table.c.uid == bindparam("of_uid", type_=table.c.uid.type))
            .where(table.c.version == bindparam("of_version", type_=table.c.version.type))
            .values(values)
        )

    @override
    def remove_row(self, job_id: str, uid: str | None = None, version: int | None = None) -> bool:
        statement = self.jobs_t.delete().where(self.jobs_t.c.id == job_id)
        if uid is not None:
            statement = statement.where(self.jobs_t.c.uid == uid)
        if version is not None:
            statement = statement.where(self.jobs_t.c.version == version)
        with self._transaction() as connection:
            removed = connection.execute(statement).rowcount == 1
            if uid is None:  # what the acting scheduler removes it knows
                self._leases.count_change(connection)
            return removed

    @override
    def clear_rows(self) -> None:
        with self._transaction() as connection:
            connection.execute(self.jobs_t.delete())
            self._leases.count_change(connection)

    # -- changes of others

    @override
    def kept_versions(self) -> Mapping[str, tuple[str, int]]:
        table = self.jobs_t
        with self._transaction() as connection:
            found = connection.execute(select(table.c.id, table.c.uid, table.c.version))
            return {job_id: known_version(uid, version, job_id) for job_id, uid, version in found}

    @override
    def change_number(self) -> int | None:
        row = self.fetch_lease(CHANGES)
        return None if row is None else row.version

    @override
    def listen(self, changed: Callable[[], None]) -> Callable[[], None] | None:
        if not can_listen(self.engine):
            return None
        return listen(lambda: listening(self.engine, self._leases.channel), changed)

    @override
    def announce(self) -> None:
        with self._transaction() as connection:
            self._leases.count_change(connection)

    # -- leases

    @override
    def fetch_lease(self, name: str) -> LeaseRow | None:
        with self._statement_alone() as connection:
            return self._leases.fetch(connection, name)

    @override
    def put_lease(self, name: str, version: int | None, document: bytes) -> bool:
        with self._statement_alone() as connection:
            return self._leases.put(connection, name, version, document)

    @override
    def drop_lease(self, name: str, version: int) -> bool:
        with self._statement_alone() as connection:
            return self._leases.drop(connection, name, version)

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} (url={self.engine.url!r})>"


def _changes_jobs(changes: Sequence[RowChange]) -> bool:
    return any(change.definition is not None for change in changes)


def _forms(changes: Sequence[RowChange]) -> list[list[RowChange]]:
    """Return the changes in groups that write the same columns."""
    forms: dict[tuple[bool, bool], list[RowChange]] = {}
    for change in changes:
        forms.setdefault((change.definition is None, change.record is None), []).append(change)
    return list(forms.values())


def _parameters(change: RowChange) -> dict[str, Any]:
    found: dict[str, Any] = {
        "of_id": change.id,
        "of_uid": change.uid,
        "of_version": change.version,
        "new_next_run_time": change.next_run_time,
    }
    if change.definition is not None:
        found["new_definition"] = change.definition
    if change.record is not None:
        found["new_record"] = change.record
    return found
