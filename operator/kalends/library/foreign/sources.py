"""Where APScheduler 3 keeps jobs, and where Kalends is to keep them: by URL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from kalends.extras import needs
from kalends.jobstores.base import RecordingJobStore

TABLE, KEY, COLLECTION, PATH = "apscheduler_jobs", "apscheduler.jobs", "apscheduler.jobs", "/apscheduler"
"""APScheduler's defaults; the third is a database, and a collection or a table of RethinkDB."""
_REDIS = ("redis", "rediss")
_MONGODB = ("mongodb", "mongodb+srv")
_ETCD = ("etcd", "etcd+https")
_PATIENCE = 10
"""Seconds within which a server must answer."""


def rows_of(address: str, name: str | None) -> Iterator[tuple[str, object]]:
    """Yield the IDs and the pickles of the jobs at a URL.

    What another program has written in place of a pickle is yielded as it is.

    Args:
        address: ``redis://``, ``mongodb://``, ``rethinkdb://``, ``etcd://``, ``zookeeper://``, or a URL of SQLAlchemy.
        name: The table, the key, ``database.collection``, or the path. None: APScheduler's default.

    Raises:
        ImportError: The client library is not installed; the message names the extra.
        Exception: What the client library raises, such as for a table that is missing.
    """
    scheme = urlsplit(address).scheme
    if scheme in _REDIS:
        yield from _redis_rows(address, name or KEY)
    elif scheme in _MONGODB:
        yield from _mongodb_rows(address, name or COLLECTION)
    elif scheme == "rethinkdb":
        yield from _rethinkdb_rows(address, name or COLLECTION)
    elif scheme in _ETCD:
        yield from _etcd_rows(address, name or PATH)
    elif scheme == "zookeeper":
        yield from _zookeeper_rows(address, name or PATH)
    else:
        yield from _sql_rows(address, name or TABLE)


def _sql_rows(address: str, name: str) -> Iterator[tuple[str, object]]:
    with needs("kalends convert", "sqlalchemy"):
        from sqlalchemy import column, create_engine, select, table
    engine = create_engine(address)
    # Without types: that of binary columns would make bytes of any number that SQLite has in its place.
    jobs = table(name, column("id"), column("job_state"))
    try:
        with engine.connect() as connection:
            for row in connection.execute(select(jobs.c.id, jobs.c.job_state).order_by(jobs.c.id)):
                yield str(row.id), bytes(row.job_state) if isinstance(row.job_state, memoryview) else row.job_state
    finally:
        engine.dispose()


def _redis_rows(address: str, key: str) -> Iterator[tuple[str, object]]:
    with needs("kalends convert", "redis"):
        from redis import Redis
    with Redis.from_url(address) as client:
        found: Any = client.hgetall(key)
        for job_id, data in sorted(found.items()):
            yield job_id.decode(errors="backslashreplace"), data


def _mongodb_rows(address: str, name: str) -> Iterator[tuple[str, object]]:
    with needs("kalends convert", "mongodb", "pymongo"):
        from pymongo import MongoClient
    database, _, collection = name.partition(".")
    client: MongoClient[dict[str, Any]] = MongoClient(address)
    with client:
        for document in client[database][collection].find(sort=[("_id", 1)]):
            yield str(document["_id"]), document.get("job_state")


def _rethinkdb_rows(address: str, name: str) -> Iterator[tuple[str, object]]:
    with needs("kalends convert", "rethinkdb"):
        from rethinkdb import RethinkDB
    database, _, table = name.partition(".")
    url, r = urlsplit(address), RethinkDB()
    login = {"user": unquote(url.username or "admin"), "password": unquote(url.password or "")}
    connection = r.connect(host=url.hostname or "localhost", port=url.port or 28015, timeout=_PATIENCE, **login)
    try:
        for document in r.db(database).table(table).run(connection):
            yield str(document["id"]), document.get("job_state")
    finally:
        connection.close(noreply_wait=False)


def _etcd_rows(address: str, path: str) -> Iterator[tuple[str, object]]:
    with needs("kalends convert", "etcd", "etcd3gw"):
        from etcd3gw.client import Etcd3Client
    url = urlsplit(address)
    protocol = "https" if url.scheme == "etcd+https" else "http"
    client = Etcd3Client(host=url.hostname or "localhost", port=url.port or 2379, protocol=protocol, timeout=_PATIENCE)
    prefix = f"{path}/"
    try:
        for data, metadata in client.get_prefix(prefix.encode()):
            yield metadata["key"].decode(errors="backslashreplace").removeprefix(prefix), data
    finally:
        client.session.close()


def _zookeeper_rows(address: str, path: str) -> Iterator[tuple[str, object]]:
    with needs("kalends convert", "zookeeper", "kazoo"):
        from kazoo.client import KazooClient
    client = KazooClient(urlsplit(address).netloc)
    try:
        client.start(timeout=_PATIENCE)
        for name in sorted(client.get_children(path)):
            yield name, client.get(f"{path}/{name}")[0]
    finally:
        client.stop()
        client.close()


def store_at(address: str) -> RecordingJobStore:
    """Return the job store of Kalends at a URL, with its default names.

    Raises:
        ImportError: The client library is not installed; the message names the extra.
    """
    parts = urlsplit(address)
    if parts.scheme in _REDIS:
        with needs("kalends convert", "redis"):
            from redis import connection

            from kalends.jobstores.redis import RedisJobStore

        # As the client library reads it: a query may name the database, too, and other options.
        parse_url: Any = connection.parse_url
        options: dict[str, Any] = parse_url(address)
        options.pop("connection_class", None)
        return RedisJobStore(options.pop("db", 0), ssl=parts.scheme == "rediss", **options)
    if parts.scheme in _MONGODB:
        from kalends.jobstores.mongodb import MongoDBJobStore

        return MongoDBJobStore(host=address)
    from kalends.jobstores.sqlalchemy import SQLAlchemyJobStore

    return SQLAlchemyJobStore(address)
