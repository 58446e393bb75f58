"""The table of the jobs of an SQLAlchemyJobStore, and engines with the settings that a job store needs."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from sqlalchemy import (
    URL,
    BigInteger,
    Column,
    Engine,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.pool import StaticPool
from typing_extensions import override

from kalends.extras import needs
from kalends.jobstores.common.ids import LONGEST_ID

DRIVERS = {
    "postgresql": ("postgresql", "psycopg2", "psycopg", "psycopg"),
    "mysql": ("mariadb", "MySQLdb", "pymysql", "pymysql"),
    "mariadb": ("mariadb", "MySQLdb", "pymysql", "pymysql"),
}
"""Of a database: the extra of Kalends, the package of SQLAlchemy's default driver, and the driver and package of the
extra."""
SQLITE_TIMEOUT = 30.0
"""Seconds that a write to SQLite waits for another writer."""


class _BinaryText(TypeDecorator[str]):
    """Text as its bytes in UTF-8: MySQL and MariaDB compare text without case, or without spaces at its end."""

    impl = mysql.VARBINARY
    cache_ok = True

    @override
    def process_bind_param(self, value: str | None, dialect: Any) -> bytes | None:
        return None if value is None else value.encode()

    @override
    def process_result_value(self, value: bytes | None, dialect: Any) -> str | None:
        return None if value is None else bytes(value).decode()


class _Document(LargeBinary):
    """Bytes as the driver returns them: SQLite may have another value in any column."""

    @override
    def result_processor(self, dialect: Any, coltype: Any) -> None:
        return None


def jobs_table(name: str, metadata: MetaData, schema: str | None) -> Table:
    """Return the table of jobs."""
    document = _Document().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")
    text = String(LONGEST_ID).with_variant(_BinaryText(4 * LONGEST_ID), "mysql", "mariadb")
    return Table(
        name,
        metadata,
        Column("id", text, primary_key=True),
        Column("uid", String(32), nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("next_run_time", BigInteger),
        Column("definition", document, nullable=False),
        Column("record", document),
        Index(f"ix_{name}_next_run_time", "next_run_time"),
        schema=schema,
    )


def new_engine(url: str, options: dict[str, Any]) -> Engine:
    """Return an engine for a URL, with what a job store needs on SQLite: patience, and readers that never wait.

    Raises:
        ImportError: The driver is not installed; the message names the extra that installs one.
    """
    parsed = _with_installed_driver(make_url(url))
    if parsed.get_backend_name() != "sqlite":
        settings = {"pool_pre_ping": True} | options
        if parsed.drivername not in DRIVERS:
            return create_engine(parsed, **settings)
        extra, _, _, package = DRIVERS[parsed.drivername]
        with needs(f"SQLAlchemyJobStore('{parsed.drivername}://…')", extra, package):
            return create_engine(parsed, **settings)
    arguments = {"timeout": SQLITE_TIMEOUT} | dict(options.pop("connect_args", {}))
    in_memory = parsed.database in {None, "", ":memory:"}
    if in_memory and "poolclass" not in options:
        options["poolclass"] = StaticPool
        arguments["check_same_thread"] = False
    made = create_engine(parsed, connect_args=arguments, **options)
    if not in_memory:
        event.listen(made, "connect", _use_write_ahead_log)
    return made


def _with_installed_driver(url: URL) -> URL:
    """Return a URL that names no driver with the driver of the extra, if SQLAlchemy's default is not installed."""
    if url.drivername not in DRIVERS:
        return url
    _, default, driver, package = DRIVERS[url.drivername]
    if find_spec(default) is not None or find_spec(package) is None:
        return url
    return url.set(drivername=f"{url.drivername}+{driver}")


def _use_write_ahead_log(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
