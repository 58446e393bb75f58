"""The table of the leases of an SQLAlchemyJobStore."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, LargeBinary, MetaData, String, Table, select
from sqlalchemy.exc import IntegrityError

from kalends.jobstores.lease_rows import LeaseRow

LONGEST_NAME = 300


class LeasesTable:
    """A table with a row for each lease."""

    def __init__(self, name: str, metadata: MetaData, schema: str | None) -> None:
        self.table = Table(
            name,
            metadata,
            Column("name", String(LONGEST_NAME), primary_key=True),
            Column("version", BigInteger, nullable=False),
            Column("document", LargeBinary, nullable=False),
            schema=schema,
        )

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
