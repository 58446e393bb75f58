"""The table of the leases of an SQLAlchemyJobStore."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Engine, LargeBinary, MetaData, String, Table, func, select
from sqlalchemy.exc import IntegrityError

from kalends.jobstores.common.lease_rows import LeaseRow
from kalends.jobstores.common.notices import Wait

LONGEST_NAME = 300
CHANGES = "#changes"
"""The name of the row whose version counts the changes of jobs. It is no lease."""


class LeasesTable:
    """A table with a row for each lease."""

    def __init__(self, name: str, metadata: MetaData, schema: str | None) -> None:
        # A channel of PostgreSQL, whose name may have 63 bytes.
        self.channel = f"kalends_{sha256(f'{schema}.{name}'.encode()).hexdigest()[:32]}"
        self.table = Table(
            name,
            metadata,
            Column("name", String(LONGEST_NAME), primary_key=True),
            Column("version", BigInteger, nullable=False),
            Column("document", LargeBinary, nullable=False),
            schema=schema,
        )

    def begin_counting(self, connection: Connection) -> None:
        """Create the row that counts changes, unless there is one.

        Raises:
            IntegrityError: Another process creates it now.
        """
        if self.fetch(connection, CHANGES) is None:
            connection.execute(self.table.insert(), {"name": CHANGES, "version": 1, "document": b""})

    def count_change(self, connection: Connection) -> None:
        """Count a change of jobs, and notify those that listen, once the transaction is committed."""
        row = self.table.c.name == CHANGES
        connection.execute(self.table.update().where(row).values(version=self.table.c.version + 1))
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_notify(self.channel, "")))

    def fetch(self, connection: Connection, name: str) -> LeaseRow | None:
        """Return the row of a lease."""
        table = self.table
        found = connection.execute(select(table.c.version, table.c.document).where(table.c.name == name)).first()
        return None if found is None else LeaseRow(found.version, bytes(found.document))

    def put(self, connection: Connection, name: str, version: int | None, document: bytes) -> bool:
        """Write a row if it has this version, or if there is none; return whether it was written."""
        if version is None:
            try:
                connection.execute(self.table.insert(), {"name": name, "version": 1, "document": document})
            except IntegrityError:
                connection.rollback()
                return False
            return True
        statement = self.table.update().where(self.table.c.name == name, self.table.c.version == version)
        return connection.execute(statement.values(version=version + 1, document=document)).rowcount == 1

    def drop(self, connection: Connection, name: str, version: int) -> bool:
        """Remove a row if it has this version; return whether it was removed."""
        statement = self.table.delete().where(self.table.c.name == name, self.table.c.version == version)
        return connection.execute(statement).rowcount == 1


def can_listen(engine: Engine) -> bool:
    """Return whether the driver of an engine can wait for the notices of PostgreSQL."""
    return engine.dialect.name == "postgresql" and engine.dialect.driver == "psycopg"


@contextmanager
def listening(engine: Engine, channel: str) -> Iterator[Wait]:
    """Connect, and yield a function that waits for notices of a channel."""
    connection = engine.connect()
    try:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(f"LISTEN {channel}")
        driver: Any = connection.connection.driver_connection
        yield lambda seconds: any(True for _ in driver.notifies(timeout=seconds, stop_after=1))
    finally:
        connection.invalidate()  # the pool must not give a connection that listens to others
        connection.close()
